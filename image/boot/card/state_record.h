// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"
#include "image/boot/card/mbr.h"

namespace ulagate::card {

// What the firmware remembers over a power cut, as small named files: "key", "clock", "ulagate/routers".
using StateFiles = std::map<std::string, std::string>;  // name -> content

// On the card the state has two areas that are written in turn, so that there is always a whole one. An area
// is one sector of header and the files behind it.
inline constexpr std::size_t kStateAreaBytes = 128 * kSectorBytes;
inline constexpr std::size_t kStateAreas = 2;
inline constexpr std::size_t kMaxStatePayload = kStateAreaBytes - kSectorBytes;
inline constexpr std::size_t kMaxStateFiles = 256;
inline constexpr std::size_t kMaxStateName = 64;

// Letters, digits and other visible ASCII in parts between single slashes; no part is "." or "..": a name is
// never a way out of the folder that it is restored into.
bool is_state_name(std::string_view name);

// The files as they lie behind the header, in the order of their names. There are no modes in it: all of it
// may be secret, and whoever restores a file gives it 0600.
Result<std::vector<std::byte>> encode_files(const StateFiles& files);
// Refuses all that encode_files() does not write.
Result<StateFiles> decode_files(std::span<const std::byte> payload);

// The first sector of an area.
struct StateHeader {
    std::uint64_t sequence = 0;  // the higher one is the newer
    std::uint32_t payload_bytes = 0;
    std::array<std::byte, 32> digest{};  // BLAKE2b-256 of the payload
    bool operator==(const StateHeader&) const = default;
};

StateHeader header_of(std::uint64_t sequence, std::span<const std::byte> payload);
// Exactly one sector.
std::vector<std::byte> encode_header(const StateHeader& header);
Result<StateHeader> decode_header(std::span<const std::byte> sector);

// Nobody has written here: not a word about damage then.
bool is_blank(std::span<const std::byte> sector);

struct StateRecord {
    std::uint64_t sequence = 0;
    StateFiles files;
    bool operator==(const StateRecord&) const = default;
};

// A whole area (kStateAreaBytes); what is behind the payload does not count.
Result<StateRecord> decode_area(std::span<const std::byte> area);

}  // namespace ulagate::card
