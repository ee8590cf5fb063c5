// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clock/setter.h"

#include <sys/timex.h>

#include <algorithm>
#include <ctime>

namespace ulagate::appliance {
namespace {

constexpr long kNormalTick = 10'000;  // microseconds a tick, at 100 ticks a second
constexpr long kSlowTick = 9'000;     // the least that the kernel takes
constexpr std::int64_t kSecond = 1'000'000'000;

Result<void> adjust(timex& change, const char* what) {
    if (::adjtimex(&change) < 0) return fail_errno(what);
    return {};
}

}  // namespace

Result<void> step_clock(std::chrono::nanoseconds by) {
    timespec time{};
    if (::clock_gettime(CLOCK_REALTIME, &time) != 0) return fail_errno("read the clock");
    const std::int64_t total = std::int64_t{time.tv_sec} * kSecond + time.tv_nsec + by.count();
    if (total < 0) return fail_errno("set the clock", EINVAL);
    time.tv_sec = static_cast<std::time_t>(total / kSecond);
    time.tv_nsec = static_cast<long>(total % kSecond);
    if (::clock_settime(CLOCK_REALTIME, &time) != 0) return fail_errno("set the clock");
    return {};
}

Result<void> slew_clock(std::chrono::nanoseconds by) {
    timex change{};
    change.modes = ADJ_OFFSET_SINGLESHOT;
    change.offset = static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(by).count());
    return adjust(change, "slew the clock");
}

Result<void> slow_clock(bool slow) {
    timex change{};
    change.modes = ADJ_TICK;
    change.tick = slow ? kSlowTick : kNormalTick;
    return adjust(change, "change the clock's pace");
}

Result<void> mark_clock_synchronised(std::chrono::nanoseconds error) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(error).count();
    timex change{};
    change.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR;
    change.status = 0;
    // 16 s is where the kernel itself stops to believe it.
    change.maxerror = static_cast<long>(std::clamp<std::int64_t>(micros, 0, 15'000'000));
    change.esterror = change.maxerror;
    return adjust(change, "tell the kernel that its clock is right");
}

}  // namespace ulagate::appliance
