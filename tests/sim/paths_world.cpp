// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/paths_world.h"

#include <algorithm>

#include "tests/unit/text_values.h"
#include "tests/unit/wg/test_support.h"

namespace ulagate::wg::control {
namespace {

using namespace std::chrono_literals;

const net::Ipv6Prefix kOverlay = prefix("fd12:3456:789a::/48");
constexpr Duration kTick = 1s;

net::Ipv6Prefix numbered_site(std::size_t number) {
    net::Ipv6Prefix site = prefix("fd12:3456:789a:a000::/64");
    site.address.bytes[7] = static_cast<std::uint8_t>(number);
    return site;
}

net::Ipv6Address numbered_router(std::size_t number) {
    net::Ipv6Address router = address("fd99::a000");
    router.bytes[15] = static_cast<std::uint8_t>(number);
    return router;
}

}  // namespace

PathWorld::PathWorld(unsigned seed, std::size_t sites, bool linked)
    : random_(seed), linked_(linked), edges_(sites) {
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        relays_.at(relay).name = "r" + std::to_string(relay + 1);
    }
    for (std::size_t site = 0; site < sites; ++site) {
        Edge& edge = edges_.at(site);
        edge.prefix = numbered_site(site);
        edge.address = numbered_router(site);
        edge.to.resize(sites);
        edge.input.own = {edge.prefix};
        edge.probe = RemoteProbe{random_()};
        site_of_[edge.address] = site_of_[active_router_of(edge.prefix)] = site;
        rows_.push_back({net::to_string(edge.prefix),
                         {edge.prefix},
                         {{edge.address, wg::test::key(static_cast<unsigned>(site) + 1), 100}}});
    }
    for (std::size_t relay = 0; relay < kRelays; ++relay) start(relay);
    for (std::size_t site = 0; site < sites; ++site) {
        for (std::size_t relay = 0; relay < kRelays; ++relay) {
            RelaySession& session = edges_.at(site).sessions.emplace_back(RelaySession::Setup{
                edges_.at(site).address, 1, static_cast<std::uint32_t>(random_()), random_()});
            session.want_sites(kOverlay);
        }
        after(std::chrono::milliseconds{draw(0, 999)}, [this, site] {
            for (std::size_t relay = 0; relay < kRelays; ++relay) {
                RelaySession& session = edges_.at(site).sessions.at(relay);
                act(site, relay,
                    session.set_lans({{edges_.at(site).prefix, ClaimState::active, 100}}, both()));
                act(site, relay, session.start(both()));
            }
            tick(site);
        });
    }
    after(kLook, [this] { look_at_pairs(); });
}

// --- time ---

void PathWorld::after(Duration time, std::function<void()> what) {
    events_.push({now_ + time, number_++, std::move(what)});
}

void PathWorld::run_for(Duration time) {
    const TimePoint end = now_ + time;
    while (!events_.empty() && events_.top().at <= end) {
        now_ = events_.top().at;
        const auto what = events_.top().what;
        events_.pop();
        ++events;
        what();
    }
    now_ = end;
}

// One event for all deadlines of a router; what has become later meanwhile finds nothing to do.
void PathWorld::set_alarm(std::size_t site) {
    Edge& edge = edges_.at(site);
    auto next = edge.choice.deadline();
    const auto earlier = [&next](const std::optional<TimePoint>& at) {
        if (at && (!next || *at < *next)) next = at;
    };
    earlier(edge.probe.deadline());
    for (const RelaySession& session : edge.sessions) earlier(session.deadline());
    if (!next || (edge.alarm && *edge.alarm <= *next)) return;
    edge.alarm = std::max(*next, now_);
    events_.push({*edge.alarm, number_++, [this, site, at = *edge.alarm] {
                      if (edges_.at(site).alarm == at) wake(site);
                  }});
}

void PathWorld::set_alarm(RelayNode& node, std::size_t relay) {
    auto next = node.ownership.deadline();
    const auto publishing = node.publisher ? node.publisher->deadline() : std::nullopt;
    if (publishing && (!next || *publishing < *next)) next = publishing;
    for (const auto& [number, peer] : node.peers) {
        if (peer.deadline() && (!next || *peer.deadline() < *next)) next = peer.deadline();
    }
    if (!next || !node.runs || (node.alarm && *node.alarm <= *next)) return;
    node.alarm = std::max(*next, now_);
    events_.push({*node.alarm, number_++, [this, relay, at = *node.alarm] {
                      RelayNode& woken = relays_.at(relay);
                      if (woken.alarm != at || !woken.runs) return;
                      woken.alarm.reset();
                      for (auto& [number, peer] : woken.peers)
                          act_peer(relay, number, peer.on_deadline(both()));
                      woken.publisher->on_deadline(now_);
                      woken.ownership.set_sites_generation(woken.publisher->generation());
                      if (!woken.says_since && woken.publisher->generation() != 0) woken.says_since = now_;
                      act(woken, relay, woken.ownership.on_deadline(both()));
                  }});
}

// --- the wire ---

