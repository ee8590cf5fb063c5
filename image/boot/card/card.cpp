// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/card/card.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <thread>
#include <utility>

#include "daemon/base/text.h"
#include "image/boot/card/sectors.h"

namespace ulagate::card {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookAgain = 50ms;

Result<Partition> partition(const Card& card, Part part) {
    const auto index = static_cast<std::size_t>(part);
    const auto& found = card.mbr.partitions.at(index);
    if (!found) return fail(fmt::format("{} has no partition {}", card.disk, index + 1));
    return *found;
}

ReadSectors sectors_from(int fd, const std::string& name, std::uint64_t first_byte) {
    return
        [fd, name, first_byte](std::uint32_t first, std::uint32_t count) -> Result<std::vector<std::byte>> {
            std::vector<std::byte> out(count * kSectorBytes);
            auto got = read_at(fd, name, first_byte + std::uint64_t{first} * kSectorBytes, out);
            if (!got) return tl::unexpected(got.error());
            return out;
        };
}

}  // namespace

Result<std::uint64_t> Card::first_byte(Part part) const {
    const auto found = partition(*this, part);
    if (!found) return tl::unexpected(found.error());
    return std::uint64_t{found->first_sector} * kSectorBytes;
}

Result<std::uint64_t> Card::bytes(Part part) const {
    const auto found = partition(*this, part);
    if (!found) return tl::unexpected(found.error());
    return std::uint64_t{found->sectors} * kSectorBytes;
}

Result<StateStore> Card::open_state() const {
    const auto found = partition(*this, Part::state);
    if (!found) return tl::unexpected(found.error());
    return StateStore::open(disk, std::uint64_t{found->first_sector} * kSectorBytes,
                            std::uint64_t{found->sectors} * kSectorBytes);
}

Result<Card> open_card(const std::string& disk) {
    std::array<std::byte, kSectorBytes> sector{};
    {
        const UniqueFd fd{::open(disk.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
        if (!fd) return fail_errno("open " + disk);
        if (auto got = read_at(fd.get(), disk, 0, sector); !got) return tl::unexpected(got.error());
    }
    auto mbr = parse_mbr(sector);
    if (!mbr) return fail(mbr.error(), disk);
    Card card{disk, *mbr};
    const auto config = FatPartition::open(card, Part::config);
    if (!config) return tl::unexpected(config.error());
    const auto root = config->root();
    if (!root) return tl::unexpected(root.error());
    // Whoever gives a partition another name on a PC changes one of the two places only.
    if (root->label != kLabel && config->volume().label != kLabel) {
        return fail(
            fmt::format("first partition of {} is called {}, not {}", disk, quote(root->label), kLabel));
    }
    return card;
}

std::vector<std::string> disks_among(std::vector<std::string> names) {
    const auto kind = [](std::string_view name) {
        const auto only = [](std::string_view rest, std::string_view set) {
            return !rest.empty() && rest.find_first_not_of(set) == std::string_view::npos;
        };
        constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
        // mmcblk0boot0 and mmcblk0p1 are parts of a disk.
        if (name.starts_with("mmcblk") && only(name.substr(6), "0123456789")) return 0;
        if (name.starts_with("vd") && only(name.substr(2), kLetters)) return 1;
        if (name.starts_with("sd") && only(name.substr(2), kLetters)) return 2;
        return -1;
    };
    std::erase_if(names, [&](const std::string& name) { return kind(name) < 0; });
    std::ranges::sort(names, {}, [&](const std::string& name) {
        return std::tuple{kind(name), name.size(), name};  // sdz before sdaa
    });
    return names;
}

Result<Card> find_card(std::chrono::milliseconds patience, const std::string& devices) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        std::string why;
        std::vector<std::string> names;
        std::error_code unread;
        for (const auto& entry : std::filesystem::directory_iterator{devices, unread}) {
            names.push_back(entry.path().filename().string());
        }
        for (const std::string& name : disks_among(std::move(names))) {
            auto card = open_card(fmt::format("{}/{}", devices, name));
            if (card) return card;
            if (!why.empty()) why += "; ";
            why += card.error().text();
        }
        if (std::chrono::steady_clock::now() >= end) {
            return fail(why.empty() ? "no disk"
                                    : "no disk has a first partition named " + std::string{kLabel} + " (" +
                                          why + ")");
        }
        std::this_thread::sleep_for(kLookAgain);
    }
}

FatPartition::FatPartition(UniqueFd fd, std::string name, std::uint64_t first_byte, FatVolume volume)
    : fd_(std::move(fd)), name_(std::move(name)), first_byte_(first_byte), volume_(std::move(volume)) {}

Result<FatPartition> FatPartition::open(const Card& card, Part part) {
    const auto first_byte = card.first_byte(part);
    if (!first_byte) return tl::unexpected(first_byte.error());
    const std::string name = fmt::format("partition {} of {}", static_cast<std::size_t>(part) + 1, card.disk);
    UniqueFd fd{::open(card.disk.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    if (!fd) return fail_errno("open " + card.disk);
    const auto sector = sectors_from(fd.get(), name, *first_byte)(0, 1);
    if (!sector) return tl::unexpected(sector.error());
    auto volume = parse_fat(*sector);
    if (!volume) return fail(volume.error(), name);
    return FatPartition{std::move(fd), name, *first_byte, std::move(*volume)};
}

ReadSectors FatPartition::reader() const { return sectors_from(fd_.get(), name_, first_byte_); }

Result<FatRoot> FatPartition::root() const { return read_root(volume_, reader()); }

Result<std::string> FatPartition::read(const FatFile& file, std::size_t max_bytes) const {
    return read_fat_file(volume_, file, max_bytes, reader());
}

Result<std::uint64_t> FatPartition::first_byte(const FatFile& file) const {
    const auto sector = contiguous_sector(volume_, file, reader());
    if (!sector) return tl::unexpected(sector.error());
    return first_byte_ + std::uint64_t{*sector} * kSectorBytes;
}

}  // namespace ulagate::card
