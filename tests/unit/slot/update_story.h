// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>
#include <sodium.h>
#include <zstd.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "image/boot/slot/update_file.h"
#include "tests/unit/text_values.h"

namespace ulagate::slot {

inline Bytes to_bytes(std::string_view text) {
    const auto bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}
inline Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

// Content that differs in every sector and does not compress to nothing.
inline Bytes some_image(std::size_t size, std::uint32_t seed = 1) {
    Bytes out(size);
    for (std::byte& byte : out) {
        seed = seed * 1'664'525U + 1'013'904'223U;
        byte = static_cast<std::byte>(seed >> 29U);
    }
    return out;
}

// Who makes updates: the key of RFC 8032 section 7.1, test 1, or another one.
class Maker {
public:
    explicit Maker(std::uint8_t other = 0) {
        std::array<unsigned char, 32> seed{0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                           0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                           0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
        seed[0] = static_cast<unsigned char>(seed[0] ^ other);
        crypto_sign_seed_keypair(key_.data(), secret_.data(), seed.data());
    }
    [[nodiscard]] const UpdateKey& key() const { return key_; }

    [[nodiscard]] Bytes head(std::string_view manifest) const {
        const auto length = manifest.size();
        Bytes out = to_bytes(kMagic);
        for (const unsigned shift : {24U, 16U, 8U, 0U})
            out.push_back(static_cast<std::byte>(length >> shift));
        out = std::move(out) + to_bytes(manifest);
        std::array<unsigned char, kSignatureBytes> signature{};
        crypto_sign_detached(signature.data(), nullptr, reinterpret_cast<const unsigned char*>(out.data()),
                             out.size(), secret_.data());
        const auto bytes = std::as_bytes(std::span{signature});
        out.insert(out.end(), bytes.begin(), bytes.end());
        return out;
    }

private:
    UpdateKey key_{};
    std::array<unsigned char, 64> secret_{};
};

inline Bytes compress(std::span<const std::byte> raw, int level = 3) {
    Bytes out(ZSTD_compressBound(raw.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), level));
    return out;
}

inline Manifest manifest_of(std::span<const std::byte> raw, std::uint32_t chunk_bytes = 4096) {
    Manifest out;
    out.version = "0.2.0";
    out.build_time = 2'000'000'000;
    out.board = "rpi";
    out.compatibles = {"raspberrypi,3-model-b", "raspberrypi,4-model-b"};
    out.raw_bytes = raw.size();
    out.chunk_bytes = chunk_bytes;
    for (std::size_t at = 0; at < raw.size(); at += chunk_bytes)
        out.chunks.push_back(hash_of(raw.subspan(at, std::min<std::size_t>(chunk_bytes, raw.size() - at))));
    return out;
}

inline Bytes update_of(std::span<const std::byte> raw, const Maker& maker = Maker{}) {
    return maker.head(build_manifest(manifest_of(raw))) + compress(raw);
}

// What came out of an update file that was read in pieces.
struct Reading {
    std::string error;  // empty: all of it was good
    Bytes image;        // what was handed out until then
    std::optional<Manifest> manifest;
};

inline Reading read_update(std::span<const std::byte> file, std::size_t piece = 1000,
                           const UpdateKey& key = Maker{}.key()) {
    Reading out;
    UpdateReader reader{key,
                        {[&](const Manifest& manifest) -> Result<void> {
                             out.manifest = manifest;
                             return {};
                         },
                         [&](std::uint64_t offset, std::span<const std::byte> chunk) -> Result<void> {
                             EXPECT_EQ(offset, out.image.size()) << "chunks come in order";
                             out.image.insert(out.image.end(), chunk.begin(), chunk.end());
                             return {};
                         }}};
    while (!file.empty()) {
        const std::size_t n = std::min(piece, file.size());
        if (const auto taken = reader.take(file.first(n)); !taken) {
            out.error = taken.error().text();
            EXPECT_FALSE(reader.take(file.first(n))) << "after an error nothing more is taken";
            EXPECT_FALSE(reader.finish());
            return out;
        }
        file = file.subspan(n);
    }
    if (const auto finished = reader.finish(); !finished) out.error = finished.error().text();
    return out;
}

}  // namespace ulagate::slot
