// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/config/appliance.h"
#include "firewall/model.h"
#include "ra/advertiser.h"
#include "vrrp/machine.h"
#include "wg/device/backend.h"
#include "wg/device/key.h"

// What a configuration file says, typed and checked. See daemon/reference/{edge,relay}.toml for the language.
namespace ulagate {

enum class Role { edge, relay };
std::string_view name(Role role);  // "edge", "relay": as the file and the status say it

// Longer than any overlay: what is larger is not a configuration file.
inline constexpr std::size_t kMaxConfigBytes = 16U << 20U;

// Another interface whose carrier matters for who should be Active.
struct TrackedInterface {
    std::string name;
    std::uint8_t deduction = 0;  // from the priority, while the interface has no carrier
    bool operator==(const TrackedInterface&) const = default;
};

// [lan.vrrp]: the routers of a LAN share one virtual router.
struct VrrpConfig {
    vrrp::Config machine;
    bool accept = false;       // packets to the virtual address, beside Neighbor Discovery (Accept_Mode)
    bool virtual_mac = false;  // 00-00-5E-00-02-{id} on a macvlan, as RFC 9568 section 7.3 has it
    // What is taken off the priority (never below 1; an owner's 255 stays) while ...
    std::uint8_t no_tunnel = 150;  // ... no relay can be reached
    std::uint8_t no_uplink = 150;  // ... there is no default route
    std::vector<TrackedInterface> tracked;
    bool operator==(const VrrpConfig&) const = default;
};

// One [[lan]] of an edge router.
struct LanConfig {
    std::string interface;
    net::Ipv6Prefix prefix;  // a /64 inside the overlay
    bool advertise = true;   // [lan.ra] advertise
    ra::Config ra;           // complete; of its routes the first is the overlay's
    // [lan.ra] route_when_isolated: whether hosts lose the route to the overlay ...
    bool withdraw_when_isolated = false;
    std::chrono::milliseconds isolated_after{30'000};  // ... after no relay could be reached for so long
    std::optional<VrrpConfig> vrrp;                    // nullopt: a site with one router
    std::optional<GatewayConfig> gateway;  // nullopt: hosts have their internet from another router
    bool operator==(const LanConfig&) const = default;
};

struct TunnelConfig {
    net::Ipv6Address address;  // outside the overlay
    std::string private_key_file;
    std::uint16_t listen_port = 51820;
    std::optional<std::uint16_t> mtu;  // bytes, >= 1280; nullopt = from the egress to the relay
    wg::BackendChoice backend = wg::BackendChoice::automatic;
    bool operator==(const TunnelConfig&) const = default;
};

enum class RelayKind { ulagate, plain };

// One [[relay]] of an edge router, or one [[peer_relay]] of a relay.
struct RelayConfig {
    std::string name;
    net::Ipv6Address address;  // inside the tunnel
    wg::PublicKey public_key;
    std::string host;  // endpoint: an address (without brackets) or a name
    std::uint16_t port = 0;
    std::uint16_t keepalive_seconds = 25;
    RelayKind kind = RelayKind::ulagate;
    bool operator==(const RelayConfig&) const = default;
};

// One [[site.router]] of a relay. Its place in the list is its router index.
struct RouterConfig {
    std::string node;
    net::Ipv6Address address;
    wg::PublicKey public_key;
    std::uint8_t priority = 100;
    bool operator==(const RouterConfig&) const = default;
};

// A relay has one tunnel interface and one port for each router of a site, and behind those one for each
// other relay.
inline constexpr std::size_t kMaxRouters = 8;
inline constexpr std::size_t kMaxPeerRelays = 8;

// One [[site]] of a relay.
struct SiteConfig {
    std::string name;
    std::vector<net::Ipv6Prefix> prefixes;
    std::vector<RouterConfig> routers;
    bool operator==(const SiteConfig&) const = default;
};

using FirewallConfig = firewall::Options;

struct Config {
    Role role = Role::edge;
    std::string node;
    std::string site;  // edge
    net::Ipv6Prefix overlay;
    std::vector<LanConfig> lans;
    TunnelConfig tunnel;
    std::vector<RelayConfig> relays;  // edge: [[relay]]; relay: [[peer_relay]]
    std::vector<SiteConfig> sites;
    FirewallConfig firewall;
    std::string control_group;  // [control] group: who may use the control socket; empty = root only
    std::optional<ApplianceConfig> appliance;  // nullopt: the file has none of the firmware's tables
    bool operator==(const Config&) const = default;
};

// One thing to say about a configuration file. An error keeps it from being used, a warning does not.
struct Finding {
    enum class Severity { error, warning };
    Severity severity = Severity::error;
    unsigned line = 0;  // 0 = the file as a whole
    std::string text;   // what, why, and what to do
    bool operator==(const Finding&) const = default;
};

// "edge.toml:12: lan.prefix: ..." (warnings: "edge.toml:12: warning: ...")
std::string to_string(const Finding& finding, std::string_view file);

struct Loaded {
    std::optional<Config> config;   // nothing when there is at least one error
    std::vector<Finding> findings;  // all of them, in the order of the file
};

// Pure: reads no file but this text. Key files are looked at later, by who needs them.
Loaded load_config(std::string_view text);

// The router's own interface identifier in the /64 of a LAN: 64 bits that follow from the node's name alone,
// so that it survives a new network card and `show plan` can name it. Never the Active router's ::1, the
// subnet-router anycast (::0), another one up to ::ffff that a person may have given to a host, a reserved
// identifier (RFC 5453), or one that looks as if made from a MAC address.
std::uint64_t interface_identifier(std::string_view node);

}  // namespace ulagate
