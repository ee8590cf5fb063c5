// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>

#include "image/appliance/clock/sntp_packet.h"

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

// Who says the same as the time server whose answer is used. A time server proves nothing of itself.
struct ClockWitness {
    std::size_t servers = 1;  // that agree, itself among them
    // What time it is at the relays, as the daemon was told inside its tunnels: relays prove who they are.
    std::optional<WallTime> relays;
};

// `floor`: a time that has been, as it seems: of the build, of the last run. More than a year ahead of it
// needs a second who says so, and below it, the relays' word that it was wrong.
ClockAction clock_action(WallTime clock, std::chrono::nanoseconds offset, WallTime floor,
                         const ClockWitness& witness = {});

// "2026-11-27 13:20:22 UTC"
std::string utc_text(WallTime time);

}  // namespace ulagate::appliance
