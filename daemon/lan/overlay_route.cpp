// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/overlay_route.h"

#include <utility>

namespace ulagate {

std::string to_string(RouteState state) {
    switch (state) {
        case RouteState::isolated:
            return "no relay can be reached";
        case RouteState::not_forwarding:
            return "the kernel does not forward (net.ipv6.conf.all.forwarding is 0)";
        case RouteState::full:
            break;
    }
    return {};
}

void OverlayRoute::set_config(const LanConfig& config) {
    withdraw_ = config.withdraw_when_isolated;
    after_ = config.isolated_after;
}

void OverlayRoute::set_isolated(bool isolated, TimePoint now) {
    if (!isolated) {
        isolated_since_.reset();
    } else if (!isolated_since_) {
        isolated_since_ = now;
    }
}

RouteState OverlayRoute::state(TimePoint now) const {
    if (!forwarding_) return RouteState::not_forwarding;
    const auto end = deadline();
    return end && now >= *end ? RouteState::isolated : RouteState::full;
}

std::optional<OverlayRoute::TimePoint> OverlayRoute::deadline() const {
    if (!withdraw_ || !isolated_since_) return std::nullopt;
    return *isolated_since_ + after_;
}

ra::Config advertised(ra::Config config, RouteState state) {
    if (state == RouteState::full) return config;
    for (ra::Option& option : config.advertisement.options) {
        auto* const route = std::get_if<ra::RouteInformation>(&option);
        if (route == nullptr) continue;
        route->lifetime = ra::Seconds{0};
        if (state == RouteState::isolated)
            return config;  // the first is the overlay's; the others need no relay
    }
    config.advertisement.router_lifetime = {};
    return config;
}

}  // namespace ulagate
