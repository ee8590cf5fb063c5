// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "daemon/base/address.h"
#include "daemon/ip_family.h"

// What the kernel holds of links, addresses and routes, as plain values.
namespace ulagate {

// The routing protocol number that marks our routes (rtm_protocol): nobody else's are ever touched. 117 is
// not in /etc/iproute2/rt_protos of Debian 12 or 13 and not used by FRR (11, 186-196) or BIRD (12).
inline constexpr std::uint8_t kRouteProtocol = 117;

// Every interface that we create starts with this.
inline constexpr const char* kLinkPrefix = "ulg-";
// One of ours that is a tunnel; the others are macvlans with a virtual MAC ("ulg-v51").
bool is_tunnel_name(const std::string& link);
bool is_macvlan_name(const std::string& link);

struct Link {
    unsigned index = 0;
    bool up = false;       // administratively (IFF_UP)
    bool running = false;  // and with carrier (IFF_RUNNING)
    unsigned mtu = 0;      // bytes
    std::optional<net::MacAddress> mac;
    unsigned parent = 0;  // index of the link that it is on (IFLA_LINK); 0 = none
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

// An IPv6 route of the main table. Two with the same key cannot both be ours: a put replaces.
struct RouteKey {
    net::Ipv6Prefix destination;
    std::uint32_t metric = 0;
    auto operator<=>(const RouteKey&) const = default;
};
struct RouteTarget {
    std::optional<std::string> link;  // nothing: unreachable, answered at once with an ICMPv6 error
    auto operator<=>(const RouteTarget&) const = default;
};
using Routes = std::map<RouteKey, RouteTarget>;

// How packets to one outside address leave this machine now.
struct Way {
    std::string link;
    unsigned mtu = 0;                                      // bytes: the route's own, else the link's
    std::optional<net::IpAddress> gateway = std::nullopt;  // nothing: on the link itself
    std::optional<net::IpAddress> source = std::nullopt;   // as the kernel would choose it
    bool operator==(const Way&) const = default;
};

// Where a default route leads.
struct Uplink {
    std::string link;
    std::optional<net::IpAddress> gateway;  // nothing: point to point
    auto operator<=>(const Uplink&) const = default;
};
struct DefaultRoute {
    IpFamily family = IpFamily::ipv6;
    Uplink uplink;
    std::uint32_t metric = 0;
    bool operator==(const DefaultRoute&) const = default;
};

// Routes of ours to single outside addresses, by another uplink than the routing table would take.
using Pins = std::map<net::IpAddress, Uplink>;
inline constexpr std::uint32_t kPinMetric = 117;  // no other route of ours has it

}  // namespace ulagate
