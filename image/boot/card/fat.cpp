// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/card/fat.h"

#include <fmt/format.h>

#include <algorithm>

#include "image/boot/card/fat_cluster.h"
#include "image/boot/card/little_endian.h"

namespace ulagate::card {
namespace {

constexpr std::uint32_t kMaxFat12Clusters = 4084;
constexpr std::uint32_t kMaxFat16Clusters = 65524;

std::string label_of(std::span<const std::byte> field) {
    std::string label{reinterpret_cast<const char*>(field.data()), field.size()};
    label.erase(label.find_last_not_of(' ') + 1);
    return label == "NO NAME" ? std::string{} : label;
}

// The first `count` clusters of a chain.
Result<std::vector<std::uint32_t>> chain(const FatVolume& volume, std::uint32_t first, std::size_t count,
                                         const ReadSectors& read) {
    std::vector<std::uint32_t> out;
    std::uint32_t cluster = first;
    while (out.size() < count) {
        if (!is_cluster(volume, cluster)) return fail("file that ends before its length says so");
        out.push_back(cluster);
        if (out.size() == count) break;
        const auto next = next_cluster(volume, cluster, read);
        if (!next) return tl::unexpected(next.error());
        cluster = *next;
    }
    return out;
}

std::size_t clusters_of(const FatVolume& volume, const FatFile& file) {
    const std::size_t cluster_bytes = volume.cluster_sectors * kSectorBytes;
    return (file.bytes + cluster_bytes - 1) / cluster_bytes;
}

}  // namespace

Result<std::uint32_t> next_cluster(const FatVolume& volume, std::uint32_t cluster, const ReadSectors& read) {
    const bool wide = volume.kind == FatVolume::Kind::fat32;
    const std::uint32_t per_sector = wide ? kSectorBytes / 4 : kSectorBytes / 2;
    const auto sector = read(volume.table_sector + cluster / per_sector, 1);
    if (!sector) return tl::unexpected(sector.error());
    const std::span<const std::byte> bytes{*sector};
    const std::uint32_t at = cluster % per_sector;
    return wide ? little_endian(bytes.subspan(at * std::size_t{4}, 4)) & 0x0fffffffU
                : little_endian(bytes.subspan(at * std::size_t{2}, 2));
}

bool is_cluster(const FatVolume& volume, std::uint32_t cluster) {
    return cluster >= kFirstCluster && cluster - kFirstCluster < volume.clusters;
}

std::uint32_t sector_of(const FatVolume& volume, std::uint32_t cluster) {
    return volume.data_sector + (cluster - kFirstCluster) * volume.cluster_sectors;
}

Result<FatVolume> parse_fat(std::span<const std::byte> sector) {
    if (sector.size() < kSectorBytes) return fail("file system shorter than a sector");
    if (sector[510] != std::byte{0x55} || sector[511] != std::byte{0xaa}) return fail("no FAT file system");
    const auto number = [&](std::size_t at, std::size_t bytes) {
        return little_endian(sector.subspan(at, bytes));
    };
    if (number(11, 2) != kSectorBytes) return fail("no FAT file system with sectors of 512 bytes");
    FatVolume out;
    out.cluster_sectors = number(13, 1);
    const std::uint32_t reserved = number(14, 2);
    const std::uint32_t tables = number(16, 1);
    const std::uint32_t root_entries = number(17, 2);
    out.sectors = number(19, 2) != 0 ? number(19, 2) : number(32, 4);
    // As Linux tells the two apart: FAT32 has no 16 bit length of its table.
    out.kind = number(22, 2) == 0 ? FatVolume::Kind::fat32 : FatVolume::Kind::fat16;
    const bool wide = out.kind == FatVolume::Kind::fat32;
    out.table_sectors = wide ? number(36, 4) : number(22, 2);
    out.table_sector = reserved;
    if (out.cluster_sectors == 0 || (out.cluster_sectors & (out.cluster_sectors - 1)) != 0) {
        return fail("FAT file system with an impossible cluster size");
    }
    if (reserved == 0 || tables == 0 || tables > 2 || out.table_sectors == 0) {
        return fail("FAT file system without a table");
    }
    constexpr std::uint32_t kPerSector = kSectorBytes / 32;
    if (root_entries % kPerSector != 0 || (root_entries == 0) != wide) {
        return fail("FAT file system with an impossible root directory");
    }
    out.root_sectors = root_entries / kPerSector;
    const std::uint64_t root = reserved + std::uint64_t{tables} * out.table_sectors;
    const std::uint64_t data = root + out.root_sectors;
    if (data >= out.sectors) return fail("FAT file system without room for files");
    out.root_sector = static_cast<std::uint32_t>(root);
    out.data_sector = static_cast<std::uint32_t>(data);
    // Not more than the table has entries for: then every cluster's entry lies inside it.
    const std::uint64_t entries =
        std::uint64_t{out.table_sectors} * (wide ? kSectorBytes / 4 : kSectorBytes / 2);
    const std::uint64_t clusters = (out.sectors - out.data_sector) / out.cluster_sectors;
    if (entries <= kFirstCluster) return fail("FAT file system without a table");
    out.clusters = static_cast<std::uint32_t>(std::min(clusters, entries - kFirstCluster));
    if (!wide && out.clusters <= kMaxFat12Clusters)
        return fail("FAT12 file system, it has to be FAT16 or FAT32");
    if (!wide && out.clusters > kMaxFat16Clusters) return fail("FAT16 file system of an impossible size");
    if (wide) {
        out.root_cluster = number(44, 4);
        if (!is_cluster(out, out.root_cluster))
            return fail("FAT file system with an impossible root directory");
    }
    const std::size_t extended = wide ? 66 : 38;
    const bool has_label = sector[extended] == std::byte{0x29};
    if (has_label) out.label = label_of(sector.subspan(extended + 5, 11));
    return out;
}

const FatFile* find_file(const FatRoot& root, std::string_view name) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    const auto found = std::ranges::find_if(root.files, [&](const FatFile& file) {
        return std::ranges::equal(file.name, name, {}, lower, lower);
    });
    return found == root.files.end() ? nullptr : &*found;
}

