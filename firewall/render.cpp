// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/render.h"

#include <algorithm>
#include <set>
#include <vector>

#include "firewall/elements.h"
#include "firewall/ruleset.h"

namespace ulagate::firewall {
namespace {

constexpr unsigned kMostContacts = 65535;

const char* type_of(const std::string& set) {
    if (set == "bridges") return "ifname";
    if (set == "switched") return "ifname . ifname";
    return set == "routed" ? "ifname . ether_addr" : "ipv6_addr";
}

}  // namespace

std::string Ruleset::text() && {
    out_.rule("table inet {} {{ }}", kTable);  // so that the delete cannot fail
    out_.rule("delete table inet {}", kTable);
    if (model_.mode == Mode::off) return out_.take();
    out_.open(fmt::format("table inet {}", kTable));
    out_.line("comment \"made by ulagate, which undoes changes by others\"");
    sets();
    prerouting();
    output();
    wireguard();
    closed_address();
    clamp_mss();
    input();
    input_outside();
    newcomer();
    input_tunnel();
    input_icmp();
    if (!model_.input.empty()) input_services();
    if (appliance_ && !lan_ports().empty()) input_lans();
    if (appliance_ && has_gateway()) input_gateway();
    if (has_gateway()) translate();
    if (edge_) {
        forward_edge();
        forward_lan();
        forward_lan_tunnel();
        unknown_host();
        if (appliance_ && has_gateway()) forward_gateway();
        forward_tunnel();
    } else {
        forward_relay();
        forward_sites();
    }
    if (appliance_) refused();
    checkpoints();
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
    }
    for (const auto& [name, elements] : changing_sets(model_)) {
        // Sites by a hash of masked addresses: one look-up, whatever their number.
        const bool intervals = name == "sites" && !all_64(model_.sites);
        out_.set(name, type_of(name), intervals, elements);
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
    out_.dynamic_set("contacted4", "type ipv4_addr . inet_service", kMostContacts, "3m");
    out_.dynamic_set("contacted6", "type ipv6_addr . inet_service", kMostContacts, "3m");
    neighbour_sets();
    if (notes_traffic()) out_.dynamic_set(kActivePrefixesSet, "type ipv6_addr", 256, "10s");
}

// RFC 9568 section 6.1: also with Accept_Mode off, Neighbor Discovery has to work.
void Ruleset::closed_address() {
    if (closed_addresses().empty()) return;
    out_.open("chain closed_address");
    out_.line("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 counter accept");
    // Some hosts ask a router that they know. The kernel makes a neighbour entry for each: see
    // input_lan_protocols().
    out_.line(
        "icmpv6 type nd-router-solicit ip6 hoplimit 255 limit rate 10/second burst 50 packets counter "
        "accept");
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
    only_switched();
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
