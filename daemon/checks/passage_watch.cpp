// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/passage_watch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/checks/passage_probe.h"
#include "daemon/kernel/sysctl.h"
#include "firewall/render.h"
#include "wg/control/message.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using firewall::Checkpoint;
using firewall::Passage;

constexpr auto kLookAroundEvery = 2s;
constexpr auto kInjectorRetry = 60s;
// They are sent each second; what was counted before them was none of ours.
constexpr auto kProbeGap = 3s;
constexpr auto kProbedFor = 3s;
constexpr std::uint16_t kTcpPorts[] = {22, 443};
constexpr std::uint16_t kUdpPort = 443;
// A relay's: of what firewall.forward opens.
constexpr std::size_t kMostServices = 4;

constexpr const char* kOneWay = " is received but not forwarded: ";
const char* const kReason = "a filter on this machine drops what it should forward";

bool is_tunnel(const Have& have, const std::string& interface) {
    return is_tunnel_name(interface) && have.links.contains(interface);
}

// A /64 of the overlay that is none of our LANs.
net::Ipv6Address other_site(const Config& config) {
    constexpr std::uint8_t kSite = 64;
    net::Ipv6Prefix site = config.overlay;
    const auto fill = [&](std::uint8_t last) {
        for (std::size_t bit = config.overlay.length; bit < kSite; ++bit) {
            std::uint8_t& byte = site.address.bytes.at(bit / 8);
            byte = static_cast<std::uint8_t>(byte | 0x80U >> (bit % 8));
        }
        std::uint8_t& number = site.address.bytes.at(7);
        number = static_cast<std::uint8_t>(number & last);
        site.length = kSite;
    };
    for (const unsigned last : {0xffU, 0xfeU, 0xfdU, 0xfbU, 0xf7U}) {
        site = config.overlay.network();
        fill(static_cast<std::uint8_t>(last));
        const bool ours = std::any_of(config.lans.begin(), config.lans.end(), [&](const LanConfig& lan) {
            return lan.prefix.network() == site.network();
        });
        if (!ours) break;
    }
    return net::with_interface_identifier(site, firewall::kProbeIdentifier);
}

// A port of a bridge or bond: what comes in there belongs to its master, and would go on to other ports.
bool is_switched(const Have& have, const Link& link) {
    return std::any_of(have.links.begin(), have.links.end(), [&](const auto& entry) {
        return entry.second.index == link.master && entry.second.kind != "vrf";
    });
}

net::Ipv6Address probe_address(const net::Ipv6Prefix& prefix) {
    return net::with_interface_identifier(prefix, firewall::kProbeIdentifier);
}

std::optional<net::Ipv6Address> link_local_of(const Have& have, const std::string& interface) {
    for (const auto& [key, state] : have.addresses) {
        if (key.link == interface && key.address.address.is_link_local() && !state.tentative &&
            !state.duplicate)
            return key.address.address;
    }
    return std::nullopt;
}

// Both directions lost to the same filter are one matter.
void add(std::vector<Obstacle>& found, Obstacle next) {
    for (Obstacle& known : found) {
        const auto known_cause = known.sentence.find(kOneWay);
        const auto cause = next.sentence.find(kOneWay);
        if (known.lan != next.lan || known_cause == std::string::npos || cause == std::string::npos) continue;
        if (known.sentence.substr(known_cause) != next.sentence.substr(cause)) continue;
        known.sentence = fmt::format("{}: traffic between hosts there and other sites{}", next.lan,
                                     next.sentence.substr(cause));
        return;
    }
    found.push_back(std::move(next));
}

std::optional<std::uint64_t> number_in(const std::string& sysctl) {
    const auto text = read_sysctl(sysctl);
    if (!text) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : *text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

}  // namespace

std::vector<Obstacle> PassageWatch::check(const View& view, TimePoint now) {
    std::vector<Obstacle> found;
    const auto& rules = view.have.firewall;
    if (!rules || rules->mode == firewall::Mode::off) {
        check_.forget();
        forwards_ = true;
        return found;
    }
    const auto passages = firewall::passages(*rules);
    if (passages != checked_) {
        check_.forget();
        checked_ = passages;
    }
    if (!read_counters(passages, now)) return found;
    bool lost_between = false;
    std::map<std::string, bool> lost_to_sites;
    for (const Passage& passage : passages) {
        if (!check_.finding(passage, is_probed(passage, now)) || is_excused(view, passage)) continue;
        if (passage.kind == Kind::to_sites) lost_to_sites[passage.interface] = true;
        // Who lets hosts out and nobody in may want it so; then what comes back is there to show that it
        // works.
        if (passage.kind == Kind::from_sites && !lost_to_sites[passage.interface] &&
            !check_.loses_traffic(passage))
            continue;
        lost_between = lost_between || passage.kind == Kind::between_sites;
        look_around(now);
        const auto finding = check_.finding(passage, is_probed(passage, now));
        if (!finding) continue;
        if (const std::string who = culprit(view, passage, *finding); !who.empty())
            add(found, obstacle(view, passage, who));
    }
    forwards_ = !lost_between;
    send_probes(view, passages, now);
    return found;
}