Result<std::string> read_fat_file(const FatVolume& volume, const FatFile& file, std::size_t max_bytes,
                                  const ReadSectors& read) {
    if (file.bytes > max_bytes) {
        return fail(fmt::format("file of {} bytes is too large, at most {} are read", file.bytes, max_bytes));
    }
    const auto clusters = chain(volume, file.first_cluster, clusters_of(volume, file), read);
    if (!clusters) return tl::unexpected(clusters.error());
    std::string out;
    out.reserve(file.bytes);
    for (const std::uint32_t cluster : *clusters) {
        const auto sectors = read(sector_of(volume, cluster), volume.cluster_sectors);
        if (!sectors) return tl::unexpected(sectors.error());
        const std::size_t take = std::min<std::size_t>(sectors->size(), file.bytes - out.size());
        out.append(reinterpret_cast<const char*>(sectors->data()), take);
    }
    return out;
}

Result<std::uint32_t> contiguous_sector(const FatVolume& volume, const FatFile& file,
                                        const ReadSectors& read) {
    if (file.bytes == 0) return fail("empty file lies nowhere");
    if (!is_cluster(volume, file.first_cluster)) return fail("file that begins outside of its file system");
    std::uint32_t cluster = file.first_cluster;
    for (std::size_t left = clusters_of(volume, file); left > 1; --left) {
        const auto next = next_cluster(volume, cluster, read);
        if (!next) return tl::unexpected(next.error());
        if (!is_cluster(volume, *next)) return fail("file that ends before its length says so");
        if (*next != ++cluster) return fail("file that lies in several pieces");
    }
    return sector_of(volume, file.first_cluster);
}

}  // namespace ulagate::card
