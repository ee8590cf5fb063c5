// SPDX-License-Identifier: GPL-2.0-or-later
// The root directory: entries of 32 bytes; a long name comes in pieces of 13 UTF-16 units before its file.
#include <algorithm>
#include <utility>

#include "image/boot/card/fat.h"
#include "image/boot/card/fat_cluster.h"
#include "image/boot/card/little_endian.h"

namespace ulagate::card {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kDirectoryEntryBytes = 32;
constexpr std::uint32_t kVolumeLabel = 0x08;
constexpr std::uint32_t kDirectory = 0x10;
constexpr std::uint32_t kLongName = 0x0f;
constexpr std::uint32_t kLastPiece = 0x40;
constexpr std::uint32_t kMaxPieces = 20;
constexpr std::byte kDeleted{0xe5};

using Entry = std::span<const std::byte>;

std::uint32_t number(Entry entry, std::size_t at, std::size_t bytes) {
    return little_endian(entry.subspan(at, bytes));
}

void append_utf8(std::string& out, std::uint32_t point) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (point < 0x80) return put(point);
    if (point < 0x800) {
        put(0xc0U | point >> 6U);
    } else {
        if (point < 0x10000) {
            put(0xe0U | point >> 12U);
        } else {
            put(0xf0U | point >> 18U);
            put(0x80U | (point >> 12U & 0x3fU));
        }
        put(0x80U | (point >> 6U & 0x3fU));
    }
    put(0x80U | (point & 0x3fU));
}

std::string to_utf8(const std::vector<std::uint16_t>& units) {
    std::string out;
    for (std::size_t i = 0; i < units.size(); ++i) {
        const std::uint32_t unit = units[i];
        if (unit == 0) break;
        const bool high = unit >= 0xd800 && unit < 0xdc00;
        if (high && i + 1 < units.size() && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000) {
            append_utf8(out, 0x10000 + ((unit - 0xd800U) << 10U) + (units[++i] - 0xdc00U));
        } else {
            append_utf8(out, unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit);
        }
    }
    return out;
}

// "README  TXT" and the two bits that say it was typed in small letters.
std::string short_name(Entry entry) {
    const auto field = [&](std::size_t at, std::size_t bytes, bool small) {
        std::string text;
        for (const std::byte b : entry.subspan(at, bytes)) {
            const auto c = std::to_integer<unsigned char>(b);
            const bool capital = c >= 'A' && c <= 'Z';
            // The old code pages are not ours to guess.
            text.push_back(c < 0x20 || c > 0x7e ? '_'
                                                : static_cast<char>(small && capital ? c - 'A' + 'a' : c));
        }
        text.erase(text.find_last_not_of(' ') + 1);
        return text;
    };
    const std::uint32_t flags = number(entry, 12, 1);
    const std::string base = field(0, 8, (flags & 0x08U) != 0);
    const std::string ending = field(8, 3, (flags & 0x10U) != 0);
    return ending.empty() ? base : base + "." + ending;
}

std::uint32_t checksum(Entry entry) {
    std::uint32_t sum = 0;
    for (const std::byte b : entry.first(11)) {
        sum = ((sum & 1U) << 7U) + (sum >> 1U) + std::to_integer<std::uint32_t>(b);
        sum &= 0xffU;
    }
    return sum;
}

std::chrono::sys_seconds modified(Entry entry) {
    const std::uint32_t time = number(entry, 22, 2);
    const std::uint32_t date = number(entry, 24, 2);
    const std::chrono::year_month_day day{std::chrono::year{static_cast<int>(1980 + (date >> 9U))},
                                          std::chrono::month{date >> 5U & 0xfU},
                                          std::chrono::day{date & 0x1fU}};
    if (!day.ok()) return std::chrono::sys_days{std::chrono::year{1980} / 1 / 1};
    return std::chrono::sys_days{day} + std::chrono::hours{std::min(time >> 11U, 23U)} +
           std::chrono::minutes{std::min(time >> 5U & 0x3fU, 59U)} +
           std::chrono::seconds{std::min((time & 0x1fU) * 2, 59U)};
}

