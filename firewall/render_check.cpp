// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tuple>

#include "firewall/checkpoints.h"
#include "firewall/elements.h"
#include "firewall/render.h"
#include "firewall/ruleset.h"

// What comes and what leaves is counted, and nothing decided.
namespace ulagate::firewall {
namespace {

// Before and behind whatever others have. (The very ends of the scale belong to the kernel's own.)
constexpr int kFirst = -2'147'483'600;
constexpr int kLast = 2'147'483'600;

constexpr const char* kToProbe = "ip6 daddr & ::ffff:ffff:ffff:ffff == ::756c:672d:7072:6f62";
constexpr const char* kFromProbe = "ip6 saddr fe80::756c:672d:7072:6f62";
static_assert(kProbeIdentifier == 0x756c'672d'7072'6f62);

bool is_macvlan(const std::string& interface) { return interface.starts_with("ulg-"); }

}  // namespace

std::vector<Passage> passages(const Model& model) {
    using Kind = Passage::Kind;
    if (model.mode == Mode::off) return {};
    if (model.role == Role::relay)
        return {{Kind::between_sites, ""}, {Kind::wireguard, ""}, {Kind::control, ""}};
    std::vector<Passage> out;
    for (const Lan& lan : model.lans) {
        out.push_back({Kind::to_sites, lan.interface});
        if (is_macvlan(lan.interface)) continue;  // only hosts' packets come by it
        out.push_back({Kind::from_sites, lan.interface});
        out.push_back({Kind::within_lan, lan.interface});
        if (lan.vrrp) out.push_back({Kind::vrrp, lan.interface});
        out.push_back({Kind::resolution, lan.interface});
    }
    return out;
}

bool is_counted(Passage::Kind kind, Checkpoint point) {
    const bool traffic = point == Checkpoint::traffic_came || point == Checkpoint::traffic_left;
    if (kind == Passage::Kind::within_lan) return traffic;
    if (!is_forwarded(kind)) return !traffic && point != Checkpoint::forwarded;
    return true;
}

std::string counter_name(std::size_t index, Checkpoint point) {
    constexpr const char* kNames[] = {"came", "routed", "forwarded", "left", "traffic_came", "traffic_left"};
    return fmt::format("check{}_{}", index, kNames[static_cast<std::size_t>(point)]);
}

void Ruleset::checkpoints() {
    checked_ = passages(model_);
    for (std::size_t i = 0; i < checked_.size(); ++i) {
        for (const Checkpoint point : kCheckpoints) {
            if (is_counted(checked_[i].kind, point)) out_.rule("counter {} {{ }}", counter_name(i, point));
        }
    }
    for (const auto& [hook, priority, point] : {std::tuple{"prerouting", kFirst, Checkpoint::came},
                                                std::tuple{"prerouting", kLast, Checkpoint::routed}}) {
        const char* name = point == Checkpoint::came ? "came" : "routed";
        out_.open(fmt::format("chain check_{}", name));
        out_.rule("type filter hook {} priority {}; policy accept;", hook, priority);
        out_.rule("{} jump {}", kToProbe, name);
        out_.rule("{} jump {}", kFromProbe, name);
        out_.close();
        count_probes(name, point);
    }
    out_.open("chain check_forward");
    out_.rule("type filter hook forward priority {}; policy accept;", kFirst);
    out_.rule("{} goto forwarded", kToProbe);
    count_traffic();
    out_.close();
    count_probes("forwarded", Checkpoint::forwarded);
    if (edge_) {
        out_.open("chain check_within");
        out_.rule("type filter hook forward priority {}; policy accept;", kLast);
        count_within(Checkpoint::traffic_left);
        out_.close();
    }
    out_.open("chain check_leave");
    out_.rule("type filter hook postrouting priority {}; policy accept;", kLast);
    out_.rule("{} goto left", kToProbe);
    for (std::size_t i = 0; i < checked_.size(); ++i) {
        const auto& [kind, interface] = checked_[i];
        if (!is_forwarded(kind) || kind == Passage::Kind::within_lan) continue;
        const std::string from = interface.empty() ? "@tunnels" : quoted(interface);
        const bool to_lan = kind == Passage::Kind::from_sites;
        out_.rule("iifname {} oifname {} meta l4proto {{ tcp, udp }} counter name {}",
                  to_lan ? "@tunnels" : from, to_lan ? from : "@tunnels",
                  counter_name(i, Checkpoint::traffic_left));
    }
    out_.close();
    count_probes("left", Checkpoint::left);
    out_.open("chain check_input");
    out_.rule("type filter hook input priority {}; policy accept;", kLast);
    // What counts is the answer, which ends in check_leave.
    if (edge_) out_.rule("{} icmpv6 type nd-neighbor-solicit accept", kFromProbe);
    out_.rule("{} goto heard", kFromProbe);
    out_.close();
    count_probes("heard", Checkpoint::left);
}

// A chain of the probes that a packet with their address may be. In the last one they end.
void Ruleset::count_probes(const char* chain, Checkpoint point) {
    using Kind = Passage::Kind;
    const bool heard = std::string_view(chain) == "heard";
    const bool ahead = point == Checkpoint::came || point == Checkpoint::routed;
    out_.open(fmt::format("chain {}", chain));
    for (std::size_t i = 0; i < checked_.size(); ++i) {
        const auto& [kind, interface] = checked_[i];
        const bool leaves = is_forwarded(kind) || kind == Kind::resolution;  // or ends here
        if (!is_counted(kind, point) || (!ahead && heard == leaves)) continue;
        std::string match;
        switch (kind) {
            case Kind::to_sites:
                match = fmt::format("iifname {} ip6 daddr {}", quoted(interface), overlay());
                break;
            case Kind::from_sites:
                match = fmt::format("iifname @tunnels ip6 daddr {}", to_string(prefix_of(interface)));
                break;
            case Kind::between_sites:
                match = "iifname @tunnels ip6 daddr & ::ffff:ffff:ffff:ffff == ::756c:672d:7072:6f62";
                break;
            case Kind::vrrp:
                match = fmt::format("iifname {} meta l4proto 112", quoted(interface));
                break;
            case Kind::wireguard:
                match = "udp dport @wireguard";
                break;
            case Kind::control:
                match = fmt::format("iifname @tunnels udp dport {}", kControlPort);
                break;
            case Kind::resolution:
                match = ahead ? fmt::format("iifname {} icmpv6 type nd-neighbor-solicit", quoted(interface))
                              : fmt::format("oifname {} icmpv6 type nd-neighbor-advert", quoted(interface));
                break;
            case Kind::within_lan:
                continue;
        }
        out_.rule("{} counter name {}", match, counter_name(i, point));
    }
    if (point == Checkpoint::left) out_.line("drop");
    out_.close();
}

// What our own rules accept, and no more: a filter of somebody else that drops the rest as well is none of
// our business. ICMPv6 is not counted: many filters let it pass and nothing else.
void Ruleset::count_traffic() {
    using Kind = Passage::Kind;
    for (std::size_t i = 0; i < checked_.size(); ++i) {
        const auto& [kind, interface] = checked_[i];
        const std::string counter = "counter name " + counter_name(i, Checkpoint::traffic_came);
        if (kind == Kind::to_sites) {
            out_.rule(
                "iifname {} oifname @tunnels ip6 saddr {} ip6 daddr {} ip6 daddr != @site meta l4proto "
                "{{ tcp, udp }} th dport != {} {}",
                quoted(interface), to_string(prefix_of(interface)), overlay(), kProbePort, counter);
        } else if (kind == Kind::from_sites) {
            out_.rule(
                "iifname @tunnels oifname {} ip6 saddr {} ip6 saddr != @site ip6 daddr {} meta l4proto "
                "{{ tcp, udp }} {}",
                quoted(interface), overlay(), to_string(prefix_of(interface)), counter);
        } else if (kind == Kind::between_sites) {
            count_services(counter);
        }
    }
    count_within(Checkpoint::traffic_came);
}

void Ruleset::count_within(Checkpoint point) {
    for (std::size_t i = 0; i < checked_.size(); ++i) {
        const auto& [kind, interface] = checked_[i];
        if (kind != Passage::Kind::within_lan) continue;
        out_.rule("iifname {0} oifname {0} counter name {1}", quoted(interface), counter_name(i, point));
    }
}

// Of a relay: between sites of the configuration, in what firewall.forward allows.
void Ruleset::count_services(const std::string& counter) {
    const std::string mask = all_64(model_.sites) ? "& ffff:ffff:ffff:ffff:: " : "";
    const std::string between =
        fmt::format("iifname @tunnels oifname @tunnels{} ip6 saddr {}@sites ip6 daddr {}@sites",
                    has_peer_relays() ? " iifname != @relays" : "", mask, mask);
    if (allows(model_.forward, Protocol::any)) {
        out_.rule("{} meta l4proto {{ tcp, udp }} {}", between, counter);
        return;
    }
    out_.rule("{} udp sport {} udp dport {} {}", between, kProbePort, kProbePort, counter);
    for (const auto& [protocol, name] : kWithPorts) {
        const Ports ports = ports_of(model_.forward, protocol);
        if (ports.all) {
            out_.rule("{} meta l4proto {} {}", between, name, counter);
        } else if (!ports.ranges.empty()) {
            out_.rule("{} {} dport {{ {} }} {}", between, name, fmt::join(ports.ranges, ", "), counter);
        }
    }
}

net::Ipv6Prefix Ruleset::prefix_of(const std::string& interface) const {
    for (const Lan& lan : model_.lans) {
        if (lan.interface == interface) return lan.prefix.network();
    }
    return {};
}

}  // namespace ulagate::firewall
