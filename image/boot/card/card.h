// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "image/boot/card/fat.h"
#include "image/boot/card/mbr.h"
#include "image/boot/card/state_store.h"

namespace ulagate::card {

inline constexpr std::string_view kLabel = "ULAGATE";  // of the first partition

// The partitions of a card, as the image is built.
enum class Part { config = 0, slot_a = 1, slot_b = 2, state = 3 };

// A card of ours: a disk, or an image of one in a file. Everybody reads and writes through the whole disk and
// never through the kernel's devices for its partitions: the kernel keeps a cache for each, and one does not
// see what was written through the other.
struct Card {
    std::string disk;  // "/dev/mmcblk0"
    Mbr mbr;

    [[nodiscard]] Result<std::uint64_t> first_byte(Part part) const;
    [[nodiscard]] Result<std::uint64_t> bytes(Part part) const;
    // The fourth partition.
    [[nodiscard]] Result<StateStore> open_state() const;
};

// Reads the partition table and the label; an error when this disk is not a card of ours.
Result<Card> open_card(const std::string& disk);

// The first card of ours among mmcblk*, vd* and sd* of `devices` (in this order, and by name), looked for
// again and again until `patience` is over: the drivers of USB and SD cards take their time. The error says
// what was found instead.
Result<Card> find_card(std::chrono::milliseconds patience, const std::string& devices = "/dev");

// The names of `names` that are whole disks of the kinds above, in the order in which they are looked at.
std::vector<std::string> disks_among(std::vector<std::string> names);

// The files of a FAT partition of a card.
class FatPartition {
public:
    static Result<FatPartition> open(const Card& card, Part part);

    [[nodiscard]] const FatVolume& volume() const { return volume_; }
    [[nodiscard]] Result<FatRoot> root() const;
    [[nodiscard]] Result<std::string> read(const FatFile& file, std::size_t max_bytes) const;
    // Where on the disk (not the partition) the file begins, if it lies in one piece.
    [[nodiscard]] Result<std::uint64_t> first_byte(const FatFile& file) const;

private:
    FatPartition(UniqueFd fd, std::string name, std::uint64_t first_byte, FatVolume volume);
    [[nodiscard]] ReadSectors reader() const;

    UniqueFd fd_;
    std::string name_;
    std::uint64_t first_byte_ = 0;
    FatVolume volume_;
};

}  // namespace ulagate::card
