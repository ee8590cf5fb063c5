// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/update_file.h"

#include <fmt/format.h>
#include <sodium.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "daemon/base/bytes.h"

namespace ulagate::slot {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kFixedHead = kMagic.size() + kLengthBytes;
constexpr int kWindowLog = 23;  // 8 MiB: what a machine with 128 MB can spare, and what make-update uses

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

std::string_view text_of(std::span<const std::byte> bytes) {
    // A manifest is text in a buffer of bytes.
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const unsigned char* for_sodium(std::span<const std::byte> bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::optional<UpdateKey> parse_update_key(std::string_view base64) {
    UpdateKey key{};
    std::size_t length = 0;
    const char* end = nullptr;
    if (sodium_base642bin(key.data(), key.size(), base64.data(), base64.size(), nullptr, &length, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        length != key.size() || end != base64.data() + base64.size()) {
        return std::nullopt;
    }
    return key;
}

struct UpdateReader::Decompressor {
    ZSTD_DCtx* context = ZSTD_createDCtx();

    Decompressor() {
        if (context != nullptr) ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kWindowLog);
    }
    Decompressor(const Decompressor&) = delete;
    Decompressor& operator=(const Decompressor&) = delete;
    Decompressor(Decompressor&&) = delete;
    Decompressor& operator=(Decompressor&&) = delete;
    ~Decompressor() { ZSTD_freeDCtx(context); }
};

void UpdateReader::DecompressorDeleter::operator()(Decompressor* decompressor) const {
    const std::unique_ptr<Decompressor> owned{decompressor};
}

UpdateReader::UpdateReader(const UpdateKey& key, Sink sink)
    : key_(key), sink_(std::move(sink)), decompressor_(std::make_unique<Decompressor>().release()) {}

Result<void> UpdateReader::take(std::span<const std::byte> piece) {
    if (failed_) return fail("the update was refused before");
    failed_ = true;  // until this piece was good
    if (decompressor_->context == nullptr) return fail_errno("start the decompression", ENOMEM);
    if (!manifest_) {
        if (auto read = read_head(piece); !read) return read;
    }
    if (manifest_ && !piece.empty()) {
        if (auto done = decompress(piece); !done) return done;
    }
    failed_ = false;
    return {};
}

// Takes from the piece what still belongs to the head; when that is complete, it is verified.
Result<void> UpdateReader::read_head(std::span<const std::byte>& piece) {
    const auto fill_to = [&](std::size_t size) {
        const std::size_t n = head_.size() < size ? std::min(size - head_.size(), piece.size()) : 0;
        head_.insert(head_.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
        piece = piece.subspan(n);
        return head_.size() >= size;
    };
    const bool fixed_part = fill_to(kFixedHead);
    const std::size_t known = std::min(head_.size(), kMagic.size());
    if (!std::equal(head_.begin(), head_.begin() + static_cast<std::ptrdiff_t>(known),
                    bytes_of(kMagic).begin()))
        return fail("this is not an update file of ulagate (or a newer kind of it than this version knows)");
    if (!fixed_part) return {};
    net::ByteReader length_field{std::span{head_}.subspan(kMagic.size(), kLengthBytes)};
    const std::size_t length = length_field.read<std::uint32_t>();
    if (length > kMaxManifestBytes)
        return fail(fmt::format("the update file is damaged: a manifest of {} bytes", length));
    if (!fill_to(kFixedHead + length + kSignatureBytes)) return {};

    const std::span<const std::byte> head{head_};
    const auto signed_part = head.first(kFixedHead + length);
    if (crypto_sign_verify_detached(for_sodium(head.last(kSignatureBytes)), for_sodium(signed_part),
                                    signed_part.size(), key_.data()) != 0) {
        return fail(
            "the signature is not by the key that this firmware trusts (the file is damaged, or from another "
            "source)");
    }
    auto manifest = parse_manifest(text_of(signed_part.subspan(kFixedHead)));
    if (!manifest) return fail(std::move(manifest.error()), "the update file is signed, but wrong");
    if (auto taken = sink_.manifest(*manifest); !taken) return taken;
    manifest_ = std::move(*manifest);
    chunk_.resize(manifest_->length_of(0));
    return {};
}

Result<void> UpdateReader::decompress(std::span<const std::byte> piece) {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    for (;;) {
        if (ended_) return fail("the update file is damaged: something follows its end");
        // After the last chunk one byte of room is left, to see that nothing more comes out.
        std::byte beyond{};
        const bool complete = chunks_done_ == manifest_->chunks.size();
        ZSTD_outBuffer out =
            complete ? ZSTD_outBuffer{&beyond, 1, 0} : ZSTD_outBuffer{chunk_.data(), chunk_.size(), filled_};
        const std::size_t in_before = in.pos;
        const std::size_t out_before = out.pos;
        const std::size_t hint = ZSTD_decompressStream(decompressor_->context, &out, &in);
        if (ZSTD_isError(hint) != 0)
            return fail(fmt::format("the update file is damaged: {}", ZSTD_getErrorName(hint)));
        if (complete && out.pos != 0)
            return fail("the update file is damaged: its content is longer than its manifest says");
        if (!complete) {
            filled_ = out.pos;
            if (filled_ == chunk_.size()) {
                if (auto done = end_of_chunk(); !done) return done;
            }
        }
        ended_ = hint == 0;
        if (ended_ && chunks_done_ != manifest_->chunks.size())
            return fail("the update file is damaged: its content is shorter than its manifest says");
        if (in.pos == in.size && (ended_ || out.pos == out_before)) return {};
        if (in.pos == in_before && out.pos == out_before)
            return fail("the update file is damaged: it cannot be decompressed further");
    }
}

Result<void> UpdateReader::end_of_chunk() {
    if (hash_of(chunk_) != manifest_->chunks[chunks_done_]) {
        return fail(fmt::format("the update file is damaged: chunk {} of {} is not what was signed",
                                chunks_done_ + 1, manifest_->chunks.size()));
    }
    const std::uint64_t offset = static_cast<std::uint64_t>(chunks_done_) * manifest_->chunk_bytes;
    if (auto taken = sink_.chunk(offset, chunk_); !taken) return taken;
    ++chunks_done_;
    filled_ = 0;
    chunk_.resize(manifest_->length_of(chunks_done_));
    return {};
}

Result<void> UpdateReader::finish() {
    if (failed_) return fail("the update was refused before");
    if (!ended_) {
        failed_ = true;
        return fail(manifest_ ? fmt::format("the update file ends too early: after chunk {} of {}",
                                            chunks_done_, manifest_->chunks.size())
                              : std::string{"the update file ends too early: within its first bytes"});
    }
    return {};
}

}  // namespace ulagate::slot
