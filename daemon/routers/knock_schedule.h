// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "wg/device/key.h"

namespace ulagate {

// When a relay that had to make its device anew reaches out to which of its routers, so that they need not
// find out by themselves that it has forgotten them (15 s with traffic, two minutes without). Not to all at
// once: a handshake costs either side a part of a millisecond, and its answers come together. Pure.
class KnockSchedule {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using WallTime = std::chrono::sys_seconds;

    struct Silent {
        wg::PublicKey key;
        WallTime last_handshake;  // in the former life of the device
    };

    // All routers that were connected before and are not since their peer was made. Who is not among them any
    // more has answered, or come by itself. How many are new.
    std::size_t update(const std::vector<Silent>& routers, TimePoint now);
    // Those to knock at from now on, if any are due: who was there last comes first. Knocking at one ends
    // after some tries of WireGuard's (5 s apart), too.
    std::vector<wg::PublicKey> take(TimePoint now);
    // Not answered yet, and not given up.
    [[nodiscard]] std::set<wg::PublicKey> knocking() const;
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    std::map<wg::PublicKey, WallTime> known_;
    std::set<std::pair<WallTime, wg::PublicKey>, std::greater<>> waiting_;
    std::map<wg::PublicKey, TimePoint> knocking_;  // since when
    TimePoint next_;
};

}  // namespace ulagate
