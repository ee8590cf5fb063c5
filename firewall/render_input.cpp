// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "firewall/elements.h"
#include "firewall/render.h"
#include "firewall/ruleset.h"

// What may reach this machine itself.
namespace ulagate::firewall {
namespace {

constexpr const char* kIcmpv6 =
    "echo-request, echo-reply, destination-unreachable, packet-too-big, time-exceeded, parameter-problem";

// Sources that no internet provider forwards: a neighbour of the LAN, even if the LAN is also the uplink.
constexpr const char* kPrivateIpv4 = "10.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16";
constexpr const char* kSshOfAll = "tcp dport 22 counter accept comment \"the firmware's ssh\"";

constexpr const char* kPrivateIpv6 = "fc00::/7, fe80::/10";

}  // namespace

void Ruleset::input() {
    out_.open("chain input");
    if (!appliance_) {
        out_.line("type filter hook input priority filter; policy accept;");
        out_.line("iifname @tunnels goto input_tunnel");
        out_.line("udp dport @wireguard accept");  // most packets are, and WireGuard judges them itself
        out_.line("iifname != \"lo\" jump input_outside");
        out_.close();
        return;
    }
    out_.line("type filter hook input priority filter; policy drop;");
    out_.line("udp dport @wireguard counter accept comment \"WireGuard\"");
    out_.line("iifname \"lo\" accept");
    out_.line("iifname @tunnels goto input_tunnel");
    out_.line("jump input_outside");
    out_.line("ct state established,related counter accept");
    if (edge_) input_lan_protocols();
    out_.line("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 counter accept");
    out_.line("icmpv6 type nd-router-advert ip6 saddr fe80::/10 ip6 hoplimit 255 counter accept");
    out_.line(
        "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report "
        "} "
        "ip6 saddr { ::, fe80::/10 } counter accept comment \"MLD\"");
    out_.line("jump input_icmp");
    // Not earlier: what connection tracking makes of the link protocols above must not matter.
    out_.line("ct state invalid counter drop");
    out_.line("meta nfproto ipv4 udp dport 68 counter accept comment \"DHCP client\"");
    out_.line("ip6 saddr fe80::/10 udp dport 546 counter accept comment \"DHCPv6 client\"");
    if (has_gateway()) out_.line("iifname @gateways jump input_gateway");
    if (model_.ssh == AccessScope::anywhere) out_.line(kSshOfAll);
    if (edge_ && (!model_.input.empty() || !lan_ports().empty())) {
        const char* chain = lan_ports().empty() ? "input_services" : "input_lans";
        out_.rule("iifname @lans ip6 saddr {{ {} }} jump {}", kPrivateIpv6, chain);
        out_.rule("iifname @lans ip saddr {{ {} }} jump {}", kPrivateIpv4, chain);
    } else if (!edge_ && !model_.input.empty()) {
        out_.line("jump input_services");
    }
    reject_traceroute();
    out_.line("meta pkttype { broadcast, multicast } counter drop comment \"noise, not logged\"");
    out_.rule("{} \"ulagate input drop: \"", kLogLimit);
    out_.line("counter drop");
    out_.close();
}

void Ruleset::input_lan_protocols() {
    if (const auto vrrp = vrrp_interfaces(); !vrrp.empty()) {
        out_.rule(
            "iifname {{ {} }} meta l4proto 112 ip6 daddr ff02::12 ip6 hoplimit 255 counter accept "
            "comment "
            "\"VRRP\"",
            fmt::join(vrrp, ", "));
    }
    out_.line("iifname @lans icmpv6 type nd-router-solicit ip6 hoplimit 255 counter accept");
    out_.line("iifname @lans icmpv6 type nd-router-solicit counter drop");
}

// The first word about what does not come out of a tunnel, in both modes and whatever connection tracking
// makes of it: who speaks as one of ours there has no key.
void Ruleset::input_outside() {
    out_.open("chain input_outside");
    out_.rule(
        "meta nfproto ipv6 udp dport {{ {}, {} }} counter drop comment \"overlay control: not from a "
        "tunnel\"",
        kProbePort, kControlPort);
    out_.line("ip6 saddr @peers counter drop comment \"spoofed: an address behind a tunnel\"");
    input_neighbours();
    // Connections from before, when the address was open, end too.
    if (!closed_addresses().empty()) out_.line("iifname . ip6 daddr @closed jump closed_address");
    // The other router of the site speaks with that address: neither the kernel nor a network manager may
    // take it for their default router, which would lead to this machine itself after the next hand-over.
    for (const Lan& lan : model_.lans) {
        if (!lan.no_default) continue;
        out_.rule("iifname {} ip6 saddr {} icmpv6 type nd-router-advert counter drop", quoted(lan.interface),
                  net::to_string(*lan.no_default));
    }
    out_.close();
}

// The same in both modes: what comes from the overlay is judged, whoever else filters here.
void Ruleset::input_tunnel() {
    out_.open("chain input_tunnel");
    if (edge_) out_.line("ip6 saddr @site counter drop comment \"spoofed: our site is not behind a tunnel\"");
    out_.rule("udp dport {} ip6 hoplimit 255 counter accept comment \"overlay control\"", kControlPort);
    out_.rule("udp dport {} counter drop comment \"not from our peer: forwarded\"", kControlPort);
    if (edge_) {
        // Other sites' routers send with 255, and there is a relay on the way, or two.
        out_.rule("udp dport {} ip6 saddr {} ip6 hoplimit >= 253 counter accept comment \"path probes\"",
                  kProbePort, overlay());
        out_.rule("udp dport {} counter drop", kProbePort);
    }
    out_.line("ct state established,related counter accept");
    out_.line("jump input_icmp");
    out_.line("ct state invalid counter drop");
    if (model_.ssh == AccessScope::overlay || model_.ssh == AccessScope::anywhere)
        out_.rule("ip6 saddr {} {}", overlay(), kSshOfAll);
    if (!model_.input.empty()) {
        if (edge_) {
            out_.rule("ip6 saddr {} jump input_services", overlay());
        } else {
            out_.line("jump input_services");
        }
    }
    reject_traceroute();
    out_.rule("{} \"ulagate tunnel input reject: \"", kLogLimit);
    out_.line("counter reject with icmpx type admin-prohibited");
    out_.close();
}

void Ruleset::input_icmp() {
    out_.open("chain input_icmp");
    out_.line(
        "icmp type { echo-request, echo-reply, destination-unreachable, time-exceeded } counter accept");
    out_.rule("icmpv6 type {{ {} }} counter accept", kIcmpv6);
    out_.close();
}

void Ruleset::input_services() {
    out_.open("chain input_services");
    if (allows(model_.input, Protocol::any)) out_.line("counter accept");
    for (const auto& [protocol, name] : kWithPorts) {
        const Ports ports = ports_of(model_.input, protocol);
        if (ports.all) out_.rule("meta l4proto {} counter accept", name);
        if (!ports.ranges.empty()) {
            out_.rule("{} dport {{ {} }} counter accept", name, fmt::join(ports.ranges, ", "));
        }
    }
    out_.close();
}

void Ruleset::reject_traceroute() {
    out_.line("udp dport 33434-33474 counter reject comment \"traceroute sees us\"");
}

}  // namespace ulagate::firewall
