// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/render.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <vector>

#include "firewall/elements.h"
#include "firewall/writer.h"

namespace ulagate::firewall {
namespace {

using Protocol = Service::Protocol;

// RFC 4890 section 4.3.1: errors that must pass, or connections break without a word.
constexpr const char* kIcmpv6Errors =
    "destination-unreachable, packet-too-big, time-exceeded, parameter-problem";
constexpr const char* kIcmpv6 =
    "echo-request, echo-reply, destination-unreachable, packet-too-big, time-exceeded, parameter-problem";

// Sources that no internet provider forwards: a neighbour of the LAN, even if the LAN is also the uplink.
constexpr const char* kPrivateIpv4 = "10.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16";
constexpr const char* kPrivateIpv6 = "fc00::/7, fe80::/10";

constexpr const char* kLogLimit = "limit rate 10/minute burst 5 packets log prefix";

std::string quoted(const std::string& name) {
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return c > ' ' && c < '\x7f' && c != '"' && c != '\\' && c != '*';
    });
    if (!plain) throw std::invalid_argument("firewall: interface name that does not fit into a rule");
    return '"' + name + '"';
}

// Renders one model; each function one chain.
class Ruleset {
public:
    explicit Ruleset(const Model& model)
        : model_(model), edge_(model.role == Role::edge), appliance_(model.mode == Mode::appliance) {}