bool PassageWatch::read_counters(const std::vector<Passage>& passages, TimePoint now) {
    if (!reader_) {
        auto opened = firewall::CheckpointReader::open();
        if (!opened) return false;
        reader_.emplace(std::move(*opened));
    }
    const auto counters = reader_->counters();
    if (!counters) {
        log::debug("firewall", "{}, continuing", counters.error().text());
        reader_.reset();
        return false;
    }
    for (std::size_t i = 0; i < passages.size(); ++i) {
        PassageCheck::Counts counts{};
        for (const Checkpoint point : firewall::kCheckpoints) {
            const auto found = counters->find(firewall::counter_name(i, point));
            if (found != counters->end()) counts.at(static_cast<std::size_t>(point)) = found->second;
        }
        check_.note(passages[i], counts, now);
    }
    return !counters->empty();
}

void PassageWatch::look_around(TimePoint now) {
    if (looked_ && now < *looked_ + kLookAroundEvery) return;
    looked_ = now;
    const auto anybody = [this] { return !filters_.chains.empty() || !filters_.legacy.empty(); };
    const bool somebody_was_there = anybody();
    filters_ = {};
    if (auto chains = firewall::CheckpointReader::foreign_chains()) filters_.chains = std::move(*chains);
    filters_.legacy = firewall::CheckpointReader::legacy_tables();
    if (filters_.legacy.contains("filter"))
        filters_.legacy_chains = firewall::CheckpointReader::legacy_filter_chains();
    filters_.ferm = ::access("/etc/ferm/ferm.conf", F_OK) == 0;
    // Who has just gone may have dropped all that was counted until now; nobody else is to blame for that.
    if (somebody_was_there && !anybody()) check_.forget();
}

// --- what is found ---

// A probe is not what others really send: where that is known to arrive, a rule made for it alone lets it in.
bool PassageWatch::is_excused(const View& view, const Passage& passage) const {
    switch (passage.kind) {
        case Kind::vrrp:
            return view.heard_vrrp.contains(passage.interface);
        case Kind::wireguard:
            return view.router_connected;
        case Kind::control:
            return view.router_heard;
        default:
            return false;
    }
}

Obstacle PassageWatch::obstacle(const View& view, const Passage& passage, const std::string& who) {
    const std::string& lan = passage.interface;
    switch (passage.kind) {
        case Kind::to_sites: {
            // The hosts' own interface, also where they send to the macvlan of the virtual MAC.
            std::string of = lan;
            for (const LanConfig& each : view.config.lans) {
                if (sending_interface(each) == lan) of = each.interface;
            }
            return {fmt::format("{}: traffic from hosts there to other sites{}{}", lan, kOneWay, who), true,
                    kReason, of};
        }
        case Kind::from_sites:
            return {fmt::format("{}: traffic from other sites to hosts there{}{}", lan, kOneWay, who), true,
                    kReason, lan};
        case Kind::within_lan:
            return {
                fmt::format("{}: traffic between hosts there does not pass this machine's bridge: {} | or "
                            "leave bridged frames alone; fix it with: sysctl -w "
                            "net.bridge.bridge-nf-call-ip6tables=0 net.bridge.bridge-nf-call-iptables=0",
                            lan, who),
                false, "", lan};
        case Kind::between_sites:
            return {fmt::format("traffic from one site to another{}{}", kOneWay, who), true, kReason, ""};
        case Kind::vrrp:
            return {fmt::format("{}: VRRP advertisements of another router would be dropped, and both "
                                "routers would be Active: {}",
                                lan, who),
                    false, "", lan};
        case Kind::wireguard:
            return {fmt::format("WireGuard packets to this relay are dropped, so no router can reach it: {}",
                                who),
                    false, "", ""};
        case Kind::resolution:
            return {fmt::format("{}: Neighbor Discovery fails: hosts there that solicit this router's "
                                "link-layer address get no answer and cannot send to it: {}",
                                lan, who),
                    true, "a filter on this machine drops Neighbor Discovery", lan};
        case Kind::control:
            return {
                fmt::format(
                    "control messages that routers send to this relay inside their tunnels are dropped: {}",
                    who),
                false, "", ""};
    }
    return {};
}

