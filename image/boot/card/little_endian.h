// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ulagate::card {

// A number of at most four bytes as PCs have always written it to their disks.
inline std::uint32_t little_endian(std::span<const std::byte> bytes) {
    std::uint32_t out = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) out = out << 8U | std::to_integer<std::uint32_t>(bytes[i]);
    return out;
}

}  // namespace ulagate::card
