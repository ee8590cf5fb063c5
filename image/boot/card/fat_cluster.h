// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "image/boot/card/fat.h"

namespace ulagate::card {

inline constexpr std::uint32_t kFirstCluster = 2;

bool is_cluster(const FatVolume& volume, std::uint32_t cluster);
std::uint32_t sector_of(const FatVolume& volume, std::uint32_t cluster);
// What the table says behind `cluster`: the next one of the chain, or a number that is not a cluster.
Result<std::uint32_t> next_cluster(const FatVolume& volume, std::uint32_t cluster, const ReadSectors& read);

}  // namespace ulagate::card
