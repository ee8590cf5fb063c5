// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/ip_family.h"
#include "daemon/base/own_links.h"

// What the kernel holds of links, addresses and routes, as plain values.
namespace ulagate {

// The routing protocol number that marks our routes (rtm_protocol): nobody else's are ever touched. 117 is
// not in /etc/iproute2/rt_protos of Debian 12 or 13 and not used by FRR (11, 186-196) or BIRD (12).
inline constexpr std::uint8_t kRouteProtocol = 117;

// Where our routes are: a table that nobody else writes to, asked before all others (kRulePreference). In the
// main table a route of a network manager with a lower metric, or a stranger's longer prefix, would take the
// overlay's traffic away, and so would any rule that another VPN puts before that table.
inline constexpr std::uint32_t kRouteTable = 117;
// The main table (RT_TABLE_MAIN): what of ours is found there is a former version's.
inline constexpr std::uint32_t kMainTable = 254;

struct Link {
    unsigned index = 0;
    bool up = false;       // administratively (IFF_UP)
    bool running = false;  // and with carrier (IFF_RUNNING)
    unsigned mtu = 0;      // bytes
    std::optional<net::MacAddress> mac;
    unsigned parent = 0;  // index of the link that it is on (IFLA_LINK); 0 = none
    bool bridge = false;  // that others may be ports of
    unsigned master = 0;  // index of the bridge, bond, VRF, … that it is a port of (IFLA_MASTER); 0 = none
    // IFLA_INFO_KIND: "bridge", "vrf", "macvlan"; empty for hardware.
    std::string kind = {};
    bool takes_all = false;  // a macvlan or macvtap of mode passthru: what comes in on its parent is its
    bool operator==(const Link&) const = default;
};
using Links = std::map<std::string, Link>;  // by name

// An IPv6 address on an interface. Several interfaces may hold the same.
struct AddressKey {
    std::string link;
    net::Ipv6Prefix address;  // host bits set
    auto operator<=>(const AddressKey&) const = default;
};
struct AddressState {
    bool ours = false;       // carries our mark (IFA_PROTO == kRouteProtocol, Linux 5.18)
    bool tentative = false;  // duplicate address detection is not over: cannot be a source yet
    bool duplicate = false;  // and it failed
    bool operator==(const AddressState&) const = default;
};
using Addresses = std::map<AddressKey, AddressState>;

// An IPv6 route. Two with the same key cannot both be ours: a put replaces.
struct RouteKey {
    net::Ipv6Prefix destination;
    std::uint32_t metric = 0;
    std::uint32_t table = kRouteTable;
    auto operator<=>(const RouteKey&) const = default;
};
// A route into one of our tunnels leads to a next hop that stands for whoever is at its other end: the kernel
// makes a neighbour entry for each next hop, also on a tunnel, and without one each address that anybody
// sends to would be an entry. WireGuard looks at the destination only.
inline constexpr net::Ipv6Address kTunnelNextHop{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x75}};

struct RouteTarget {
    std::optional<std::string> link;  // nullopt: unreachable, answered at once with an ICMPv6 error
    auto operator<=>(const RouteTarget&) const = default;
};
using Routes = std::map<RouteKey, RouteTarget>;

// A rule of the routing policy for IPv6: which table is asked for which packets, and in which order.
struct RuleKey {
    std::uint32_t preference = 0;  // the lowest is asked first
    std::uint32_t table = 0;
    std::optional<net::Ipv6Prefix> to = std::nullopt;  // nullopt: for all destinations
    auto operator<=>(const RuleKey&) const = default;
};
struct Rule {
    RuleKey key;
    // Asks a table, of all packets to key.to: no other condition, nothing suppressed. We set no others.
    bool plain = false;
    std::uint8_t protocol = 0;  // who set it (FRA_PROTOCOL, Linux 4.17): kRouteProtocol is ours
    std::string text;           // as iproute2 writes it, without preference: "from all iif eth0 lookup 52"
    enum class Kind { look_up, drop, jump, other } kind = Kind::look_up;
    bool inverted = false;                               // for packets that the conditions do not describe
    std::string iif = {};                                // from that interface; "" = any
    std::optional<net::Ipv6Prefix> from = std::nullopt;  // nullopt: any source
    bool operator==(const Rule&) const = default;
    [[nodiscard]] bool ours() const { return protocol == kRouteProtocol; }
};
using Rules = std::vector<Rule>;  // everybody's, in the order in which the kernel asks them

// Ours comes after "0: from all lookup local" and before all that programs use (VRFs 1000, Tailscale 5210).
// A rule without a preference, as wg-quick adds two, gets the one before the second rule of all: before ours
// while ours is that. So ours goes down until nobody is before it, and up again when they are gone; at 200
// there is room for that. What somebody puts at 0 or 1 stays before ours. Where the local table is asked too
// late (its rule was moved behind that of the VRFs, say), another rule of ours is before that one: what is
// for this machine itself must not take the route of its neighbours.
inline constexpr std::uint32_t kRulePreference = 200;
inline constexpr std::uint32_t kLowestRulePreference = 2;
inline constexpr std::uint32_t kLocalTable = 255;  // RT_TABLE_LOCAL

// A packet that came in, and is for somebody else.
struct Forwarding {
    std::string from;  // interface
    net::Ipv6Address source;
    net::Ipv6Address destination;
    auto operator<=>(const Forwarding&) const = default;
};
// What becomes of it. With an error (a rule that says "unreachable", no route at all) there is no route.
struct Forwarded {
    int error = 0;  // errno
    std::string link;
    RouteKey route;  // that the kernel chose
    std::uint8_t protocol = 0;
    std::uint8_t type = 0;  // RTN_UNICAST, …
    std::optional<net::IpAddress> gateway = std::nullopt;
    bool operator==(const Forwarded&) const = default;
};

// One of the tables that all traffic of the machine shares.
struct TableUse {
    std::uint64_t entries = 0;
    std::uint64_t room = 0;
    std::uint64_t refused = 0;  // how many entries found no room, ever
    bool operator==(const TableUse&) const = default;
};

// How packets to one outside address leave this machine now.
struct Egress {
    std::string link;
    unsigned mtu = 0;                                      // bytes: the route's own, else the link's
    std::optional<net::IpAddress> gateway = std::nullopt;  // nullopt: on the link itself
    std::optional<net::IpAddress> source = std::nullopt;   // as the kernel would choose it
    bool operator==(const Egress&) const = default;
};

// Where a default route leads.
struct Uplink {
    std::string link;
    std::optional<net::IpAddress> gateway;  // nullopt: point to point
    auto operator<=>(const Uplink&) const = default;
};
struct DefaultRoute {
    IpFamily family = IpFamily::ipv6;
    Uplink uplink;
    std::uint32_t metric = 0;
    bool operator==(const DefaultRoute&) const = default;
};

// Routes of ours to single outside addresses, by another uplink than the routing table would take.
using EndpointRoutes = std::map<net::IpAddress, Uplink>;
inline constexpr std::uint32_t kEndpointRouteMetric = 117;  // no other route of ours has it

}  // namespace ulagate
