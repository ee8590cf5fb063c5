// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/advertised_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <utility>

#include "daemon/base/bytes.h"
#include "daemon/base/text.h"
#include "ra/option_codec.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

// The same moment, counted by two clocks at two times, differs a little, and need not be written again.
constexpr auto kSameTime = 1min;

std::string to_hex(const ra::Option& option) {
    net::ByteWriter out;
    ra::put_option(out, option);
    std::string text;
    for (const std::byte b : out.bytes())
        fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(b));
    return text;
}

// nullopt: not an option whose lifetime we know.
std::optional<ra::Option> from_hex(std::string_view text) {
    std::vector<std::byte> bytes;
    for (; text.size() >= 2; text.remove_prefix(2)) {
        std::uint8_t byte = 0;
        const auto parsed = std::from_chars(text.data(), text.data() + 2, byte, 16);
        if (parsed.ec != std::errc{} || parsed.ptr != text.data() + 2) return std::nullopt;
        bytes.push_back(std::byte{byte});
    }
    if (!text.empty() || bytes.size() < ra::kOptionUnit ||
        bytes.size() != std::to_integer<std::size_t>(bytes.at(1)) * ra::kOptionUnit)
        return std::nullopt;
    auto option = ra::parse_option(std::to_integer<std::uint8_t>(bytes.at(0)), std::span{bytes}.subspan(2));
    if (ra::subjects({option}).size() != 1) return std::nullopt;
    return option;
}

std::optional<std::pair<std::string, AdvertisedMemory::Entry>> parse(std::string_view line) {
    const auto interface = take_word(line);
    const auto until = take_word(line);
    auto option = from_hex(line);
    if (interface.empty() || !option) return std::nullopt;
    AdvertisedMemory::Entry entry{std::move(*option), std::nullopt};
    if (until != "-") {
        std::int64_t count = 0;
        const auto parsed = std::from_chars(until.data(), until.data() + until.size(), count);
        // Beyond it no calendar of ours goes, and sums would overflow.
        if (parsed.ec != std::errc{} || parsed.ptr != until.data() + until.size() || count < 0 ||
            count > 1LL << 40)
            return std::nullopt;
        entry.until = AdvertisedMemory::WallTime{seconds{count}};
    }
    return std::pair{std::string{interface}, std::move(entry)};
}

// "eth0 from fe80::5eed"
std::optional<std::pair<std::string, net::Ipv6Address>> parse_source(std::string_view line) {
    const auto interface = take_word(line);
    if (take_word(line) != "from" || interface.empty()) return std::nullopt;
    const auto address = net::parse_ipv6(line);
    if (!address || !address->is_link_local()) return std::nullopt;
    return std::pair{std::string{interface}, *address};
}

}  // namespace

std::size_t AdvertisedMemory::load(std::string_view text) {
    std::size_t broken = 0;
    std::size_t count = 0;
    written_ = text;
    while (!text.empty() && count < kMost) {
        std::string_view rest = text;
        if (const auto source = parse_source(take_word(rest, '\n'))) {
            sources_[source->first].push_back(source->second);
            text = rest;
            ++count;
            continue;
        }
        if (auto entry = parse(take_word(text, '\n'))) {
            entries_[entry->first].push_back(std::move(entry->second));
            ++count;
        } else {
            ++broken;
        }
    }
    return broken;
}

std::vector<ra::Stale> AdvertisedMemory::recall(const std::string& interface, WallTime wall,
                                                ra::TimePoint now) const {
    std::vector<ra::Stale> out;
    const auto found = entries_.find(interface);
    if (found == entries_.end()) return out;
    for (const Entry& entry : found->second) {
        // Of what was advertised we do not know when it was so last, nor for how long the machine was off;
        // and where the clock has been set back, no longer than hosts keep it at all.
        seconds left{ra::lifetime_of(entry.option).value_or(ra::Seconds{0}).count()};
        if (entry.until) left = std::min<seconds>(left, *entry.until - wall);
        if (left > 0s) out.push_back({entry.option, now + left});
    }
    return out;
}

std::vector<net::Ipv6Address> AdvertisedMemory::sources(const std::string& interface) const {
    const auto found = sources_.find(interface);
    return found == sources_.end() ? std::vector<net::Ipv6Address>{} : found->second;
}

std::optional<std::string> AdvertisedMemory::behind(
    const net::Ipv6Prefix& prefix, const std::function<bool(const std::string&)>& is_free) const {
    for (const auto& [interface, list] : entries_) {
        const bool told = std::any_of(list.begin(), list.end(), [&](const Entry& entry) {
            const auto* pio = std::get_if<ra::PrefixInformation>(&entry.option);
            return pio != nullptr && !entry.until && pio->prefix.network() == prefix.network();
        });
        if (told && is_free(interface)) return interface;
    }
    return std::nullopt;
}

std::optional<std::string> AdvertisedMemory::take_write(Entries entries, Sources sources) {
    sources_ = std::move(sources);
    for (auto& [interface, list] : entries) {
        const auto before = entries_.find(interface);
        if (before == entries_.end()) continue;
        for (Entry& entry : list) {
            const auto same =
                std::find_if(before->second.begin(), before->second.end(), [&](const Entry& old) {
                    return old.option == entry.option && old.until && entry.until &&
                           *old.until - *entry.until < kSameTime && *entry.until - *old.until < kSameTime;
                });
            if (same != before->second.end()) entry.until = same->until;
        }
    }
    entries_ = std::move(entries);
    std::string text;
    for (const auto& [interface, list] : entries_) {
        for (const Entry& entry : list) {
            const std::string until =
                entry.until ? std::to_string(entry.until->time_since_epoch().count()) : "-";
            fmt::format_to(std::back_inserter(text), "{} {} {}\n", interface, until, to_hex(entry.option));
        }
    }
    for (const auto& [interface, list] : sources_) {
        for (const net::Ipv6Address& address : list)
            fmt::format_to(std::back_inserter(text), "{} from {}\n", interface, net::to_string(address));
    }
    if (text == written_) return std::nullopt;
    written_ = text;
    return text;
}

std::vector<AdvertisedMemory::Entry> memory_of(const std::vector<ra::Option>& advertised,
                                               const std::vector<ra::Stale>& stale,
                                               AdvertisedMemory::WallTime wall, ra::TimePoint now) {
    std::vector<AdvertisedMemory::Entry> out;
    for (const ra::Option& option : advertised) {
        if (ra::lifetime_of(option) != ra::Seconds{0}) out.push_back({option, std::nullopt});
    }
    for (const ra::Stale& gone : stale) {
        if (gone.until <= now) continue;
        out.push_back({gone.option, wall + std::chrono::ceil<seconds>(gone.until - now)});
    }
    return out;
}

}  // namespace ulagate
