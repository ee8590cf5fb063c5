// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clock/policy.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;

constexpr auto kSlew = 500ms;  // what adjtime() makes good in a quarter of an hour
constexpr auto kSlow = 2h;     // a tenth slower, that is a day
constexpr auto kDay = 24h;
constexpr auto kClose = 24h;                           // relays answer handshakes, they do not keep time
constexpr int kYears = 20;                             // that a device lives after its firmware was built
constexpr std::int64_t kLastSecond = 253'402'300'799;  // of the year 9999

}  // namespace

std::string utc_text(WallTime time) {
    const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    return fmt::format(
        "{:%Y-%m-%d %H:%M:%S} UTC",
        fmt::gmtime(static_cast<std::time_t>(std::clamp<std::int64_t>(seconds, 0, kLastSecond))));
}

ClockAction clock_action(WallTime clock, std::chrono::nanoseconds offset, WallTime floor,
                         const ClockWitness& witness) {
    const WallTime target = clock + offset;
    if (target > floor + kYears * 365 * kDay) {
        return KeepClock{
            fmt::format("the servers say {}, which is too far away to be believed", utc_text(target))};
    }
    const bool relays_agree =
        witness.relays && target >= *witness.relays - kClose && target <= *witness.relays + kClose;
    if (target > floor + 365 * kDay && witness.servers < 2 && !relays_agree) {
        return KeepClock{
            fmt::format("one time server says {}, more than a year after the last time that is known "
                        "here: believed when a second one says so",
                        utc_text(target))};
    }
    if (offset >= -kSlew && offset <= kSlew) return SlewClock{offset};
    if (offset > 0ns) return StepClock{offset};
    if (-offset <= kSlow) return SlowClock{-offset};
    const bool floor_was_wrong = relays_agree && *witness.relays + kClose < floor;
    if (target >= floor || floor_was_wrong) return StepClock{offset};
    return KeepClock{
        fmt::format("the servers say {}, but it has been {} here before; if that was wrong, a file named "
                    "factory-reset on the "
                    "card forgets it",
                    utc_text(target), utc_text(floor))};
}

}  // namespace ulagate::appliance
