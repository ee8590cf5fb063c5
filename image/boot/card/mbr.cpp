// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/card/mbr.h"

#include "image/boot/card/little_endian.h"

namespace ulagate::card {
namespace {

constexpr std::size_t kTable = 446;
constexpr std::size_t kPartitionBytes = 16;

}  // namespace

Result<Mbr> parse_mbr(std::span<const std::byte> sector) {
    if (sector.size() < kSectorBytes) return fail("partition table shorter than a sector");
    if (sector[510] != std::byte{0x55} || sector[511] != std::byte{0xaa}) return fail("no partition table");
    Mbr out;
    for (std::size_t i = 0; i < out.partitions.size(); ++i) {
        const auto entry = sector.subspan(kTable + i * kPartitionBytes, kPartitionBytes);
        const Partition partition{std::to_integer<std::uint8_t>(entry[4]), little_endian(entry.subspan(8, 4)),
                                  little_endian(entry.subspan(12, 4))};
        if (partition.type != 0 && partition.sectors != 0) out.partitions.at(i) = partition;
    }
    return out;
}

}  // namespace ulagate::card