std::string PassageWatch::culprit(const View& view, const Passage& passage,
                                  const PassageCheck::Finding& finding) const {
    using Lost = PassageCheck::Lost;
    if (finding.where == Lost::by_routing) {
        for (const std::string& scope : {std::string{"all"}, passage.interface}) {
            if (scope.empty()) continue;
            const std::string setting = fmt::format("net/ipv6/conf/{}/forwarding", scope);
            if (number_in(setting) == 0U)
                return fmt::format("forwarding is off; fix it with: sysctl -w {}=1", setting);
        }
        return {};  // by another route: ForwardCheck names the route or the rule
    }
    if (finding.where == Lost::before_routing) {
        const auto most = number_in("net/netfilter/nf_conntrack_max");
        const auto now = number_in("net/netfilter/nf_conntrack_count");
        if (most && now && *most > 0 && *now >= *most)
            return fmt::format(
                "the kernel's table of connections is full ({}); fix it with: sysctl -w "
                "net/netfilter/nf_conntrack_max={}",
                *now, 4 * *most);
    }
    Need need;
    need.before_routing = finding.where == Lost::before_routing;
    need.overlay = view.config.overlay;
    need.lan = passage.interface;
    switch (passage.kind) {
        case Kind::vrrp:
            need.kind = Need::Kind::vrrp;
            break;
        case Kind::wireguard:
            need.kind = Need::Kind::wireguard;
            need.first_port = view.config.tunnel.listen_port;
            need.last_port =
                static_cast<std::uint16_t>(need.first_port + router_index_count(view.config) - 1);
            break;
        case Kind::control:
            need.kind = Need::Kind::control;
            for (const auto& [name, link] : view.have.links) {
                if (is_tunnel_name(name)) need.tunnels.insert(name);
            }
            break;
        case Kind::within_lan:
            need.kind = Need::Kind::within_lan;
            break;
        case Kind::resolution:
            need.kind = Need::Kind::resolution;
            break;
        default:
            break;
    }
    const auto all = suspects(filters_, need);
    if (all.empty())
        return "something on this machine drops it, but neither nftables nor ip6tables shows what (tc filter "
               "show; "
               "bpftool net)";
    std::string out;
    for (const Suspect& suspect : all) {
        out += fmt::format("{}{} drops it; fix it with: {}", out.empty() ? "" : " | or ", suspect.name,
                           suspect.line);
    }
    return out;
}

// --- probes ---

void PassageWatch::send_probes(const View& view, const std::vector<Passage>& passages, TimePoint now) {
    if (!injector_) {
        if (injector_retry_ && now < *injector_retry_) return;
        auto opened = FrameInjector::open();
        if (!opened) {
            injector_retry_ = now + kInjectorRetry;
            if (!std::exchange(injector_problem_told_, true))
                log::info("firewall",
                          "{}: whether packets pass this machine can be seen from real traffic only",
                          opened.error().text());
            return;
        }
        injector_.emplace(std::move(*opened));
    }
    for (const Passage& passage : passages) {
        if (!injector_) return;
        const std::size_t before = injected_;
        probe(view, passage);
        if (injected_ == before) continue;
        auto& [since, last] = probed_.try_emplace(passage, now, now).first->second;
        if (now - last > kProbeGap) since = now;
        last = now;
    }
}

void PassageWatch::inject(const std::vector<std::byte>& frame) {
    if (!injector_) return;
    if (const auto sent = injector_->inject(frame); !sent) {
        log::debug("firewall", "{}, continuing", sent.error().text());
        injector_.reset();  // somebody has set the device down or removed it
        return;
    }
    ++injected_;
}

bool PassageWatch::is_probed(const Passage& passage, TimePoint now) const {
    const auto known = probed_.find(passage);
    if (known == probed_.end()) return false;
    const auto& [since, last] = known->second;
    return now - last <= kProbeGap && last - since >= kProbedFor;
}

void PassageWatch::probe(const View& view, const Passage& passage) {
    switch (passage.kind) {
        case Kind::to_sites:
        case Kind::from_sites:
            return probe_lan(view, passage);
        case Kind::between_sites:
            return probe_relay(view);
        case Kind::vrrp:
        case Kind::wireguard:
        case Kind::control:
        case Kind::resolution:
            return probe_input(view, passage);
        case Kind::within_lan:
            return;
    }
}

