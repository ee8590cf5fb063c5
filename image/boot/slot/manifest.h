// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"

namespace ulagate::slot {

inline constexpr std::size_t kMaxManifestBytes = 65'536;

// BLAKE2b with 256 bits.
using ChunkHash = std::array<std::uint8_t, 32>;
ChunkHash hash_of(std::span<const std::byte> bytes);

// What an update file says about the slot image in it. All of it is under the signature; with the hash of
// every chunk in it, no byte of the image has to be believed before it is written.
struct Manifest {
    std::string version;
    std::int64_t build_time = 0;  // Unix seconds; a router takes nothing that is older than what it runs
    std::string board;            // as BOARD in /etc/ulagate-release
    std::vector<std::string> compatibles;  // device tree names; the machine must have one of them
    std::int64_t eeprom_time = 0;   // of the oldest bootloader EEPROM that can start it, where there is one
    std::uint64_t raw_bytes = 0;    // the image: whole sectors
    std::uint32_t chunk_bytes = 0;  // the last chunk may be shorter
    std::vector<ChunkHash> chunks;
    bool operator==(const Manifest&) const = default;

    // How long this chunk is.
    [[nodiscard]] std::size_t length_of(std::size_t chunk) const;
};

// Lines "key=value", in one order, each value with one way to write it: what parses is what build_manifest()
// makes of the result, byte for byte.
//   version=0.1.0
//   build_time=1764201600
//   board=rpi
//   compatible=raspberrypi,3-model-b     (1 to 64 of them)
//   eeprom_time=0
//   raw_bytes=67108864
//   chunk_bytes=1048576                  (a power of two, 4 KiB to 4 MiB)
//   chunk=7ce5…                          (64 hexadecimal digits; one for each chunk)
Result<Manifest> parse_manifest(std::string_view text);
std::string build_manifest(const Manifest& manifest);

}  // namespace ulagate::slot
