// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "daemon/base/ipv4_prefix.h"
#include "firewall/elements.h"
#include "firewall/render.h"
#include "firewall/ruleset.h"

// What may pass through it.
namespace ulagate::firewall {
namespace {

// RFC 4890 section 4.3.1: errors that must pass, or connections break without a word.
constexpr const char* kIcmpv6Errors =
    "destination-unreachable, packet-too-big, time-exceeded, parameter-problem";

// A rule of its own: when the set is full, the rest of the rule is not looked at.
std::string note(const char* address) {
    // Our own probes (checkpoints.h) come from nowhere.
    return fmt::format(
        "ip6 {1} & ::ffff:ffff:ffff:ffff != ::756c:672d:7072:6f62 update @{0} {{ ip6 {1} & "
        "ffff:ffff:ffff:ffff:: }}",
        kActivePrefixesSet, address);
}

}  // namespace

void Ruleset::forward_edge() {
    out_.open("chain forward");
    out_.rule("type filter hook forward priority filter; policy {};", appliance_ ? "drop" : "accept");
    out_.line("iifname @tunnels goto forward_tunnel");
    for (const Lan& lan : model_.lans) {
        out_.rule("iifname {} ip6 saddr {} goto forward_lan", quoted(lan.interface),
                  to_string(lan.prefix.network()));
    }
    only_switched();
    out_.rule("iifname @lans ip6 daddr {} counter drop comment \"spoofed: source is not of this LAN\"",
              overlay());
    for (const Lan& lan : model_.lans) {
        if (!appliance_ || !lan.gateway) continue;
        out_.rule("iifname {} ip saddr {} goto forward_gateway", quoted(lan.interface),
                  to_string(network(*lan.gateway)));
    }
    if (appliance_ && has_gateway()) {
        out_.line(
            "meta nfproto ipv4 oifname @gateways ct state established,related counter accept comment "
            "\"answers from the internet\"");
    }
    refuse_rest();
}

// From a LAN, with a source that is right there.
void Ruleset::forward_lan() {
    out_.open("chain forward_lan");
    out_.line("oifname @tunnels goto forward_lan_tunnel");
    only_switched();
    if (has_lans()) out_.line("oifname @lans meta nfproto ipv6 @nh,192,128 != @known jump unknown_host");
    out_.line("oifname @lans ip6 daddr @site counter accept comment \"between LANs of this site\"");
    out_.rule("ip6 daddr {} counter reject with icmpv6 type admin-prohibited", overlay());
    if (appliance_) out_.line("goto refused");
    out_.close();
}

void Ruleset::forward_lan_tunnel() {
    out_.open("chain forward_lan_tunnel");
    out_.line(
        "ip6 daddr @site counter reject with icmpv6 type port-unreachable comment \"our own site is not "
        "behind a "
        "tunnel\"");
    out_.rule("udp dport {} counter drop comment \"path probes: routers only\"", kProbePort);
    if (notes_traffic()) out_.line(fmt::format("ip6 daddr {} ", overlay()) + note("daddr"));
    out_.rule("ip6 daddr {} counter accept comment \"to other sites\"", overlay());
    out_.line("counter reject with icmpx type admin-prohibited");
    out_.close();
}

void Ruleset::forward_tunnel() {
    out_.open("chain forward_tunnel");
    out_.line("ip6 saddr @site counter drop comment \"spoofed: our site is not behind a tunnel\"");
    out_.line("oifname @tunnels counter reject with icmpx type host-unreachable comment \"no transit\"");
    if (notes_traffic()) out_.line(fmt::format("ip6 saddr {} ", overlay()) + note("saddr"));
    if (has_lans()) out_.line("oifname @lans meta nfproto ipv6 @nh,192,128 != @known jump unknown_host");
    for (const Lan& lan : model_.lans) {
        const std::string to =
            fmt::format("oifname {} ip6 daddr {}", quoted(lan.interface), to_string(lan.prefix.network()));
        out_.rule("{} ip6 saddr {} counter accept comment \"from other sites\"", to, overlay());
        // Relays and routers on the way have addresses outside the overlay.
        out_.rule("{} icmpv6 type {{ echo-reply, {} }} counter accept", to, kIcmpv6Errors);
    }
    out_.line("counter reject with icmpx type admin-prohibited");
    out_.close();
}

void Ruleset::forward_relay() {
    out_.open("chain forward");
    out_.rule("type filter hook forward priority filter; policy {};", appliance_ ? "drop" : "accept");
    // Each relay may believe for a moment that the other one has the site.
    if (has_peer_relays()) {
        out_.line("iifname @relays oifname @relays counter drop comment \"from relay to relay: only once\"");
    }
    out_.line("iifname @tunnels oifname @tunnels meta nfproto ipv6 goto forward_sites");
    out_.line("iifname @tunnels counter reject with icmpx type admin-prohibited");
    only_switched();
    refuse_rest();
}

// Without connection tracking, so each rule for a service needs its mirror for the answers. For UDP that
// also lets a sender use a port of the service as its own; for TCP an answer is never a bare SYN.
void Ruleset::forward_sites() {
    const std::string in_sites = all_64(model_.sites) ? "& ffff:ffff:ffff:ffff:: != @sites" : "!= @sites";
    out_.open("chain forward_sites");
    out_.rule("ip6 daddr {} counter reject with icmpv6 type addr-unreachable comment \"no such site\"",
              in_sites);
    out_.rule("icmpv6 type {{ {} }} counter accept comment \"errors, also of routers on the way\"",
              kIcmpv6Errors);
    out_.rule("ip6 saddr {} counter reject with icmpv6 type admin-prohibited comment \"source is no site\"",
              in_sites);
    out_.rule("udp sport {0} udp dport {0} counter accept comment \"path probes between routers\"",
              kProbePort);
    if (allows(model_.forward, Protocol::any)) {
        out_.line("counter accept");
    } else {
        forward_services();
        out_.line("counter reject with icmpv6 type admin-prohibited comment \"not in firewall.forward\"");
    }
    out_.close();
}

void Ruleset::forward_services() {
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
void Ruleset::refuse_rest() {
    out_.rule("ip6 saddr {} counter drop comment \"spoofed: the overlay is not there\"", overlay());
    out_.rule("ip6 daddr {} counter reject with icmpv6 type admin-prohibited", overlay());
    out_.line("oifname @tunnels counter reject with icmpx type admin-prohibited");
    if (appliance_) out_.line("goto refused");
    out_.close();
}

void Ruleset::refused() {
    out_.open("chain refused");
    out_.rule("{} \"ulagate forward reject: \"", kLogLimit);
    out_.line("counter reject with icmpx type host-unreachable");
    out_.close();
}

}  // namespace ulagate::firewall
