// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>

#include "daemon/cli/status.h"
#include "wg/control/probe_history.h"

namespace ulagate {

// What the parts of the service put into the status.
inline Status::Age age_of(const std::optional<std::chrono::steady_clock::time_point>& when) {
    if (!when) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - *when);
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
