// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/base/result.h"
#include "image/appliance/clock/policy.h"

namespace ulagate::appliance {

// The kernel's clock (clock_settime(2), adjtimex(2)).
Result<void> step_clock(std::chrono::nanoseconds by);
Result<void> slew_clock(std::chrono::nanoseconds by);
// A tenth slower than normal, or normal again.
Result<void> slow_clock(bool slow);
// The kernel is told that the clock is right, within that much, so that the daemon and the RTC may know it.
// It forgets by itself when nobody says so for hours.
Result<void> mark_clock_synchronised(std::chrono::nanoseconds error);

}  // namespace ulagate::appliance