void PathWorld::to_relay(std::size_t site, std::size_t relay, std::function<void()> arrives) {
    const Link& way = link(site, relay);
    if (!way.to_relay || chance(way.loss)) return;
    after(way.delay, [this, relay, arrives = std::move(arrives)] {
        if (relays_.at(relay).runs) arrives();
    });
}

void PathWorld::to_site(std::size_t site, std::size_t relay, std::function<void()> arrives) {
    const Link& way = link(site, relay);
    if (!way.to_site || chance(way.loss)) return;
    after(way.delay, std::move(arrives));
}

void PathWorld::set_link(std::size_t site, std::size_t relay, const Link& link) {
    Link& way = edges_.at(site).links.at(relay);
    const bool same = way.to_relay == link.to_relay && way.to_site == link.to_site;
    const Link before = std::exchange(way, link);
    way.changed = same ? before.changed : now_;
    way.good_since = before.good_since;
    note_links(relay);
}

// --- relays ---

void PathWorld::start(std::size_t relay) {
    RelayNode& node = relays_.at(relay);
    if (std::exchange(node.runs, true)) return;
    node.changed = now_;
    node.says_since.reset();
    node.alarm.reset();
    node.ownership = Ownership{static_cast<std::uint32_t>(random_())};
    node.publisher.emplace(SitePublisher::Setup{kOverlay, random_() >> 1U | 1U}, now_);
    act(node, relay, node.ownership.set_config(rows_, both()));
    node.peers.clear();
    for (std::size_t other = 0; linked_ && other < kRelays; ++other) {
        if (other == relay) continue;
        const RelaySession::Setup setup{{}, 0, static_cast<std::uint32_t>(random_()), random_()};
        node.peers.emplace(other, PeerRelay{setup, kOverlay});
        act_peer(relay, other, node.peers.at(other).start(both()));
    }
    note_links(relay);
}

void PathWorld::power_off(std::size_t relay) {
    RelayNode& node = relays_.at(relay);
    if (std::exchange(node.runs, false)) node.changed = now_;
    note_links(relay);
}

void PathWorld::stop(std::size_t relay) {
    RelayNode& node = relays_.at(relay);
    if (node.runs) act(node, relay, node.ownership.stop(both()));
    for (auto& [number, peer] : node.peers) act_peer(relay, number, peer.stop(both()));
    power_off(relay);
}

void PathWorld::act_peer(std::size_t relay, std::size_t peer, SessionOutcome outcome) {
    for (Packet& packet : outcome.send) {
        after(10ms, [this, relay, peer, packet = std::move(packet)] {
            RelayNode& there = relays_.at(peer);
            if (there.runs)
                act_peer(peer, relay, there.peers.at(relay).on_packet(packet, *there.publisher, both()));
        });
    }
    if (!outcome.events.empty()) look_elsewhere(relay);
    set_alarm(relays_.at(relay), relay);
}

void PathWorld::look_elsewhere(std::size_t relay) {
    RelayNode& node = relays_.at(relay);
    std::vector<OtherRelay> others;
    for (const auto& [number, peer] : node.peers) others.push_back({relays_.at(number).name, peer.sites()});
    std::vector<net::Ipv6Prefix> own;
    for (const Edge& edge : edges_) own.push_back(edge.prefix);
    node.publisher->set_elsewhere(choose_transit(own, others, node.publisher->transit()), now_);
}

// From which relay a packet that came to `relay` from a site leaves to the other site; nullopt: it is
// dropped.
std::optional<std::size_t> PathWorld::last_relay(std::size_t relay, std::size_t to) {
    const auto& transit = relays_.at(relay).publisher->transit();
    const auto found = transit.find(prefix(to));
    if (found == transit.end()) return relay;
    const std::size_t other = relay_number(found->second);
    if (!relays_.at(other).runs) return std::nullopt;
    if (!relays_.at(other).publisher->transit().contains(prefix(to))) return other;
    ++turned_back;
    return std::nullopt;
}

void PathWorld::act(RelayNode& node, std::size_t relay, const Outcome& outcome) {
    for (const Outgoing& out : outcome.send) {
        const std::size_t site = site_of_.at(out.to);
        to_site(site, relay, [this, site, relay, packet = out.packet] {
            act(site, relay, edges_.at(site).sessions.at(relay).on_packet(packet, both()));
        });
    }
    set_alarm(node, relay);
}

// As RelayControl does it.
void PathWorld::at_relay(std::size_t site, std::size_t relay, const Packet& packet) {
    RelayNode& node = relays_.at(relay);
    const net::Ipv6Address& from = edges_.at(site).address;
    Outcome out = node.ownership.on_packet(from, packet, both());
    const auto connected = node.ownership.connected(from);
    node.publisher->set_connected(connected.prefixes, connected.until, now_);
    const auto* hello = std::get_if<Hello>(&packet.message);
    const bool asks = hello != nullptr && (hello->about.capabilities & kWantsSites) != 0;
    if (asks && hello->sites != node.publisher->generation() && node.ownership.may_have_list(from, now_)) {
        for (auto& part : node.publisher->answer(hello->sites, now_))
            node.ownership.append(from, std::move(part), out);
    }
    act(node, relay, out);
}

