// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"
#include "image/boot/slot/manifest.h"

// An update file (ulagate-<board>-<version>.slot; made by image/boot/slot/make-update):
//
//   16 bytes   "ulagate slot 1\r\n": what it is, and its version; the line end shows a transfer that changed
//   it
//    4 bytes   length of the manifest, big-endian
//    n bytes   manifest (image/boot/slot/manifest.h)
//   64 bytes   Ed25519 signature over everything in front of it
//   the rest   one zstd frame: the raw FAT image of a slot. Nothing follows it.
namespace ulagate::slot {

inline constexpr std::string_view kMagic = "ulagate slot 1\r\n";
inline constexpr std::size_t kSignatureBytes = 64;

using UpdateKey = std::array<std::uint8_t, 32>;  // Ed25519, public
// 44 characters of base64, as UPDATE_KEY in /etc/ulagate-release.
std::optional<UpdateKey> parse_update_key(std::string_view base64);

// Reads an update file piece by piece, as it comes, and hands out only what is under the signature: the
// manifest, and then one verified chunk after the other. It keeps one chunk and the window of the
// decompression (8 MiB).
class UpdateReader {
public:
    // Either may refuse; the reader then says so to its caller.
    struct Sink {
        std::function<Result<void>(const Manifest&)> manifest;
        std::function<Result<void>(std::uint64_t offset, std::span<const std::byte> chunk)> chunk;
    };

    UpdateReader(const UpdateKey& key, Sink sink);

    // After an error nothing more is taken.
    Result<void> take(std::span<const std::byte> piece);
    // There is no more: was that all of it?
    Result<void> finish();

private:
    Result<void> read_head(std::span<const std::byte>& piece);
    Result<void> decompress(std::span<const std::byte> piece);
    Result<void> end_of_chunk();

    struct Decompressor;
    struct DecompressorDeleter {
        void operator()(Decompressor* decompressor) const;
    };

    UpdateKey key_;
    Sink sink_;
    std::vector<std::byte> head_;       // until it is complete
    std::optional<Manifest> manifest_;  // verified
    std::unique_ptr<Decompressor, DecompressorDeleter> decompressor_;
    std::vector<std::byte> chunk_;
    std::size_t filled_ = 0;
    std::size_t chunks_done_ = 0;
    bool ended_ = false;
    bool failed_ = false;
};

}  // namespace ulagate::slot
