// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/ip_family.h"
#include "daemon/base/result.h"
#include "daemon/kernel/reconciler.h"
#include "daemon/kernel/rtnl/state.h"

namespace ulagate {

// What the kernel says about packets that leave this machine. KernelEgress asks the real one.
class EgressLookup {
public:
    EgressLookup() = default;
    EgressLookup(const EgressLookup&) = delete;
    EgressLookup& operator=(const EgressLookup&) = delete;
    EgressLookup(EgressLookup&&) = delete;
    EgressLookup& operator=(EgressLookup&&) = delete;
    virtual ~EgressLookup() = default;

    // std::errc::network_unreachable when there is no route.
    virtual Result<Egress> egress_to(const net::IpAddress& destination) = 0;
    virtual Result<std::vector<DefaultRoute>> default_routes() = 0;
    virtual bool udp_port_is_free(std::uint16_t port) = 0;
};

// How packets to outside addresses leave this machine, asked once until forget(): a relay looks the same
// addresses up in every turn.
class EgressCache {
public:
    EgressCache(EgressLookup& lookup, const Reconciler& reconciler)
        : lookup_(lookup), reconciler_(reconciler) {}

    // nullopt: there is no route. With our own route to the endpoint, if there is one.
    const std::optional<Egress>& egress_to(const net::IpAddress& address);
    // What the default route leads to.
    const std::optional<Egress>& internet_egress(IpFamily family);
    const std::vector<DefaultRoute>& default_routes();
    // The uplink that a route of ours leads to.
    [[nodiscard]] std::optional<Uplink> endpoint_route_of(const net::IpAddress& address) const;
    // As if we had no route of ours there. Only what a default route leads to ever gets one.
    std::optional<Uplink> own_uplink(const net::IpAddress& address);
    // Other default routes that could be taken instead.
    std::vector<Uplink> other_uplinks(const net::IpAddress& address);

    bool udp_port_is_free(std::uint16_t port) { return lookup_.udp_port_is_free(port); }

    // The network has changed.
    void forget() { egress_.clear(); }
    // To find them, all routes have to be read: not for each of a hundred thousand that come.
    void forget_default_routes() { default_routes_.reset(); }
    void forget(const net::IpAddress& address) { egress_.erase(address); }

private:
    EgressLookup& lookup_;
    const Reconciler& reconciler_;
    std::map<net::IpAddress, std::optional<Egress>> egress_;
    std::optional<std::vector<DefaultRoute>> default_routes_;
};

}  // namespace ulagate