// --- routers: as EdgeControl, PathControl and Service do it ---

std::size_t PathWorld::relay_number(const std::string& name) {
    return static_cast<std::size_t>(name.at(1) - '1');
}

void PathWorld::act(std::size_t site, std::size_t relay, SessionOutcome outcome) {
    for (Packet& packet : outcome.send) {
        to_relay(site, relay,
                 [this, site, relay, packet = std::move(packet)] { at_relay(site, relay, packet); });
    }
    const bool matters =
        std::any_of(outcome.events.begin(), outcome.events.end(), [](const SessionEvent& event) {
            return std::holds_alternative<ReachabilityChanged>(event) ||
                   std::holds_alternative<SitesLearned>(event);
        });
    if (matters) decide(site);
    set_alarm(site);
}

void PathWorld::wake(std::size_t site) {
    Edge& edge = edges_.at(site);
    edge.alarm.reset();
    const auto due = [this](const std::optional<TimePoint>& at) { return at && *at <= now_; };
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        RelaySession& session = edge.sessions.at(relay);
        if (due(session.deadline())) act(site, relay, session.on_deadline(both()));
    }
    const auto outcome = edge.probe.on_deadline(now_);
    send_probes(site, outcome);
    if (outcome.changed || due(edge.choice.deadline())) decide(site);
    set_alarm(site);
}

void PathWorld::tick(std::size_t site) {
    Edge& edge = edges_.at(site);
    std::set<std::string> carrying;
    for (std::size_t other = 0; other < edges_.size(); ++other) {
        if (!edge.to.at(other).active_since) continue;
        carrying.insert(edge.choice.path_to(prefix(other)).relay);
        carrying.insert(choice(other).path_to(edge.prefix).relay);
    }
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        act(site, relay,
            edge.sessions.at(relay).set_traffic(carrying.contains(relays_.at(relay).name), both()));
    }
    decide(site);
    note_unannounced(site);
    watch(site);
    set_alarm(site);
    after(kTick, [this, site] { tick(site); });
}

void PathWorld::decide(std::size_t site) {
    Edge& edge = edges_.at(site);
    edge.input.relays.clear();
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        const RelaySession& session = edge.sessions.at(relay);
        edge.input.relays.push_back(
            {relays_.at(relay).name, session.alive(), session.probes().round_trip(), session.sites()});
    }
    edge.input.end_to_end = edge.probe.end_to_end();
    edge.input.active_prefixes.clear();
    for (std::size_t other = 0; other < edges_.size(); ++other) {
        if (edge.to.at(other).active_since) edge.input.active_prefixes.insert(prefix(other));
    }
    const bool changed = edge.choice.update(edge.input, now_);
    if (changed) note_moves(site);
    if (changed) watch(site);
}

void PathWorld::watch(std::size_t site) {
    Edge& edge = edges_.at(site);
    std::vector<net::Ipv6Prefix> active;
    for (std::size_t other = 0; other < edges_.size(); ++other) {
        if (edge.to.at(other).active_since) active.push_back(prefix(other));
    }
    std::vector<std::string> living;
    for (const PathChoice::Relay& relay : edge.input.relays) {
        if (relay.alive) living.push_back(relay.name);
    }
    send_probes(site,
                edge.probe.set(
                    active, living, [&](const auto& to) { return edge.choice.path_to(to).relay; }, now_));
}

void PathWorld::send_probes(std::size_t site, const RemoteProbe::Outcome& outcome) {
    for (const RemoteProbe::Send& each : outcome.send) {
        const std::size_t relay = relay_number(each.relay);
        const std::size_t to = site_of_.at(each.to);
        to_relay(site, relay, [this, site, relay, to, packet = each.packet] {
            const auto last = last_relay(relay, to);
            if (!last) return;
            to_site(to, *last, [this, site, last = *last, to, packet] { asked(site, to, last, packet); });
        });
    }
}

// The answer takes the path that the question took.
void PathWorld::asked(std::size_t from, std::size_t to, std::size_t relay, const Packet& probe) {
    const ProbeAck ack{std::get<Probe>(probe.message).id};
    to_relay(to, relay, [this, from, to, relay, ack] {
        const auto last = last_relay(relay, from);
        if (!last) return;
        to_site(from, *last, [this, from, to, last = *last, ack] {
            const auto outcome = edges_.at(from).probe.on_answer(relays_.at(last).name,
                                                                 active_router_of(prefix(to)), ack, now_);
            if (outcome.changed) decide(from);
            set_alarm(from);
        });
    });
}

void PathWorld::talk(std::size_t a, std::size_t b) {
    if (a == b || edges_.at(a).to.at(b).active_since) return;
    edges_.at(a).to.at(b).active_since = edges_.at(b).to.at(a).active_since = now_;
}

void PathWorld::fall_silent(std::size_t a, std::size_t b) {
    for (Remote* remote : {&edges_.at(a).to.at(b), &edges_.at(b).to.at(a)}) {
        if (remote->active_since) remote->silent_since = now_;
        remote->active_since.reset();
    }
}

}  // namespace ulagate::wg::control
