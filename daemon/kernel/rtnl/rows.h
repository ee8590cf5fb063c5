// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/kernel/rtnl/links.h"
#include "daemon/kernel/rtnl/state.h"

struct nlmsghdr;

// rtnetlink messages as values, with interface indexes where the kernel has them. Pure. A message of another
// kind or family is nothing.
namespace ulagate::rtnl {

struct LinkRow {
    std::string name;
    Link link;
    std::optional<unsigned> ipv6_mtu;  // lower than the link's where a router advertisement said so
};
std::optional<LinkRow> decode_link(const nlmsghdr& message);

struct AddressRow {
    unsigned link = 0;
    net::Ipv6Prefix address;
    AddressState state;
};
std::optional<AddressRow> decode_address(const nlmsghdr& message);

struct RouteRow {
    RouteKey key;
    std::uint8_t protocol = 0;
    std::uint8_t type = 0;        // RTN_UNICAST, …
    unsigned link = 0;            // "unreachable" has the loopback's
    std::optional<unsigned> mtu;  // bytes, when the route has its own
    std::optional<net::IpAddress> gateway;
    std::optional<net::IpAddress> source;  // of a look-up: what the kernel would send from
    bool cached = false;  // a path MTU or a redirect that the kernel noted, not a route somebody set
    bool plain =
        false;  // of the shape that we set ourselves: to one link and at most one gateway, or unreachable
};
std::optional<RouteRow> decode_route(const nlmsghdr& message);  // an IPv6 route without a source prefix

// The same, and one with a source prefix too: what a look-up found (RTM_F_FIB_MATCH).
std::optional<RouteRow> decode_match(const nlmsghdr& message);

std::optional<Rule> decode_rule(const nlmsghdr& message);  // for IPv6

// The answer to a look-up of one address, IPv4 or IPv6, which names both ends in full; `key` stays empty.
std::optional<RouteRow> decode_egress(const nlmsghdr& message);

// A route to one host or to everywhere, IPv4 or IPv6.
struct OuterRoute {
    std::optional<net::IpAddress> host;  // nullopt: a default route
    std::uint32_t metric = 0;
    RouteRow route;      // without a key
    bool works = false;  // leads to one link, and that has carrier
};
std::optional<OuterRoute> decode_outer_route(const nlmsghdr& message);

std::optional<TableUse> decode_neighbour_table(
    const nlmsghdr& message);  // that of IPv6, and not a link's part of it

// Sets what an event message says has changed.
void note_change(const nlmsghdr& message, RtnlChanges& changes);

}  // namespace ulagate::rtnl