    std::string text() && {
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
        if (edge_) {
            forward_edge();
            forward_lan();
            forward_tunnel();
        } else {
            forward_relay();
            forward_sites();
        }
        if (appliance_) refused();
        out_.close();
        return out_.take();
    }

private:
    void sets() {
        std::set<std::string> lans;
        std::set<std::string> tunnels;
        std::set<std::uint16_t> ports;
        std::set<net::Ipv6Prefix> site;
        if (edge_) {
            for (const Lan& lan : model_.lans) lans.insert(quoted(lan.interface));
            for (const Lan& lan : model_.lans) site.insert(lan.prefix);
            out_.set("lans", "ifname", false, {lans.begin(), lans.end()});
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
        for (const Tunnel& tunnel : model_.tunnels) tunnels.insert(quoted(tunnel.interface));
        out_.set("tunnels", "ifname", false, {tunnels.begin(), tunnels.end()});
        for (const Tunnel& tunnel : model_.tunnels) {
            if (tunnel.listen_port != 0) ports.insert(tunnel.listen_port);
        }
        std::vector<std::string> elements;
        elements.reserve(ports.size());
        for (const std::uint16_t port : ports) elements.push_back(fmt::to_string(port));
        out_.set("wireguard", "inet_service", false, elements);
    }

    // Overlay traffic that only passes through is not tracked: a router that takes over knows no connections.
    // What is for this machine is tracked as usual.
    void prerouting() {
        out_.open("chain prerouting");
        out_.line("type filter hook prerouting priority raw; policy accept;");
        // Before connection tracking, which would let in what belongs to a connection from before.
        if (!closed_addresses().empty()) out_.line("iifname . ip6 daddr @closed jump closed_address");
        const char* passing = "fib daddr type != { local, anycast } notrack";
        out_.rule("iifname @tunnels {}", passing);
        if (edge_) out_.rule("iifname @lans ip6 daddr {} {}", overlay(), passing);
        // Accepted without state anyway, and a flood from forged sources must not fill the table of
        // connections.
        if (appliance_) out_.line("udp dport @wireguard fib daddr type local notrack");
        out_.close();
    }

    void output() {
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
    void closed_address() {
        if (closed_addresses().empty()) return;
        out_.open("chain closed_address");
        out_.line("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 counter accept");
        out_.line("counter drop comment \"the virtual router's address: accept = false\"");
        out_.close();
    }

    // nft lowers the option and never raises it, so that of two tunnels the narrower wins.
    void clamp_mss() {
        constexpr unsigned kHeaders = 40 + 20;  // IPv6, TCP
        std::set<std::pair<std::string, unsigned>> sizes;
        for (const Tunnel& tunnel : model_.tunnels) {
            if (tunnel.mtu > kHeaders) sizes.emplace(quoted(tunnel.interface), tunnel.mtu - kHeaders);
        }
        if (sizes.empty()) return;
        out_.open("chain forward_mss");
        out_.line("type filter hook forward priority mangle; policy accept;");
        out_.line("tcp flags & (syn | rst) == syn jump mss");
        out_.close();
        out_.open("chain mss");
        for (const auto& [interface, size] : sizes) {
            out_.rule("iifname {} tcp option maxseg size set {}", interface, size);
            out_.rule("oifname {} tcp option maxseg size set {}", interface, size);
        }
        out_.close();
    }

    void input() {
        out_.open("chain input");
        if (!appliance_) {
            out_.line("type filter hook input priority filter; policy accept;");
            out_.line("iifname @tunnels goto input_tunnel");
            out_.close();
            return;
        }
        out_.line("type filter hook input priority filter; policy drop;");
        out_.line("udp dport @wireguard counter accept comment \"WireGuard\"");
        out_.line("iifname \"lo\" accept");
        out_.line("iifname @tunnels goto input_tunnel");
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
        if (!model_.input.empty()) {
            if (edge_) {
                out_.rule("iifname @lans ip6 saddr {{ {} }} jump input_services", kPrivateIpv6);
                out_.rule("iifname @lans ip saddr {{ {} }} jump input_services", kPrivateIpv4);
            } else {
                out_.line("jump input_services");
            }
        }
        reject_traceroute();
        out_.line("meta pkttype { broadcast, multicast } counter drop comment \"noise, not logged\"");
        out_.rule("{} \"ulagate input drop: \"", kLogLimit);
        out_.line("counter drop");
        out_.close();
    }

    void input_lan_protocols() {
        if (const auto vrrp = vrrp_interfaces(); !vrrp.empty()) {
            out_.rule(
                "iifname {{ {} }} meta l4proto 112 ip6 daddr ff02::12 ip6 hoplimit 255 counter accept "
                "comment "
                "\"VRRP\"",
                fmt::join(vrrp, ", "));
        }
        // For each one the kernel makes a neighbour entry, and with its table full (1,024) our own
        // advertisements do not leave any more.
        out_.line(
            "iifname @lans icmpv6 type nd-router-solicit ip6 hoplimit 255 limit rate 100/second burst 100 "
            "packets counter accept");
        out_.line("iifname @lans icmpv6 type nd-router-solicit counter drop comment \"bad, or a flood\"");
    }

    // The same in both modes: what comes from the overlay is judged, whoever else filters here.
    void input_tunnel() {
        out_.open("chain input_tunnel");
        if (edge_)
            out_.line("ip6 saddr @site counter drop comment \"spoofed: our site is not behind a tunnel\"");
        out_.rule("udp dport {} ip6 hoplimit 255 counter accept comment \"overlay control\"", kControlPort);
        out_.rule("udp dport {} counter drop comment \"not from our peer: forwarded\"", kControlPort);
        out_.line("ct state established,related counter accept");
        out_.line("jump input_icmp");
        out_.line("ct state invalid counter drop");
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

    void input_icmp() {
        out_.open("chain input_icmp");
        out_.line(
            "icmp type { echo-request, echo-reply, destination-unreachable, time-exceeded } counter accept");
        out_.rule("icmpv6 type {{ {} }} counter accept", kIcmpv6);
        out_.close();
    }

    void input_services() {
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

    void forward_edge() {
        out_.open("chain forward");
        out_.rule("type filter hook forward priority filter; policy {};", appliance_ ? "drop" : "accept");
        out_.line("iifname @tunnels goto forward_tunnel");
        for (const Lan& lan : model_.lans) {
            out_.rule("iifname {} ip6 saddr {} goto forward_lan", quoted(lan.interface),
                      to_string(lan.prefix.network()));
        }
        out_.rule("iifname @lans ip6 daddr {} counter drop comment \"spoofed: source is not of this LAN\"",
                  overlay());
        refuse_rest();
    }

    // From a LAN, with a source that is right there.
    void forward_lan() {
        out_.open("chain forward_lan");
        out_.line(
            "oifname @tunnels ip6 daddr @site counter reject with icmpv6 type port-unreachable comment "
            "\"our own site is not behind a tunnel\"");
        out_.rule("oifname @tunnels ip6 daddr {} counter accept comment \"to other sites\"", overlay());
        out_.line("oifname @lans ip6 daddr @site counter accept comment \"between LANs of this site\"");
        out_.line("oifname @tunnels counter reject with icmpx type admin-prohibited");
        out_.rule("ip6 daddr {} counter reject with icmpv6 type admin-prohibited", overlay());
        if (appliance_) out_.line("goto refused");
        out_.close();
    }

    void forward_tunnel() {
        out_.open("chain forward_tunnel");
        out_.line("ip6 saddr @site counter drop comment \"spoofed: our site is not behind a tunnel\"");
        out_.line("oifname @tunnels counter reject with icmpx type host-unreachable comment \"no transit\"");
        for (const Lan& lan : model_.lans) {
            const std::string to = fmt::format("oifname {} ip6 daddr {}", quoted(lan.interface),
                                               to_string(lan.prefix.network()));
            out_.rule("{} ip6 saddr {} counter accept comment \"from other sites\"", to, overlay());
            // Relays and routers on the way have addresses outside the overlay.
            out_.rule("{} icmpv6 type {{ echo-reply, {} }} counter accept", to, kIcmpv6Errors);
        }
        out_.line("counter reject with icmpx type admin-prohibited");
        out_.close();
    }

    void forward_relay() {
        out_.open("chain forward");
        out_.rule("type filter hook forward priority filter; policy {};", appliance_ ? "drop" : "accept");
        out_.line("iifname @tunnels oifname @tunnels meta nfproto ipv6 goto forward_sites");
        out_.line("iifname @tunnels counter reject with icmpx type admin-prohibited");
        refuse_rest();
    }

    // Without connection tracking, so each rule for a service needs its mirror for the answers. For UDP that
    // also lets a sender use a port of the service as its own; for TCP an answer is never a bare SYN.
    void forward_sites() {
        const std::string in_sites = all_64(model_.sites) ? "& ffff:ffff:ffff:ffff:: != @sites" : "!= @sites";
        out_.open("chain forward_sites");
        out_.rule("ip6 daddr {} counter reject with icmpv6 type addr-unreachable comment \"no such site\"",
                  in_sites);
        out_.rule("icmpv6 type {{ {} }} counter accept comment \"errors, also of routers on the way\"",
                  kIcmpv6Errors);
        out_.rule(
            "ip6 saddr {} counter reject with icmpv6 type admin-prohibited comment \"source is no site\"",
            in_sites);
        if (allows(model_.forward, Protocol::any)) {
            out_.line("counter accept");
        } else {
            forward_services();
            out_.line("counter reject with icmpv6 type admin-prohibited comment \"not in firewall.forward\"");
        }
        out_.close();
    }

    void forward_services() {
        if (allows(model_.forward, Protocol::icmpv6)) {
            out_.line("icmpv6 type { echo-request, echo-reply } counter accept");
        }
        for (const auto& [protocol, name] : kWithPorts) {
            const Ports ports = ports_of(model_.forward, protocol);
            if (ports.all) out_.rule("meta l4proto {} counter accept", name);
            if (ports.ranges.empty()) continue;
            const bool tcp = protocol == Protocol::tcp;
            out_.rule("{} dport {{ {} }} counter accept", name, fmt::join(ports.ranges, ", "));
            out_.rule("{} sport {{ {} }} {}counter accept comment \"answers\"", name,
                      fmt::join(ports.ranges, ", "), tcp ? "tcp flags & (syn | ack) != syn " : "");
        }
    }

    // The end of a forward chain: what touches overlay or tunnels and was not accepted. In shared mode the
    // rest is not our business.
    void refuse_rest() {
        out_.rule("ip6 saddr {} counter drop comment \"spoofed: the overlay is not there\"", overlay());
        out_.rule("ip6 daddr {} counter reject with icmpv6 type admin-prohibited", overlay());
        out_.line("oifname @tunnels counter reject with icmpx type admin-prohibited");
        if (appliance_) out_.line("goto refused");
        out_.close();
    }

    void refused() {
        out_.open("chain refused");
        out_.rule("{} \"ulagate forward reject: \"", kLogLimit);
        out_.line("counter reject with icmpx type host-unreachable");
        out_.close();
    }

    void reject_traceroute() {
        out_.line("udp dport 33434-33474 counter reject comment \"traceroute sees us\"");
    }

    [[nodiscard]] std::set<std::string> vrrp_interfaces() const {
        std::set<std::string> names;
        for (const Lan& lan : model_.lans) {
            if (lan.vrrp) names.insert(quoted(lan.interface));
        }
        return names;
    }
    [[nodiscard]] std::set<std::string> closed_addresses() const {
        std::set<std::string> elements;
        for (const Lan& lan : model_.lans) {
            if (!lan.closed) continue;
            elements.insert(fmt::format("{} . {}", quoted(lan.interface), to_string(*lan.closed)));
        }
        return elements;
    }
    [[nodiscard]] std::string overlay() const { return to_string(model_.overlay.network()); }

    static constexpr std::pair<Protocol, const char*> kWithPorts[] = {{Protocol::tcp, "tcp"},
                                                                      {Protocol::udp, "udp"}};

    const Model& model_;
    const bool edge_;
    const bool appliance_;
    Writer out_;
};

}  // namespace

std::string render(const Model& model) { return Ruleset(model).text(); }

}  // namespace ulagate::firewall
