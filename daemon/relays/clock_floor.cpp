// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/clock_floor.h"

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

// Two clocks that differ by less may both be right enough: relays answer handshakes, they do not keep time.
constexpr auto kClose = 24h;
constexpr auto kYear = 365 * 24h;
// Nothing of ours ran before (2026-11-01): an earlier time is a clock that was never set.
constexpr ClockFloor::Time kFirstRelease{1'793'491'200s};
// Less than that is waited for.
constexpr auto kFarBehind = 2min;
// A time service has its chance first; then a try lasts long enough for some handshakes.
constexpr auto kFirstTryAfterStart = 20s;
constexpr auto kTryFor = 20s;
constexpr auto kTryEvery = 2min;

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
    loaded_ = on_disk_ = floor_ = Time{std::chrono::seconds{stamp}};
    return true;
}

void ClockFloor::update(Time clock, const Sources& sources) {
    clock_ = clock;
    synchronised_ = sources.synchronised;
    const bool close =
        sources.relays && clock <= *sources.relays + kClose && clock >= *sources.relays - kClose;
    if (sources.relays && floor_ && *floor_ > *sources.relays + kClose) {
        correction_ = fmt::format(
            "the relays report {}, so the later time that was saved here ({}) was wrong and is discarded",
            for_people(*sources.relays), for_people(*floor_));
        floor_ = close ? std::min(*sources.relays, clock) : *sources.relays;
    }
    behind_ = !sources.synchronised && floor_ && clock < *floor_;
    if (behind_) return;
    behind_since_.reset();
    const bool ahead_of_relays = sources.relays && clock > *sources.relays + kClose;
    const bool far_ahead = floor_ && clock > std::max(*floor_, kFirstRelease) + kYear;
    const bool second = close || (sources.synchronised && !sources.relays_speak);
    if (ahead_of_relays) {
        floor_ = std::min(clock, floor_.value_or(*sources.relays));
    } else if (!far_ahead || second) {
        floor_ = clock;
    }
}

bool ClockFloor::may_try(TimePoint now) {
    if (!behind_ || *floor_ - clock_ < kFarBehind) return false;
    if (!behind_since_) behind_since_ = now;
    const auto waited = now - *behind_since_;
    return waited >= kFirstTryAfterStart && (waited - kFirstTryAfterStart) % kTryEvery < kTryFor;
}

bool ClockFloor::may_be_behind() const {
    return !synchronised_ && (!loaded_ || clock_ < *loaded_ + kWriteEvery);
}

std::string ClockFloor::problem(std::string_view file) const {
    if (!behind_) return {};
    return fmt::format(
        "the clock shows {}, but was at {} before: no tunnel starts until that time, because relays ignore a "
        "handshake that is older than the last one; set the clock or run a time service (if the later time "
        "was wrong, remove {} and restart ulagate)",
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
