// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/egress.h"

#include <utility>

namespace ulagate {

const std::optional<Way>& Egress::way_to(const net::IpAddress& address) {
    const auto known = ways_.find(address);
    if (known != ways_.end()) return known->second;
    auto way = lookup_.way_to(address);
    return ways_.emplace(address, way ? std::optional{std::move(*way)} : std::nullopt).first->second;
}

// A route lookup, no packet: any address that only a default route leads to.
const std::optional<Way>& Egress::way_to_internet(IpFamily family) {
    return way_to(*net::parse_ip(family == IpFamily::ipv6 ? "2000::1" : "1.0.0.1"));
}

const std::vector<DefaultRoute>& Egress::default_routes() {
    if (!default_routes_) default_routes_ = lookup_.default_routes().value_or(std::vector<DefaultRoute>{});
    return *default_routes_;
}

std::optional<Uplink> Egress::pin_of(const net::IpAddress& address) const {
    const auto pin = reconciler_.have().pins.find(address);
    return pin == reconciler_.have().pins.end() ? std::nullopt : std::optional{pin->second};
}

std::optional<Uplink> Egress::own_way(const net::IpAddress& address) {
    const auto& way = pin_of(address) ? way_to_internet(family_of(address)) : way_to(address);
    return way ? std::optional{Uplink{way->link, way->gateway}} : std::nullopt;
}

std::vector<Uplink> Egress::other_ways(const net::IpAddress& address) {
    const auto own = own_way(address);
    const auto& internet = way_to_internet(family_of(address));
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
