// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/render.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <vector>

#include "firewall/elements.h"
#include "firewall/ruleset.h"

namespace ulagate::firewall {

std::string quoted(const std::string& name) {
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return c > ' ' && c < '\x7f' && c != '"' && c != '\\' && c != '*';
    });
    if (!plain) throw std::invalid_argument("firewall: interface name that does not fit into a rule");
    return '"' + name + '"';
}

std::string Ruleset::text() && {
    out_.rule("table inet {} {{ }}", kTable);  // so that the delete cannot fail
    out_.rule("delete table inet {}", kTable);
    if (model_.mode == Mode::off) return out_.take();
    out_.open(fmt::format("table inet {}", kTable));
    out_.line("comment \"made by ulagate, which undoes changes by others\"");
    sets();
    prerouting();
    output();
    closed_address();
    clamp_mss();
    input();
    input_tunnel();
    input_icmp();
    if (!model_.input.empty()) input_services();
    if (appliance_ && !lan_ports().empty()) input_lans();
    if (appliance_ && has_gateway()) input_gateway();
    if (has_gateway()) translate();
    if (edge_) {
        forward_edge();
        forward_lan();
        if (appliance_ && has_gateway()) forward_gateway();
        forward_tunnel();
    } else {
        forward_relay();
        forward_sites();
    }
    if (appliance_) refused();
    out_.close();
    return out_.take();
}

void Ruleset::sets() {
    std::set<std::string> lans;
    std::set<std::string> tunnels;
    std::set<std::uint16_t> ports;
    std::set<net::Ipv6Prefix> site;
    if (edge_) {
        for (const Lan& lan : model_.lans) lans.insert(quoted(lan.interface));
        for (const Lan& lan : model_.lans) site.insert(lan.prefix);
        out_.set("lans", "ifname", false, {lans.begin(), lans.end()});
        if (const auto gateways = gateway_interfaces(); !gateways.empty())
            out_.set("gateways", "ifname", false, {gateways.begin(), gateways.end()});
        out_.set("site", "ipv6_addr", true, prefix_elements(site, false));
    } else if (all_64(model_.sites)) {
        // A hash of masked addresses: one look-up, whatever the number of sites.
        out_.set("sites", "ipv6_addr", false, prefix_elements(model_.sites, true));
    } else {
        out_.set("sites", "ipv6_addr", true, prefix_elements(model_.sites, false));
    }
    if (const auto closed = closed_addresses(); !closed.empty()) {
        out_.set("closed", "ifname . ipv6_addr", false, {closed.begin(), closed.end()});
    }
    std::set<std::string> relays;
    for (const Tunnel& tunnel : model_.tunnels) {
        tunnels.insert(quoted(tunnel.interface));
        if (tunnel.to_relay) relays.insert(quoted(tunnel.interface));
    }
    out_.set("tunnels", "ifname", false, {tunnels.begin(), tunnels.end()});
    if (has_peer_relays()) out_.set("relays", "ifname", false, {relays.begin(), relays.end()});
    for (const Tunnel& tunnel : model_.tunnels) {
        if (tunnel.listen_port != 0) ports.insert(tunnel.listen_port);
    }
    std::vector<std::string> elements;
    elements.reserve(ports.size());
    for (const std::uint16_t port : ports) elements.push_back(fmt::to_string(port));
    out_.set("wireguard", "inet_service", false, elements);
    if (!notes_traffic()) return;
    out_.open(fmt::format("set {}", kBusySet));
    out_.line("type ipv6_addr");
    out_.line("size 256");
    out_.line("flags dynamic,timeout");
    out_.line("timeout 10s");
    out_.close();
}

// Overlay traffic that only passes through is not tracked: a router that takes over knows no connections.
// What is for this machine is tracked as usual.
void Ruleset::prerouting() {
    out_.open("chain prerouting");
    out_.line("type filter hook prerouting priority raw; policy accept;");
    // Before connection tracking, which would let in what belongs to a connection from before.
    if (!closed_addresses().empty()) out_.line("iifname . ip6 daddr @closed jump closed_address");
    const char* passing = "fib daddr type != { local, anycast } notrack";
    out_.rule("iifname @tunnels {}", passing);
    if (edge_) out_.rule("iifname @lans ip6 daddr {} {}", overlay(), passing);
    gateway_has_no_ipv6();
    // Accepted without state anyway, and a flood from forged sources must not fill the table of
    // connections.
    if (appliance_) out_.line("udp dport @wireguard fib daddr type local notrack");
    out_.close();
}

void Ruleset::output() {
    const auto vrrp = vrrp_interfaces();
    if (!appliance_ && vrrp.empty()) return;
    out_.open("chain output");
    out_.line("type filter hook output priority raw; policy accept;");
    // RFC 9568 section 8.2.1: a host believes a redirect from the address it uses as its router only, and
    // the kernel sends it from our own.
    if (!vrrp.empty()) {
        out_.rule("oifname {{ {} }} icmpv6 type nd-redirect counter drop", fmt::join(vrrp, ", "));
    }
    if (appliance_) out_.line("udp sport @wireguard notrack");
    out_.close();
}

// RFC 9568 section 6.1: also with Accept_Mode off, Neighbor Discovery has to work.
void Ruleset::closed_address() {
    if (closed_addresses().empty()) return;
    out_.open("chain closed_address");
    out_.line("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 counter accept");
    out_.line("counter drop comment \"the virtual router's address: accept = false\"");
    out_.close();
}

// nft lowers the option and never raises it, so that of two tunnels the narrower wins.
void Ruleset::clamp_mss() {
    constexpr unsigned kHeaders = 40 + 20;  // IPv6, TCP
    std::set<std::pair<std::string, unsigned>> sizes;
    for (const Tunnel& tunnel : model_.tunnels) {
        if (tunnel.mtu > kHeaders) sizes.emplace(quoted(tunnel.interface), tunnel.mtu - kHeaders);
    }
    if (sizes.empty() && !has_gateway()) return;
    out_.open("chain forward_mss");
    out_.line("type filter hook forward priority mangle; policy accept;");
    out_.line("tcp flags & (syn | rst) == syn jump mss");
    out_.close();
    out_.open("chain mss");
    for (const auto& [interface, size] : sizes) {
        out_.rule("iifname {} tcp option maxseg size set {}", interface, size);
        out_.rule("oifname {} tcp option maxseg size set {}", interface, size);
    }
    // The uplink may be PPPoE or a phone, and what would say so on the way is often filtered.
    for (const char* end : {"iifname", "oifname"}) {
        if (has_gateway()) out_.rule("meta nfproto ipv4 {} @gateways tcp option maxseg size set rt mtu", end);
    }
    out_.close();
}

bool Ruleset::has_peer_relays() const {
    return !edge_ && std::any_of(model_.tunnels.begin(), model_.tunnels.end(),
                                 [](const Tunnel& tunnel) { return tunnel.to_relay; });
}

std::set<std::string> Ruleset::vrrp_interfaces() const {
    std::set<std::string> names;
    for (const Lan& lan : model_.lans) {
        if (lan.vrrp) names.insert(quoted(lan.interface));
    }
    return names;
}

std::set<std::string> Ruleset::closed_addresses() const {
    std::set<std::string> elements;
    for (const Lan& lan : model_.lans) {
        if (!lan.closed) continue;
        elements.insert(fmt::format("{} . {}", quoted(lan.interface), to_string(*lan.closed)));
    }
    return elements;
}

std::string render(const Model& model) { return Ruleset(model).text(); }

}  // namespace ulagate::firewall
