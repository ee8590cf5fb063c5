// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/clock_floor.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kWriteEvery = 10min;
constexpr std::int64_t kLastSecond = 253'402'300'799;  // of the year 9999

std::string for_people(ClockFloor::Time time) {
    const std::int64_t stamp = std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, kLastSecond);
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(stamp)));
}

}  // namespace

bool ClockFloor::load(std::string_view text) {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    std::int64_t stamp = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), stamp);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return false;
    if (stamp < 0 || stamp > kLastSecond) return false;
    on_disk_ = floor_ = Time{std::chrono::seconds{stamp}};
    return true;
}

void ClockFloor::update(Time clock, bool synchronised) {
    clock_ = clock;
    synchronised_ = synchronised;
    behind_ = !synchronised && floor_ && clock < *floor_;
    if (!behind_) floor_ = clock;
}

std::string ClockFloor::trouble(std::string_view file) const {
    if (!behind_) return {};
    return fmt::format(
        "the clock says {}, but it has been {} here before: no tunnel is begun until then, because relays "
        "ignore a handshake that is older than the last one; set the clock or run a time service (and if "
        "the later time was the wrong one, remove {} and restart ulagate)",
        for_people(clock_), for_people(*floor_), file);
}

std::optional<std::string> ClockFloor::take_write(TimePoint now, bool stopping) {
    if (!floor_ || floor_ == on_disk_) return std::nullopt;
    const bool too_high = on_disk_ && *floor_ < *on_disk_;
    const bool due = !written_at_ || now - *written_at_ >= kWriteEvery;
    if (!too_high && !due && !stopping) return std::nullopt;
    written_at_ = now;
    on_disk_ = floor_;
    return fmt::format("{}\n", floor_->time_since_epoch().count());
}

}  // namespace ulagate
