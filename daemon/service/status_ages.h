// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "daemon/cli/status.h"
#include "daemon/service/context.h"
#include "wg/control/probe_history.h"

namespace ulagate {

// How long ago, by the loop's clocks.
inline Status::Age age_of(const std::optional<Loop::TimePoint>& when, const Context& context) {
    if (!when) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(context.loop.now() - *when);
}
inline Status::Age age_of(Loop::WallTime when, const Context& context) {
    using std::chrono::milliseconds;
    if (when == Loop::WallTime{}) return std::nullopt;
    return std::max(milliseconds{0},
                    std::chrono::duration_cast<milliseconds>(context.loop.wall_clock() - when));
}

inline Status::Probes probes_of(const wg::control::ProbeHistory& history,
                                std::chrono::steady_clock::time_point now) {
    Status::Probes out;
    const auto round = [](wg::control::Duration time) {
        return std::chrono::duration_cast<std::chrono::microseconds>(time);
    };
    if (const auto time = history.round_trip()) out.round_trip = round(*time);
    for (const auto& time : history.round_trips(now))
        out.history.push_back(time ? std::optional{round(*time)} : std::nullopt);
    return out;
}

}  // namespace ulagate
