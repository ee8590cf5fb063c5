// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <variant>

#include "image/appliance/sntp_packet.h"

namespace ulagate::appliance {

// What to do to the clock. WireGuard dates its handshakes, and a relay ignores one that is older than the
// last it saw: so the clock goes forward at once, and back only so slowly that it never stands, unless it is
// so far ahead that this would take days.
struct StepClock {
    std::chrono::nanoseconds by;
    bool operator==(const StepClock&) const = default;
};
struct SlewClock {  // by some parts in ten thousand: nobody notices
    std::chrono::nanoseconds by;
    bool operator==(const SlewClock&) const = default;
};
struct SlowClock {  // runs a tenth slower until that much is made good
    std::chrono::nanoseconds ahead;
    bool operator==(const SlowClock&) const = default;
};
struct KeepClock {
    std::string reason;  // why what the servers say cannot be
    bool operator==(const KeepClock&) const = default;
};
using ClockAction = std::variant<StepClock, SlewClock, SlowClock, KeepClock>;

// `floor`: a time that has certainly been: of the build, of the last run.
ClockAction clock_action(WallTime clock, std::chrono::nanoseconds offset, WallTime floor);

// "2026-11-27 13:20:22 UTC"
std::string utc_text(WallTime time);

}  // namespace ulagate::appliance
