// SPDX-License-Identifier: GPL-2.0-or-later
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "image/boot/slot/boot_choice.h"
#include "image/boot/slot/update_file.h"
#include "image/boot/slot/update_record.h"

using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

struct Keys {
    slot::UpdateKey key{};
    std::array<unsigned char, 64> secret{};
    Keys() {
        const std::array<unsigned char, 32> seed{1};
        crypto_sign_seed_keypair(key.data(), secret.data(), seed.data());
    }
};

const std::size_t kHead = slot::kMagic.size() + 4;

// Fuzzers do not guess signatures. Where a manifest of the length that is said there can be, it is signed
// anew, so that what lies behind the signature is reached too.
void sign(std::vector<std::byte>& file, const Keys& keys) {
    if (file.size() < kHead) return;
    std::size_t length = 0;
    for (std::size_t i = kHead - 4; i < kHead; ++i)
        length = length << 8U | std::to_integer<std::size_t>(file[i]);
    if (length > slot::kMaxManifestBytes || file.size() < kHead + length + slot::kSignatureBytes) return;
    crypto_sign_detached(reinterpret_cast<unsigned char*>(file.data() + kHead + length), nullptr,
                         reinterpret_cast<const unsigned char*>(file.data()), kHead + length,
                         keys.secret.data());
}

void check_manifest(std::string_view text) {
    const auto manifest = slot::parse_manifest(text);
    if (manifest) {
        require(slot::build_manifest(*manifest) == text);
    } else {
        require(!manifest.error().text().empty());
    }
}

struct Outcome {
    bool good = false;
    std::vector<std::byte> image;
};

Outcome read(const std::vector<std::byte>& file, const slot::UpdateKey& key, std::size_t piece) {
    Outcome out;
    slot::Manifest manifest;
    slot::UpdateReader reader{
        key,
        {[&](const slot::Manifest& found) -> Result<void> {
             // No more than a fuzzer can look at.
             if (found.raw_bytes > 1U << 20U) return fail("too large");
             manifest = found;
             return {};
         },
         [&](std::uint64_t offset, std::span<const std::byte> chunk) -> Result<void> {
             require(offset == out.image.size());
             const std::size_t index = offset / manifest.chunk_bytes;
             require(index < manifest.chunks.size() && chunk.size() == manifest.length_of(index));
             require(slot::hash_of(chunk) == manifest.chunks[index]);
             out.image.insert(out.image.end(), chunk.begin(), chunk.end());
             return {};
         }}};
    for (std::span<const std::byte> rest{file}; !rest.empty();) {
        const std::size_t n = std::min(piece, rest.size());
        if (!reader.take(rest.first(n))) return out;
        rest = rest.subspan(n);
    }
    out.good = reader.finish().has_value();
    if (out.good) require(out.image.size() == manifest.raw_bytes);
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Keys keys;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    check_manifest(text);
    if (const auto record = slot::parse_update_record(text)) {
        const auto again = slot::parse_update_record(slot::to_text(*record));
        require(again && again->stage == record->stage && again->slot == record->slot &&
                again->before == record->before);
    }
    if (const auto usual = slot::parse_autoboot(text))
        require(slot::parse_autoboot(slot::autoboot_text(*usual)).value() == *usual);

    const auto bytes = std::as_bytes(std::span{data, size});
    std::vector<std::byte> file{bytes.begin(), bytes.end()};
    sign(file, keys);
    const Outcome in_pieces = read(file, keys.key, 64);
    const Outcome at_once = read(file, keys.key, file.size() + 1);
    require(in_pieces.good == at_once.good);
    // Before an error, how much has come out may differ; what has come out may not.
    const std::size_t both = std::min(in_pieces.image.size(), at_once.image.size());
    require(std::equal(at_once.image.begin(), at_once.image.begin() + static_cast<std::ptrdiff_t>(both),
                       in_pieces.image.begin()));
    require(!in_pieces.good || in_pieces.image.size() == at_once.image.size());
    require(!read(file, slot::UpdateKey{}, 64).good);
    return 0;
}
