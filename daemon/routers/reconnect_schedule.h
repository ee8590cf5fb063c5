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

// A relay that had to create its device again initiates handshakes to its routers, because they would
// otherwise need 15 s with traffic, or two minutes without, to notice that it has forgotten them. This says
// when, and to which. Not to all at once: a handshake costs each side a part of a millisecond, and the
// answers arrive together. Pure.
class ReconnectSchedule {
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
    // The routers to reconnect to from now on, if any are due; the most recent handshake comes first. An
    // attempt also ends after some tries of WireGuard's (5 s apart).
    std::vector<wg::PublicKey> take(TimePoint now);
    // Not answered yet and not given up.
    [[nodiscard]] std::set<wg::PublicKey> reconnecting() const;
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    std::map<wg::PublicKey, WallTime> known_;
    std::set<std::pair<WallTime, wg::PublicKey>, std::greater<>> waiting_;
    std::map<wg::PublicKey, TimePoint> reconnecting_;  // since when
    TimePoint next_;
};

}  // namespace ulagate
