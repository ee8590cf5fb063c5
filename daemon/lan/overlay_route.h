// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/config/config.h"
#include "ra/advertiser.h"

namespace ulagate {

// Whether the hosts of a LAN have the route to the overlay.
enum class RouteState {
    full,
    isolated,        // no relay could be reached for so long that hosts are to lose the route to the overlay
    not_forwarding,  // the kernel forwards nothing, so this is not a router (RFC 4861 section 6.2.5)
};
std::string to_string(RouteState state);  // why hosts have lost the route; empty: they have it

// Whether the route to the overlay leads anywhere, and what is advertised to hosts then. Pure.
class OverlayRoute {
public:
    using TimePoint = ra::TimePoint;

    explicit OverlayRoute(const LanConfig& config) { set_config(config); }

    void set_config(const LanConfig& config);
    void set_isolated(bool isolated, TimePoint now);
    void set_forwarding(bool forwarding) { forwarding_ = forwarding; }

    [[nodiscard]] RouteState state(TimePoint now) const;
    // When state() turns to isolated, unless a relay answers before.
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    bool withdraw_ = false;
    std::chrono::milliseconds after_{0};
    bool forwarding_ = true;
    std::optional<TimePoint> isolated_since_;
};

// The advertisement with lifetime 0 for what cannot be reached: hosts forget it, and what is behind it fails
// at once instead of after a timeout.
ra::Config advertised(ra::Config config, RouteState state);

}  // namespace ulagate
