// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "daemon/kernel/rtnl/state.h"
#include "firewall/model.h"
#include "wg/device/device.h"

// The two states that the reconciliation compares, and the steps that lead from one to the other. Values
// only.
namespace ulagate {

// Milliseconds between ICMPv6 errors to one host (default 1000). Packet Too Big is not limited.
inline constexpr const char* kIcmpRateLimit = "net/ipv6/icmp/ratelimit";

// Entries of the kernel's table of IPv6 neighbours.
inline constexpr const char* kNeighboursKept = "net/ipv6/neigh/default/gc_thresh1";
inline constexpr const char* kNeighboursAimedAt = "net/ipv6/neigh/default/gc_thresh2";
inline constexpr const char* kMostNeighbours = "net/ipv6/neigh/default/gc_thresh3";

// Of all interfaces.
inline constexpr const char* kIpv4Forwarding = "net/ipv4/ip_forward";

// Kernel settings under /proc/sys, by path: "net/ipv6/conf/all/forwarding" -> "1".
using Sysctls = std::map<std::string, std::string>;

// Settings that are not as they were before us.
struct ChangedSysctl {
    std::string before;
    std::string ours;  // as we set it; "": not known (an older version has set it)
    bool operator==(const ChangedSysctl&) const = default;
};
using ChangedSysctls = std::map<std::string, ChangedSysctl>;

struct TunnelLink {
    unsigned mtu = 0;  // bytes
    // nullopt: we may not touch its keys now (our private key cannot be read); an interface that is there
    // stays.
    std::optional<wg::DeviceConfig> device;
};

// The kernel removes a leased address that was not renewed for so long, whatever has become of us: nobody
// else can take a virtual address from a router that hangs (fencing).
inline constexpr std::chrono::seconds kAddressLease{3};

struct AddressWish {
    bool check_duplicate = false;
    bool leased = false;  // put for kAddressLease only, and deprecated: never a source by itself
    bool operator==(const AddressWish&) const = default;
};

// An interface with the virtual router's MAC address, on top of a LAN's.
struct Macvlan {
    std::string parent;
    net::MacAddress mac;
    bool up = false;  // only while the virtual router is ours: down, it is deaf and silent
    bool operator==(const Macvlan&) const = default;
};

// All of ours that should be in the kernel.
struct Wanted {
    firewall::Model firewall;
    Sysctls sysctls;
    std::map<std::string, TunnelLink> tunnels;  // by interface
    std::map<std::string, Macvlan> macvlans;    // by interface
    std::map<AddressKey, AddressWish> addresses;
    Routes routes;
    std::set<RuleKey> rules;
    EndpointRoutes endpoint_routes;
};

// What is there now: everything of ours, and of the rest what a decision needs.
struct Have {
    std::optional<firewall::Model>
        firewall;  // as last applied; nullopt = unknown, or changed by somebody else
    Sysctls sysctls;
    ChangedSysctls changed_sysctls;  // since before us, over restarts of the daemon
    Links links;
    Addresses addresses;
    Routes routes;                              // ours only (by protocol number)
    Rules rules;                                // everybody's
    EndpointRoutes endpoint_routes;             // ours only
    std::map<std::string, wg::Device> tunnels;  // our interfaces that answer, or have answered
    // Those that have been asked and have not answered: what is known of them, if anything, may be old. No
    // reason to change or to make anew what may be right.
    std::set<std::string> unanswered_tunnels;
};

// nullptr when there is no such interface or peer.
const wg::Peer* find_peer(const Have& have, const std::string& interface, const wg::PublicKey& key);

struct ApplyFirewall {
    std::optional<firewall::Model> from;  // what is there, when we know
    firewall::Model to;
};
struct SetSysctl {
    std::string path;
    std::string value;
};
struct CreateTunnel {
    std::string interface;
};
struct ConfigureTunnel {
    std::string interface;
    wg::DeviceChange change;
};
struct SetLink {  // up, with this MTU
    std::string interface;
    unsigned mtu = 0;
};
struct CreateMacvlan {  // down
    std::string interface;
    std::string parent;
    net::MacAddress mac;
};
struct SwitchLink {  // a macvlan, up or down
    std::string interface;
    bool up = false;
};
struct PutAddress {
    AddressKey address;
    AddressWish wish;
};
struct PutRoute {
    RouteKey key;
    RouteTarget target;
};
struct DeleteRoute {
    RouteKey key;
    RouteTarget target;
};
struct PutRule {
    RuleKey rule;
};
struct DeleteRule {
    RuleKey rule;
};
struct PutEndpointRoute {
    net::IpAddress address;
    Uplink uplink;
};
struct DeleteEndpointRoute {
    net::IpAddress address;
};
struct DeleteAddress {
    AddressKey address;
};
struct RemoveTunnel {
    std::string interface;
};
struct RemoveMacvlan {
    std::string interface;
};

using Step = std::variant<ApplyFirewall, SetSysctl, CreateTunnel, ConfigureTunnel, SetLink, CreateMacvlan,
                          SwitchLink, PutAddress, PutRoute, DeleteRoute, PutRule, DeleteRule,
                          PutEndpointRoute, DeleteEndpointRoute, DeleteAddress, RemoveTunnel, RemoveMacvlan>;

// What the step is about, the same for the same thing again and again: "route fd12::/48 metric 128". Failures
// are counted and repeated by this name.
std::string subject(const Step& step);

// Where a step may take so long that it is left under way: "firewall", or a tunnel's interface. Of one place
// one step at a time, in the order of the plan. Empty: it is done at once.
std::string place_of(const Step& step);

// For people: "add route fd12::/48 metric 128 dev ulg-r1". Never a key.
std::string describe(const Step& step);

}  // namespace ulagate