// Where our routes lead into a tunnel: without one, no filter is to blame.
void PassageWatch::probe_lan(const View& view, const Passage& passage) {
    const auto lan =
        std::find_if(view.config.lans.begin(), view.config.lans.end(), [&](const LanConfig& each) {
            return each.interface == passage.interface || sending_interface(each) == passage.interface;
        });
    const auto route = view.have.routes.find({view.config.overlay, kRouteMetric});
    if (lan == view.config.lans.end() || route == view.have.routes.end() || !route->second.link) return;
    const std::string& tunnel = *route->second.link;
    const auto through = view.have.links.find(tunnel);
    const auto link = view.have.links.find(passage.interface);
    if (through == view.have.links.end() || !through->second.up || link == view.have.links.end()) return;
    // Into a LAN without a cable nothing goes, whoever filters.
    if (!link->second.up || !link->second.running || is_switched(view.have, link->second)) return;
    if (!view.have.routes.contains({lan->prefix, kRouteMetric})) return;
    const bool out = passage.kind == Kind::to_sites;
    // Hosts send to the virtual MAC where there is one.
    if (out && passage.interface == lan->interface && sending_interface(*lan) != lan->interface) {
        const auto sending = view.have.links.find(sending_interface(*lan));
        if (sending != view.have.links.end() && sending->second.up) return;
    }
    ProbeFrame frame;
    frame.link = out ? link->second.index : through->second.index;
    if (out && link->second.mac) frame.destination = *link->second.mac;
    frame.from = out ? probe_address(lan->prefix) : other_site(view.config);
    frame.to = out ? other_site(view.config) : probe_address(lan->prefix);
    for (const std::uint16_t port : kTcpPorts) inject(tcp_probe(frame, port));
    inject(udp_probe(frame, kUdpPort, kUdpPort));
}

// From the first site to the second one of those that have a route now.
void PassageWatch::probe_relay(const View& view) {
    std::vector<std::pair<net::Ipv6Prefix, std::string>> sites;
    for (const SiteConfig& site : view.config.sites) {
        for (const net::Ipv6Prefix& prefix : site.prefixes) {
            const auto route = view.have.routes.find({prefix, kRouteMetric});
            if (route == view.have.routes.end() || !route->second.link) continue;
            // What another relay passes on may not go back to one.
            if (!is_tunnel(view.have, *route->second.link) || !route->second.link->starts_with("ulg-s"))
                continue;
            sites.emplace_back(prefix, *route->second.link);
            break;
        }
        if (sites.size() == 2) break;
    }
    if (sites.size() < 2) return;
    const auto link = view.have.links.find(sites[0].second);
    if (link == view.have.links.end() || !link->second.up || !view.have.links.at(sites[1].second).up) return;
    constexpr std::uint8_t kHopLimit = 64;
    const ProbeFrame frame{
        link->second.index, {}, probe_address(sites[0].first), probe_address(sites[1].first), kHopLimit};
    inject(udp_probe(frame, firewall::kProbePort, firewall::kProbePort));
    inject(udp_probe(frame, firewall::kProbePort, firewall::kProbePort));
    std::size_t services = 0;
    for (const firewall::Service& service : view.config.firewall.forward) {
        if (++services > kMostServices) break;
        const std::uint16_t port = service.first_port != 0 ? service.first_port : kTcpPorts[0];
        using Protocol = firewall::Service::Protocol;
        if (service.protocol == Protocol::udp) inject(udp_probe(frame, port, port));
        if (service.protocol == Protocol::tcp || service.protocol == Protocol::any)
            inject(tcp_probe(frame, port));
    }
}

void PassageWatch::probe_input(const View& view, const Passage& passage) {
    constexpr std::uint16_t kSourcePort = 61819;
    const net::Ipv6Address all_routers = net::parse_ipv6("ff02::12").value();
    const net::Ipv6Address from = net::with_interface_identifier(net::parse_ipv6_prefix("fe80::/64").value(),
                                                                 firewall::kProbeIdentifier);
    ProbeFrame frame;
    frame.from = from;
    if (passage.kind != Kind::wireguard) frame.hop_limit = 255;
    std::string interface = passage.interface;
    if (passage.kind == Kind::wireguard) interface = view.uplink;
    if (passage.kind == Kind::control) interface = router_interface(0);
    const auto link = view.have.links.find(interface);
    if (link == view.have.links.end() || !link->second.up || is_switched(view.have, link->second)) return;
    frame.link = link->second.index;
    if (passage.kind == Kind::resolution) {
        const auto target = link_local_of(view.have, interface);
        for (int i = 0; target && i < 3; ++i) inject(solicitation_probe(frame, *target));
        return;
    }
    if (link->second.mac) frame.destination = *link->second.mac;
    if (passage.kind == Kind::vrrp) {
        constexpr std::uint8_t kMulticast = 0x33;
        frame.to = all_routers;
        frame.destination = {{kMulticast, kMulticast, 0, 0, 0, all_routers.bytes.back()}};
        for (int i = 0; i < 3; ++i) inject(vrrp_probe(frame));
        return;
    }
    const auto own = link_local_of(view.have, interface);
    frame.to = passage.kind == Kind::control ? view.config.tunnel.address : own.value_or(net::Ipv6Address{});
    if (frame.to.is_unspecified()) return;
    const std::uint16_t port =
        passage.kind == Kind::control ? wg::control::kPort : view.config.tunnel.listen_port;
    for (int i = 0; i < 3; ++i) inject(udp_probe(frame, kSourcePort, port));
}

}  // namespace ulagate
