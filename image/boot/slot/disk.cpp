// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "daemon/base/text.h"
#include "image/boot/card/sectors.h"

namespace ulagate::slot {
namespace {

// What has been written waits in memory for the card; a machine with 128 MB has little of it.
constexpr std::uint64_t kWaitAfter = 4U << 20U;
constexpr std::size_t kPageBytes = 4096;

// Where autoboot.txt lies on the disk. It has to be one sector.
Result<std::uint64_t> autoboot_place(const card::Card& card) {
    const auto partition = card::FatPartition::open(card, card::Part::config);
    if (!partition) return tl::unexpected(partition.error());
    const auto root = partition->root();
    if (!root) return tl::unexpected(root.error());
    const card::FatFile* file = card::find_file(*root, "autoboot.txt");
    if (file == nullptr) return fail("the card has no autoboot.txt");
    if (file->bytes != kAutobootBytes)
        return fail(fmt::format(
            "autoboot.txt has {} bytes instead of {}: it was edited and cannot be replaced safely",
            file->bytes, kAutobootBytes));
    return partition->first_byte(*file);
}

Result<std::string> read_sector(const card::Card& card, std::uint64_t place) {
    const UniqueFd fd{::open(card.disk.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return fail_errno("open " + card.disk);
    ::posix_fadvise(fd.get(), static_cast<off_t>(place), kAutobootBytes, POSIX_FADV_DONTNEED);
    std::string text(kAutobootBytes, '\0');
    if (auto got = card::read_at(fd.get(), card.disk, place, std::as_writable_bytes(std::span{text})); !got)
        return tl::unexpected(got.error());
    return text;
}

// One write of one sector. Not through the cache where that can be: the kernel would write the whole page,
// and so the neighbours too. False with errno set when it did not work.
bool write_sector(const std::string& disk, std::uint64_t place, const std::string& text) {
    struct alignas(kPageBytes) Sector {
        std::array<char, kAutobootBytes> bytes{};
    };
    static_assert(alignof(Sector) == kPageBytes);
    Sector sector;
    std::copy(text.begin(), text.end(), sector.bytes.begin());
    for (const int direct : {O_DIRECT, 0}) {
        const UniqueFd fd{::open(disk.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_DSYNC | direct)};
        if (!fd && errno == EINVAL && direct != 0) continue;  // a file system that knows no O_DIRECT
        if (!fd) return false;
        ssize_t n = 0;
        do {
            n = ::pwrite(fd.get(), sector.bytes.data(), sector.bytes.size(), static_cast<off_t>(place));
        } while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EINVAL && direct != 0) continue;  // a disk with larger sectors
        if (n >= 0 && n != static_cast<ssize_t>(sector.bytes.size())) errno = EIO;
        return n == static_cast<ssize_t>(sector.bytes.size()) && ::fsync(fd.get()) == 0;
    }
    return false;
}

// What is read after this comes from the card.
void forget_cache(int fd, std::uint64_t offset, std::uint64_t bytes) {
    ::ioctl(fd, BLKFLSBUF, 0);  // an error for a plain file, which does no harm
    ::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
}

}  // namespace

card::Part part_of(Slot slot) { return slot == Slot::a ? card::Part::slot_a : card::Part::slot_b; }

Result<Slot> usual_slot(const card::Card& card) {
    const auto place = autoboot_place(card);
    if (!place) return tl::unexpected(place.error());
    const auto text = read_sector(card, *place);
    if (!text) return tl::unexpected(text.error());
    return parse_autoboot(*text);
}

Result<void> choose_slot(const card::Card& card, Slot usual) {
    const auto place = autoboot_place(card);
    if (!place) return tl::unexpected(place.error());
    const std::string text = autoboot_text(usual);
    if (!write_sector(card.disk, *place, text)) return fail_errno("write autoboot.txt on " + card.disk);
    const auto there = read_sector(card, *place);
    if (!there) return tl::unexpected(there.error());
    if (*there != text)
        return fail("autoboot.txt on " + card.disk + " did not store what was written: the card is failing");
    return {};
}

std::string version_in(const card::Card& card, Slot slot) {
    constexpr std::string_view kKey = "VERSION=";
    constexpr std::size_t kMaxRelease = 65'536;
    const auto volume = card::FatPartition::open(card, part_of(slot));
    const auto root = volume ? volume->root() : Result<card::FatRoot>{tl::unexpected(volume.error())};
    if (!root) return "nothing that starts (" + root.error().text() + ")";
    const card::FatFile* file = card::find_file(*root, "ulagate-release");
    if (file == nullptr) return "nothing that starts (no ulagate-release in it)";
    const auto text = volume->read(*file, kMaxRelease);
    if (!text) return "nothing that starts (" + text.error().text() + ")";
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto line = take_word(rest, '\n');
        if (line.starts_with(kKey)) return quote(line.substr(kKey.size()));
    }
    return "of no known version";
}

Result<SlotWriter> SlotWriter::open(const card::Card& card, Slot slot, const Boot& boot) {
    if (!boot.slot) return fail("the bootloader does not report which slot is running, so none is written");
    if (*boot.slot == slot)
        return fail(fmt::format("slot {} is the running one; it is not written", slot::name(slot)));
    const auto first = card.first_byte(part_of(slot));
    if (!first) return tl::unexpected(first.error());
    const auto bytes = card.bytes(part_of(slot));
    if (!bytes) return tl::unexpected(bytes.error());
    const auto running_first = card.first_byte(part_of(*boot.slot));
    const auto running_bytes = card.bytes(part_of(*boot.slot));
    if (!running_first || !running_bytes ||
        (*first < *running_first + *running_bytes && *running_first < *first + *bytes))
        return fail("the partition table of " + card.disk + " does not keep the slots apart");
    UniqueFd fd{::open(card.disk.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return fail_errno("open " + card.disk);
    return SlotWriter{std::move(fd), fmt::format("slot {} of {}", slot::name(slot), card.disk), *first,
                      *bytes};
}

Result<void> SlotWriter::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (offset > bytes_ || bytes.size() > bytes_ - offset) return fail("the update is larger than " + name_);
    waiting_ += bytes.size();
    auto place = static_cast<off_t>(first_byte_ + offset);
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), place);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("write " + name_);
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        place += n;
    }
    if (waiting_ < kWaitAfter) return {};
    waiting_ = 0;
    if (::fdatasync(fd_.get()) != 0) return fail_errno("write " + name_);
    return {};
}

Result<void> SlotWriter::read_back(const Manifest& manifest) {
    if (::fsync(fd_.get()) != 0) return fail_errno("write " + name_);
    forget_cache(fd_.get(), first_byte_, bytes_);
    std::vector<std::byte> chunk;
    for (std::size_t i = 0; i < manifest.chunks.size(); ++i) {
        chunk.resize(manifest.length_of(i));
        const std::uint64_t place = first_byte_ + static_cast<std::uint64_t>(i) * manifest.chunk_bytes;
        if (auto got = card::read_at(fd_.get(), name_, place, chunk); !got) return got;
        if (hash_of(chunk) != manifest.chunks[i])
            return fail(fmt::format("{} did not store what was written (chunk {} of {}): the card is failing",
                                    name_, i + 1, manifest.chunks.size()));
    }
    return {};
}

}  // namespace ulagate::slot
