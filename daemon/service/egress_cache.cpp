// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/egress_cache.h"

#include <utility>

namespace ulagate {

const std::optional<Egress>& EgressCache::egress_to(const net::IpAddress& address) {
    const auto known = egress_.find(address);
    if (known != egress_.end()) return known->second;
    auto egress = lookup_.egress_to(address);
    return egress_.emplace(address, egress ? std::optional{std::move(*egress)} : std::nullopt).first->second;
}

// A route lookup, no packet: any address that only a default route leads to.
const std::optional<Egress>& EgressCache::internet_egress(IpFamily family) {
    return egress_to(*net::parse_ip(family == IpFamily::ipv6 ? "2000::1" : "1.0.0.1"));
}

const std::vector<DefaultRoute>& EgressCache::default_routes() {
    if (!default_routes_) default_routes_ = lookup_.default_routes().value_or(std::vector<DefaultRoute>{});
    return *default_routes_;
}

std::optional<Uplink> EgressCache::endpoint_route_of(const net::IpAddress& address) const {
    const auto route = reconciler_.have().endpoint_routes.find(address);
    return route == reconciler_.have().endpoint_routes.end() ? std::nullopt : std::optional{route->second};
}

std::optional<Uplink> EgressCache::own_uplink(const net::IpAddress& address) {
    const auto& egress =
        endpoint_route_of(address) ? internet_egress(family_of(address)) : egress_to(address);
    return egress ? std::optional{Uplink{egress->link, egress->gateway}} : std::nullopt;
}

std::vector<Uplink> EgressCache::other_uplinks(const net::IpAddress& address) {
    const auto own = own_uplink(address);
    const auto& internet = internet_egress(family_of(address));
    // Somebody has set a route for it, and knows why.
    if (!own || !internet || *own != Uplink{internet->link, internet->gateway}) return {};
    std::vector<Uplink> out;
    for (const DefaultRoute& route : default_routes()) {
        const bool usable = route.uplink != own && !route.uplink.link.starts_with(kLinkPrefix);
        if (usable && route.family == family_of(address)) out.push_back(route.uplink);
    }
    return out;
}

}  // namespace ulagate
