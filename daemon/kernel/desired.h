// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/config/config.h"
#include "daemon/kernel/steps.h"

namespace ulagate {

// Seconds: the keepalive of a router that the relay initiates handshakes to; the others have none.
inline constexpr std::uint16_t kReconnectKeepalive = 25;

// What the daemon has learnt about one relay, beside the configuration.
struct RelayFacts {
    std::optional<net::Endpoint> endpoint;  // nullopt: its name is not resolved yet
    std::optional<Egress> egress;           // how packets to the endpoint leave; nullopt: no route
    bool alive = false;                     // its tunnel works
    bool renew_peer = false;                // its peer is to be taken away, so that it can be added anew
    std::optional<unsigned> path_mtu = std::nullopt;  // bytes: what was measured on that egress
    // nullopt: packets to it leave as the routing table says.
    std::optional<Uplink> endpoint_route = std::nullopt;
    std::optional<std::uint16_t> listen_port = std::nullopt;  // UDP, of our end; nullopt: relay_port()
    bool operator==(const RelayFacts&) const = default;
};

// All that the wanted state follows from, beside the configuration and what the kernel has.
struct Facts {
    std::optional<wg::PrivateKey> private_key;  // nullopt: the key file cannot be used now
    std::map<std::string, RelayFacts> relays;   // edge, by name
    std::optional<Egress> uplink;               // the egress to the internet
    bool handing_over = false;                  // edge, Active and stopping: what still comes is forwarded
    std::set<std::string> active_lans;          // edge, by interface: the virtual router there is ours
    // Edge: the relay that the route to the whole overlay leads to, by name; "": not chosen yet.
    std::string default_relay;
    // Edge: sites that take another one.
    std::map<net::Ipv6Prefix, std::string> relay_of_site;
    // Interfaces that a default route has led through, in our time: the machine may live by advertisements
    // there.
    std::set<std::string> uplinks;
    bool clock_behind = false;  // edge: a handshake would carry a time that has been before
    // Relay: sites that are not connected here but to the relay of that name.
    std::map<net::Ipv6Prefix, std::string> transit;
    // Relay: the router index of a prefix's owner; without an entry the highest configured priority owns it.
    std::map<net::Ipv6Prefix, std::size_t> owners;
    // Relay: where the routers that were connected are, for a device that has to be made anew.
    std::map<wg::PublicKey, net::Endpoint> last_endpoints;
    // Relay: routers that it initiates handshakes to (ReconnectSchedule).
    std::set<wg::PublicKey> reconnecting;
    // Relay: peers that are to be taken away, so that they can be added anew.
    std::set<wg::PublicKey> renew_peers;
    bool operator==(const Facts&) const = default;
};

// Metrics of our routes. Ours win over what the kernel adds for an advertised prefix (256) and what other
// programs usually take (1024).
inline constexpr std::uint32_t kRouteMetric = 128;
// Behind every route into the overlay: without any, an answer at once ("no route"), and never a leak to the
// ISP.
inline constexpr std::uint32_t kUnreachableMetric = 65535;

// What an interface that we have made is set to, and kept at: it has IPv6 whatever new interfaces inherit,
// makes itself no address (with one, the kernel sends redirects into a tunnel; a virtual MAC makes no
// identifier, RFC 9568 section 7.4), and believes no advertisement. In the order in which it has to be
// written.
Sysctls settings_of_ours(const std::string& interface);
// The settings of somebody else's interface that a decision or a message of ours needs.
std::vector<std::string> settings_of_others(const std::string& interface);
// "ulg-r1"
std::string tunnel_interface(const RelayConfig& relay);
// The owner of a site while nobody has claimed it: the highest priority, the first listed of equals.
std::size_t default_router_index(const SiteConfig& site);
// "ulg-s1" for router index 0
std::string router_interface(std::size_t router_index);
// How many of these a relay has: the most routers that a site of it has, at least one.
std::size_t router_index_count(const Config& config);
// The configured UDP port of our end of the tunnel to config.relays[index]; of an edge, a wish.
std::uint16_t relay_port(const Config& config, std::size_t index);
// Where a LAN's router speaks from, and holds its virtual address: the LAN's own interface, or "ulg-v51", a
// macvlan with the virtual MAC.
std::string sending_interface(const LanConfig& lan);
// What the Active router of a LAN with [lan.vrrp] holds, leased; first the one that hosts send to.
std::vector<AddressKey> virtual_addresses(const LanConfig& lan);

// Whether this router may have a peer at the relay now. A plain relay knows one key for a site: its routers
// share it, and only the Active one uses it.
bool may_use(const Config& config, const Facts& facts, const RelayConfig& relay);

// What should be in the kernel. Pure: the same arguments, the same answer.
Wanted desired(const Config& config, const Facts& facts, const Have& have);

// Nothing of ours, and the kernel settings as they were before us, but for those that somebody else has set
// since.
Wanted nothing_wanted(const Have& have);

}  // namespace ulagate
