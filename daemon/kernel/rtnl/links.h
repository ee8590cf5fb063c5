// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/kernel/rtnl/state.h"

namespace ulagate {

// What the kernel said has changed since we last asked. Level, not edge: read the part again to know how it
// is now.
struct RtnlChanges {
    bool links = false;
    bool addresses = false;
    bool our_routes = false;    // routes with our protocol number
    bool rules = false;         // of the routing policy for IPv6
    bool other_routes = false;  // others, IPv4 and IPv6: the egress to a relay may have moved
    // The kernel drops IPv4 routes with their address, silently, so that an address that goes counts as well.
    bool default_routes = false;
    bool our_main_routes = false;  // of our_routes, those in the main table
    [[nodiscard]] bool any() const { return links || addresses || our_routes || rules || other_routes; }
};

// Links, IPv6 addresses and IPv6 routes over rtnetlink (libnl). One socket to ask and change, one to listen.
// Decides nothing. All calls block for the kernel's answer only (microseconds), never for the network.
class Rtnl {
public:
    static Result<std::unique_ptr<Rtnl>> open();
    Rtnl(const Rtnl&) = delete;
    Rtnl& operator=(const Rtnl&) = delete;
    Rtnl(Rtnl&&) = delete;
    Rtnl& operator=(Rtnl&&) = delete;
    ~Rtnl();

    Result<Links> links();
    Result<Addresses> addresses();
    // Routes of our table and of the main table with our protocol number. One of a shape that put_route never
    // makes (another gateway, several hops, "blackhole", the same key twice) has a target with an empty link
    // name: nobody wants that, so it gets replaced, or deleted by the same name.
    Result<Routes> our_routes();
    // IPv6, everybody's, in the kernel's order.
    Result<Rules> rules();
    // What the kernel does with a packet that it has to forward: a route look-up with the rules, no packet.
    Result<Forwarded> forwarded(const Forwarding& packet);
    // std::errc::network_unreachable when there is no route.
    Result<Egress> egress_to(const net::IpAddress& destination);
    // Those of the main table that lead to one working link each, the one that the kernel prefers first.
    Result<std::vector<DefaultRoute>> default_routes();
    Result<EndpointRoutes> endpoint_routes();
    // Of IPv6 neighbours: one for all links, and for all network namespaces of the machine.
    Result<TableUse> neighbour_table();

    // Adding what is there already, and removing what is not, succeeds. An MTU of 0 leaves it as it is.
    Result<void> set_link(const std::string& name, bool up, unsigned mtu);
    Result<void> delete_link(const std::string& name);
    // Mode "bridge": one of mode "private" swallows each multicast frame that another router sends from the
    // same virtual MAC. It is there, down, when this returns.
    Result<void> create_macvlan(const std::string& name, const std::string& parent,
                                const net::MacAddress& mac);
    // noprefixroute: the on-link route is ours to set, with our mark. `check_duplicate`: false = no DAD. An
    // address that somebody else has put there is left as it is.
    // `lease`: the kernel removes it after that, and until then it is deprecated (preferred lifetime 0), so
    // that nothing takes it as a source by itself. Putting it again renews it.
    Result<void> put_address(const AddressKey& address, bool check_duplicate,
                             std::optional<std::chrono::seconds> lease = std::nullopt);
    Result<void> delete_address(const AddressKey& address);
    // std::errc::file_exists when another program has a route of the same key: that is not touched.
    Result<void> put_route(const RouteKey& key, const RouteTarget& target);
    Result<void> delete_route(const RouteKey& key, const RouteTarget& target);
    // Adding one that is there with our mark, and removing one that is not, succeeds.
    Result<void> put_rule(const RuleKey& rule);
    // The first of ours with this preference, destination and table, whatever else it asks.
    Result<void> delete_rule(const RuleKey& rule);
    // Replaces another endpoint route of the same address. std::errc::file_exists: see put_route().
    Result<void> put_endpoint_route(const net::IpAddress& address, const Uplink& uplink);
    Result<void> delete_endpoint_route(const net::IpAddress& address);
    // fe80::/64, which the kernel makes where it makes a link-local address: an interface without one cannot
    // send to such neighbours. It carries the kernel's mark, as the kernel's own, and goes when the interface
    // goes down.
    Result<void> put_link_local_route(const std::string& link);

    // Readable when something changed.
    [[nodiscard]] int event_handle() const;
    // Everything reported up to now, without blocking. Lost events (ENOBUFS) count as a change of all.
    Result<RtnlChanges> changes();

private:
    struct Impl;
    explicit Rtnl(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ulagate
