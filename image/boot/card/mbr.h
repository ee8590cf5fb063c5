// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "daemon/base/result.h"

namespace ulagate::card {

inline constexpr std::size_t kSectorBytes = 512;

// One primary partition of a card. Sectors of 512 bytes.
struct Partition {
    std::uint8_t type = 0;
    std::uint32_t first_sector = 0;
    std::uint32_t sectors = 0;
    bool operator==(const Partition&) const = default;
};

// The partition table in the first sector of a card (MBR: the boot ROM of the Pi 3 knows nothing else).
struct Mbr {
    std::array<std::optional<Partition>, 4> partitions;
    bool operator==(const Mbr&) const = default;
};

Result<Mbr> parse_mbr(std::span<const std::byte> sector);

}  // namespace ulagate::card
