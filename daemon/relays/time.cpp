// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/time.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace ulagate {
namespace {

constexpr std::int64_t kLastUnixSecond = 253'402'300'799;  // of the year 9999

bool take_number(std::string_view& text, char end, std::int64_t& out) {
    const auto at = text.find(end);
    if (at == std::string_view::npos) return false;
    const auto parsed = std::from_chars(text.data(), text.data() + at, out);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + at) return false;
    text.remove_prefix(at + 1);
    return out >= 0 && out <= kLastUnixSecond;
}

std::chrono::seconds since_start(RelayTime::TimePoint now) {
    return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
}

}  // namespace

RelayTime RelayTime::of(Time relays, TimePoint now) { return {relays, since_start(now)}; }

RelayTime::Time RelayTime::time(TimePoint now) const { return relays + (since_start(now) - at); }

std::string RelayTime::text() const {
    return fmt::format("{} {}\n", relays.time_since_epoch().count(), at.count());
}

std::optional<RelayTime> RelayTime::parse(std::string_view text) {
    std::int64_t relays = 0;
    std::int64_t at = 0;
    if (!take_number(text, ' ', relays) || !take_number(text, '\n', at) || !text.empty()) return std::nullopt;
    return RelayTime{Time{std::chrono::seconds{relays}}, std::chrono::seconds{at}};
}

}  // namespace ulagate