// Collects the pieces of a long name, which come last piece first.
class LongName {
public:
    void piece(Entry entry) {
        const std::uint32_t order = number(entry, 0, 1);
        const std::uint32_t index = order & ~kLastPiece;
        if ((order & kLastPiece) != 0) {
            units_.clear();
            expected_ = index;
            checksum_ = number(entry, 13, 1);
        }
        if (index == 0 || index > kMaxPieces || index != expected_ || number(entry, 13, 1) != checksum_) {
            return forget();
        }
        std::vector<std::uint16_t> here;
        for (const auto& [at, count] : {std::pair{1U, 5U}, {14U, 6U}, {28U, 2U}}) {
            for (std::size_t i = 0; i < count; ++i) {
                here.push_back(static_cast<std::uint16_t>(number(entry, at + 2 * i, 2)));
            }
        }
        units_.insert(units_.begin(), here.begin(), here.end());
        complete_ = --expected_ == 0;
    }
    void forget() {
        complete_ = false;
        expected_ = 0;
        units_.clear();
    }
    // The name for this entry, if the pieces were its.
    std::string take(Entry entry) {
        std::string name;
        if (complete_ && checksum(entry) == checksum_) name = to_utf8(units_);
        forget();
        return name;
    }

private:
    std::vector<std::uint16_t> units_;
    std::uint32_t expected_ = 0;
    std::uint32_t checksum_ = 0;
    bool complete_ = false;
};

class RootReader {
public:
    explicit RootReader(std::string label) { out_.label = std::move(label); }

    // False at the end of the directory.
    bool entry(Entry entry) {
        if (entry[0] == std::byte{0} || ++entries_ > kMaxRootEntries) return false;
        const std::uint32_t attributes = number(entry, 11, 1);
        if (entry[0] == kDeleted) {
            long_name_.forget();
        } else if ((attributes & 0x3fU) == kLongName) {
            long_name_.piece(entry);
        } else if ((attributes & kVolumeLabel) != 0) {
            long_name_.forget();
            std::string label{reinterpret_cast<const char*>(entry.data()), 11};
            label.erase(label.find_last_not_of(' ') + 1);
            out_.label = label;
        } else if (std::string name = long_name_.take(entry); (attributes & kDirectory) == 0) {
            const std::uint32_t cluster = number(entry, 20, 2) << 16U | number(entry, 26, 2);
            out_.files.push_back({name.empty() ? short_name(entry) : std::move(name), cluster,
                                  number(entry, 28, 4), modified(entry)});
        }
        return true;
    }
    FatRoot take() { return std::move(out_); }

private:
    FatRoot out_;
    LongName long_name_;
    std::size_t entries_ = 0;
};

}  // namespace

Result<FatRoot> read_root(const FatVolume& volume, const ReadSectors& read) {
    RootReader reader{volume.label};
    const auto sectors = [&](std::uint32_t first, std::uint32_t count) -> Result<bool> {
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto sector = read(first + i, 1);
            if (!sector) return tl::unexpected(sector.error());
            for (std::size_t at = 0; at < kSectorBytes; at += kDirectoryEntryBytes) {
                if (!reader.entry(std::span{*sector}.subspan(at, kDirectoryEntryBytes))) return false;
            }
        }
        return true;
    };
    if (volume.kind == FatVolume::Kind::fat16) {
        if (auto done = sectors(volume.root_sector, volume.root_sectors); !done)
            return tl::unexpected(done.error());
        return reader.take();
    }
    std::uint32_t cluster = volume.root_cluster;
    while (is_cluster(volume, cluster)) {
        const auto more = sectors(sector_of(volume, cluster), volume.cluster_sectors);
        if (!more) return tl::unexpected(more.error());
        if (!*more) break;  // at the latest after kMaxRootEntries: a chain may bite its tail
        const auto next = next_cluster(volume, cluster, read);
        if (!next) return tl::unexpected(next.error());
        cluster = *next;
    }
    return reader.take();
}

}  // namespace ulagate::card
