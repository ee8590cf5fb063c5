// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/address.h"

namespace ulagate::firewall {

enum class Mode {
    appliance,  // this machine is only a router: what is not accepted is dropped
    shared,     // others filter here too: drop only what touches the overlay or its interfaces
    off,        // no table at all
};

enum class Role { edge, relay };

// One LAN of an edge router, as its rules see it. A LAN whose packets arrive on two interfaces (the port
// itself and the macvlan of a virtual MAC) is listed once for each.
struct Lan {
    std::string interface;
    net::Ipv6Prefix prefix;  // the site's /64 here: the only source allowed from this LAN into the tunnel
    bool vrrp = false;       // accept protocol 112 from the LAN
    // A virtual address that accepts nothing but Neighbor Discovery (RFC 9568 section 6.1, Accept_Mode off).
    std::optional<net::Ipv6Address> closed;
    // Hosts here have their internet from us: the IPv4 network that is translated, and our own address in it.
    std::optional<net::Ipv4Prefix> gateway = std::nullopt;
    // The virtual router that is a default router of hosts here, but never of this machine, which may be it.
    std::optional<net::Ipv6Address> no_default = std::nullopt;
    auto operator<=>(const Lan&) const = default;
};

// One of our WireGuard interfaces. It may be named before it exists (rules match by name).
struct Tunnel {
    std::string interface;
    std::uint16_t listen_port = 0;
    std::uint16_t mtu = 0;  // bytes; TCP MSS is clamped to what fits: mtu - 60
    bool to_relay = false;  // of a relay, to another relay
    auto operator<=>(const Tunnel&) const = default;
};

// A bridge of this machine, ours or not. With bridge netfilter on (Docker, libvirt and Kubernetes load it),
// what only crosses a bridge passes the hooks of routed packets, as if it came in and went out by the bridge.
struct Bridge {
    std::string interface;
    net::MacAddress mac;  // what is sent to this goes up to the router; the rest is only switched
    auto operator<=>(const Bridge&) const = default;
};

// A kind of traffic: one entry of `firewall.forward` or `firewall.input`.
struct Service {
    enum class Protocol { any, icmpv6, tcp, udp };
    Protocol protocol = Protocol::any;
    std::uint16_t first_port = 0;  // tcp and udp only; 0-0 = all ports
    std::uint16_t last_port = 0;
    auto operator<=>(const Service&) const = default;
};

// From where the ssh of the firmware can be reached. Each includes the ones before it.
enum class AccessScope { nobody, lans, overlay, anywhere };

inline constexpr unsigned kNeighbours = 1024;  // the kernel's own choice

// What the configuration says of the firewall itself, [firewall]: a new option is here and nowhere else.
struct Options {
    Mode mode = Mode::appliance;
    std::vector<Service> forward;  // relay: what may cross between sites
    // What of this machine itself can be reached; edge: from its LANs and the overlay, relay: from anywhere.
    std::vector<Service> input;
    bool operator==(const Options&) const = default;
};

// All that the ruleset follows from, and nothing else: equal models render to equal text.
struct Model : Options {
    Role role = Role::edge;
    net::Ipv6Prefix overlay;
    std::vector<Lan> lans;                  // edge
    std::vector<Tunnel> tunnels;            // edge: one a relay; relay: one a router index, one a peer relay
    bool status_page = false;               // edge: of the firmware, for its LANs
    AccessScope ssh = AccessScope::nobody;  // of the firmware
    std::set<net::Ipv6Prefix> sites;        // relay: prefixes that sites hold; may be 10,000
    // Tunnel addresses of this machine and of those that it has tunnels with; on a relay may be 20,000.
    std::set<net::Ipv6Address> peers;
    std::set<Bridge> bridges;
    // How many entries the kernel's table of neighbours holds (net.ipv6.neigh.default.gc_thresh3).
    unsigned neighbours = kNeighbours;
    bool operator==(const Model&) const = default;
};

}  // namespace ulagate::firewall
