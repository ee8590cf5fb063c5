// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "firewall/ruleset.h"

// What connection tracking sees.
namespace ulagate::firewall {

// Where only we filter, overlay traffic that passes through is not tracked: a router that takes over knows no
// connections, and the table of connections stays empty. In shared mode it is tracked, as by any other
// router, or "established" in others' rules would never match. A router that takes over then finds
// connections in their middle; the kernel takes such a packet for a new connection that is established at
// once (nf_conntrack_tcp_loose).
void Ruleset::prerouting() {
    out_.open("chain prerouting");
    out_.line("type filter hook prerouting priority raw; policy accept;");
    if (appliance_) out_.line("iifname @tunnels fib daddr type != { local, anycast } notrack");
    out_.line("udp dport @wireguard jump wireguard");
    if ((appliance_ || has_gateway()) && !model_.bridges.empty()) {
        out_.line("iifname @bridges iifname . ether daddr != @routed accept comment \"only switched\"");
    }
    if (appliance_ && edge_) {
        out_.rule(
            "iifname @lans ip6 daddr {} ip6 daddr != @site fib daddr type != {{ local, anycast }} notrack",
            overlay());
    }
    gateway_has_no_ipv6();
    // An advertisement that finds the table of connections full would not be heard.
    if (const auto vrrp = vrrp_interfaces(); !vrrp.empty()) {
        out_.rule("iifname {{ {} }} meta l4proto 112 notrack", fmt::join(vrrp, ", "));
    }
    out_.close();
}

void Ruleset::output() {
    const auto vrrp = vrrp_interfaces();
    out_.open("chain output");
    out_.line("type filter hook output priority raw; policy accept;");
    out_.line("udp sport @wireguard goto wireguard_out");
    // RFC 9568 section 8.2.1: a host believes a redirect from the address it uses as its router only, and
    // the kernel sends it from our own.
    if (!vrrp.empty()) {
        const std::string interfaces = fmt::format("{{ {} }}", fmt::join(vrrp, ", "));
        out_.rule("oifname {} icmpv6 type nd-redirect counter drop", interfaces);
        out_.rule("oifname {} meta l4proto 112 notrack", interfaces);
    }
    output_neighbours();
    out_.close();
}

// Whom our sockets send to is tracked, so that the answers are "established" for whoever else filters here. A
// stranger's packet would be a connection for 30 seconds: a few are tracked, for rules of others that want
// "new"; a flood from forged sources is not, so that it cannot fill the table of connections.
void Ruleset::wireguard() {
    out_.open("chain wireguard");
    out_.line("ip saddr . udp sport @contacted4 return");
    out_.line("ip6 saddr . udp sport @contacted6 return");
    out_.line("fib daddr type != local return");
    out_.line("limit rate over 20/second burst 100 packets counter notrack comment \"a flood of strangers\"");
    out_.close();
    out_.open("chain wireguard_out");
    out_.line("update @contacted4 { ip daddr . udp dport }");
    out_.line("update @contacted6 { ip6 daddr . udp dport }");
    out_.close();
}

// For chains of the forward hook: what came in by a bridge and goes out by it was not routed.
void Ruleset::only_switched() {
    if (model_.bridges.empty()) return;
    out_.line("iifname . oifname @switched accept comment \"only switched\"");
}

}  // namespace ulagate::firewall
