// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"
#include "image/boot/card/mbr.h"

// Reads the root directory of a FAT16 or FAT32 file system and the files in it: enough for the partition with
// the configuration, which is then never mounted, and for the one sector that an update rewrites in place.
// Pure: the sectors come from a function that the caller gives.
namespace ulagate::card {

// Sectors from the start of the partition. Exactly `count` of them, or an error.
using ReadSectors = std::function<Result<std::vector<std::byte>>(std::uint32_t first, std::uint32_t count)>;

// What the first sector of the partition says.
struct FatVolume {
    enum class Kind { fat16, fat32 };
    Kind kind = Kind::fat16;
    std::string label;  // "" when there is none; a label given later is in the root directory only
    std::uint32_t sectors = 0;
    std::uint32_t cluster_sectors = 0;
    std::uint32_t table_sector = 0;  // the first table
    std::uint32_t table_sectors = 0;
    std::uint32_t root_sector = 0;   // FAT16: where the root directory lies ...
    std::uint32_t root_sectors = 0;  // ... and how long it is
    std::uint32_t root_cluster = 0;  // FAT32
    std::uint32_t data_sector = 0;   // cluster 2
    std::uint32_t clusters = 0;      // numbered from 2
    bool operator==(const FatVolume&) const = default;
};

Result<FatVolume> parse_fat(std::span<const std::byte> sector);

// An ordinary file of the root directory.
struct FatFile {
    std::string name;  // UTF-8; the long name if it has one
    std::uint32_t first_cluster = 0;
    std::uint32_t bytes = 0;
    // As the clock of the PC on the wall showed it, whatever its time zone. 1980-01-01 when not a date.
    std::chrono::sys_seconds modified;
    bool operator==(const FatFile&) const = default;
};

struct FatRoot {
    std::string label;  // the directory's entry for it, else the first sector's
    std::vector<FatFile> files;
    bool operator==(const FatRoot&) const = default;
};

// A card with more entries than this in its root directory is not ours.
inline constexpr std::size_t kMaxRootEntries = 4096;

Result<FatRoot> read_root(const FatVolume& volume, const ReadSectors& read);

// Names on FAT have no upper and lower case.
const FatFile* find_file(const FatRoot& root, std::string_view name);

Result<std::string> read_fat_file(const FatVolume& volume, const FatFile& file, std::size_t max_bytes,
                                  const ReadSectors& read);

// The sector (from the start of the partition) where the file begins; an error unless all of it lies there in
// one piece.
Result<std::uint32_t> contiguous_sector(const FatVolume& volume, const FatFile& file,
                                        const ReadSectors& read);

}  // namespace ulagate::card
