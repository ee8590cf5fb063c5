// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "firewall/elements.h"
#include "firewall/ruleset.h"

// LANs whose hosts have their internet from us, and the firmware's own services.
namespace ulagate::firewall {

std::set<std::string> Ruleset::gateway_interfaces() const {
    std::set<std::string> names;
    for (const Lan& lan : model_.lans) {
        if (lan.gateway) names.insert(quoted(lan.interface));
    }
    return names;
}

std::set<std::uint16_t> Ruleset::lan_ports() const {
    std::set<std::uint16_t> ports;
    if (!edge_) return ports;
    if (model_.status_page) ports.insert(kPagePort);
    if (model_.ssh == AccessScope::lans || model_.ssh == AccessScope::overlay) ports.insert(kSshPort);
    return ports;
}

void Ruleset::input_lans() {
    out_.open("chain input_lans");
    out_.rule("tcp dport {{ {} }} counter accept comment \"the firmware's own\"",
              fmt::join(lan_ports(), ", "));
    if (!model_.input.empty()) out_.line("goto input_services");
    out_.close();
}

void Ruleset::input_gateway() {
    out_.open("chain input_gateway");
    out_.line("meta nfproto ipv4 udp dport 67 counter accept comment \"DHCP server\"");
    out_.line("meta l4proto { tcp, udp } th dport 53 counter accept comment \"DNS\"");
    out_.line("udp dport 123 counter accept comment \"NTP\"");
    out_.close();
}

// Hosts have no global address from us, so what they send there could only leak addresses that mean nothing
// there. They are to give up at once and use IPv4. A reset ends an attempt on every system, and the kernel
// sends as many as it has to, while it counts ICMPv6 errors to a host. Without a default route for IPv6 it
// would say "no route" by itself, which hosts take as a passing problem; after "prohibited" QUIC gives up
// too.
void Ruleset::gateway_has_no_ipv6() {
    for (const Lan& lan : model_.lans) {
        if (!lan.gateway) continue;
        for (const char* answer : {"meta l4proto tcp counter reject with tcp reset",
                                   "counter reject with icmpv6 type admin-prohibited"}) {
            out_.rule(
                "iifname {} ip6 saddr {} ip6 daddr 2000::/3 ip6 daddr != {} fib daddr type != local {} "
                "comment "
                "\"the internet is by IPv4\"",
                quoted(lan.interface), to_string(lan.prefix.network()), overlay(), answer);
        }
    }
}

// From a LAN whose hosts have their internet from us, with a source that is right there. Where the internet
// is follows from the routes alone: uplinks come and go, and one of them may be another LAN's interface.
void Ruleset::forward_gateway() {
    out_.open("chain forward_gateway");
    out_.line("oifname @tunnels counter reject with icmpx type admin-prohibited");
    // Those would leave with the host's own address: translation knows connections only.
    out_.line("ct state invalid counter drop");
    out_.line("oifname @gateways counter accept comment \"between LANs of this site\"");
    out_.line("counter accept comment \"to the internet\"");
    out_.close();
}

void Ruleset::translate() {
    out_.open("chain postrouting");
    out_.line("type nat hook postrouting priority srcnat; policy accept;");
    out_.line(
        "meta nfproto ipv4 iifname @gateways oifname != @gateways oifname != @tunnels counter masquerade");
    out_.close();
}

}  // namespace ulagate::firewall
