// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/liars_world.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "tests/unit/text_values.h"
#include "tests/unit/wg/test_support.h"

namespace ulagate::wg::control {
namespace {

using namespace std::chrono_literals;

constexpr Duration kDelay = 10ms;
constexpr Duration kLookEvery = 20ms;
// VRRP with an interval of 100 ms.
constexpr Duration kMasterDown = 350ms;
const net::Ipv6Prefix kLiarsOverlay = prefix("fd12:3456:789a::/48");

net::Ipv6Address router_address(std::size_t site, std::size_t index) {
    net::Ipv6Address out = address("fd99::a000");
    out.bytes[14] = static_cast<std::uint8_t>(0xa0 + index);
    out.bytes[15] = static_cast<std::uint8_t>(site);
    return out;
}

bool is_line(const SessionEvent& event) { return !std::holds_alternative<SitesLearned>(event); }

std::uint64_t size_of(const Message& message) {
    const auto* sites = std::get_if<Sites>(&message);
    return sites == nullptr ? 1 : sites->added.size() + sites->removed.size() + sites->transit.size();
}

}  // namespace

net::Ipv6Prefix LiarWorld::prefix_of(std::size_t site) const { return rows_.at(site).prefixes.front(); }

LiarWorld::LiarWorld(const Setup& setup)
    : setup_(setup),
      random_(setup.seed),
      script_(setup.seed + 1000),
      lies_(setup.lies * 7919U + setup.seed),
      routers_(setup.sites),
      links_(setup.sites) {
    for (std::size_t site = 0; site < setup.sites; ++site) {
        SiteRow& row = rows_.emplace_back();
        net::Ipv6Prefix own = prefix("fd12:3456:789a:a000::/64");
        own.address.bytes[7] = static_cast<std::uint8_t>(site);
        row.name = "s" + std::to_string(site);
        row.prefixes = {own};
        links_[site].fill(true);
        for (std::size_t index = 0; index < kRouters; ++index) {
            Router& router = routers_[site].at(index);
            router.address = router_address(site, index);
            router_of_[router.address] = {site, index};
            row.routers.push_back({router.address, wg::test::key(static_cast<unsigned>(1 + 2 * site + index)),
                                   static_cast<std::uint8_t>(index == 0 ? 200 : 100)});
            router.voices = Voices{{{address("fd99::1"), "ulg-r1"}, {address("fd99::2"), "ulg-r2"}}};
        }
    }
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        Relay& node = relays_.at(relay);
        node.name = "r" + std::to_string(relay + 1);
        node.address = address("fd99::" + std::to_string(relay + 1));
        if (relay == 1 && !setup.second_relay) continue;
        node.runs = true;
        node.ownership = Ownership{static_cast<std::uint32_t>(random_())};
        node.publisher.emplace(SitePublisher::Setup{kLiarsOverlay, (random_() >> 2U) | 1U}, now_);
        act(relay, node.ownership.set_config(rows_, both()));
        std::map<net::Ipv6Address, std::string> voices;
        for (const auto& [from, who] : router_of_)
            voices.emplace(from, "ulg-s" + std::to_string(who.second + 1));
        voices.emplace(address("fd99::" + std::to_string(2 - relay)), "ulg-r" + std::to_string(2 - relay));
        node.voices = Voices{std::move(voices)};
        node.peer.emplace(
            RelaySession::Setup{node.address, 0, static_cast<std::uint32_t>(random_()), random_()},
            kLiarsOverlay);
        act_peer(relay, node.peer->start(both()));
    }
    for (std::size_t site = 0; site < setup.sites; ++site) {
        for (std::size_t index = 0; index < kRouters; ++index) start(site, index);
        after(std::chrono::milliseconds{script_() % 500}, [this, site] { set_active(site, 0, true); });
        for (std::size_t other = 0; other < setup.sites; ++other) lost_[{site, other}] = {};
    }
    after(20s, [this] { script(); });
    after(20s, [this] { look(); });
}

void LiarWorld::run_for(Duration time) {
    const TimePoint end = now_ + time;
    for (; now_ < end; now_ += kStep) {
        while (!events_.empty() && std::get<0>(events_.begin()->first) <= now_) {
            const auto what = std::move(events_.begin()->second);
            events_.erase(events_.begin());
            what();
        }
        step_routers();
        step_relays();
        if (setup_.liar != Liar::none && !repents_ && now_ > begin_ + 15s) lie();
    }
}

void LiarWorld::power_off_first_relay() { relays_[0].runs = false; }

void LiarWorld::count_anew() {
    for (auto& [pair, time] : lost_) time = {};
}

void LiarWorld::note_line(Cost& cost, std::vector<TimePoint>& lines, TimePoint now) {
    ++cost.lines;
    lines.push_back(now);
    std::erase_if(lines, [now](TimePoint at) { return at + 1min < now; });
    cost.lines_in_a_minute = std::max(cost.lines_in_a_minute, lines.size());
}

// --- routers: as EdgeControl, PathControl and Service do it ---

void LiarWorld::start(std::size_t site, std::size_t index) {
    Router& router = routers_.at(site).at(index);
    const std::string by_relay = router.epochs.by_relay(), for_all = router.epochs.for_all();
    router.epochs = EpochMemory{};
    router.epochs.load(by_relay, for_all);
    router.up = true;
    router.sessions.clear();
    router.choice = PathChoice{};
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        RelaySession& session = router.sessions.emplace_back(
            RelaySession::Setup{router.address, router.epochs.reserved(relays_.at(relay).name),
                                static_cast<std::uint32_t>(random_()), random_()});
        session.want_sites(kLiarsOverlay);
    }
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        RelaySession& session = router.sessions.at(relay);
        act(site, index, relay, session.set_lans({{prefix_of(site), ClaimState::standby, 100}}, both()));
        act(site, index, relay, session.start(both()));
        act(site, index, relay, session.set_traffic(true, both()));
    }
}

void LiarWorld::stop(std::size_t site, std::size_t index) {
    Router& router = routers_.at(site).at(index);
    router.up = router.active = false;
}

void LiarWorld::set_active(std::size_t site, std::size_t index, bool active) {
    Router& router = routers_.at(site).at(index);
    if (!router.up) return;
    router.active = active;
    const auto priority = static_cast<std::uint8_t>(index == 0 ? 200 : 100);
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        act(site, index, relay,
            router.sessions.at(relay).set_lans(
                {{prefix_of(site), active ? ClaimState::active : ClaimState::standby, priority}}, both()));
    }
}

void LiarWorld::act(std::size_t site, std::size_t index, std::size_t relay, SessionOutcome outcome) {
    Router& router = routers_.at(site).at(index);
    for (Packet& packet : outcome.send) {
        if (!links_.at(site).at(relay)) continue;
        after(kDelay, [this, relay, site, index, packet = std::move(packet)] {
            at_relay(relay, site, index, packet);
        });
    }
    bool paths = false;
    for (const SessionEvent& event : outcome.events) {
        if (is_line(event)) note_line(router.cost, router.lines, now_);
        paths |=
            std::holds_alternative<ReachabilityChanged>(event) || std::holds_alternative<SitesLearned>(event);
    }
    note_list(router, relay);
    if (router.epochs.note(relays_.at(relay).name, router.sessions.at(relay).epoch())) {
        router.epochs.reserve();
        router.sessions.at(relay).set_kept(router.epochs.reserved(relays_.at(relay).name));
    }
    if (paths) decide(router, site);
}

// What a list costs who hears it: routes and paths follow each site that is there now and was not, or the
// other way round.
void LiarWorld::note_list(Router& router, std::size_t relay) {
    static const SiteSet kNone;
    const auto now = router.sessions.at(relay).sites();
    const auto before = std::exchange(router.lists.at(relay), now);
    if (now == before) return;
    const auto differ = [](const std::vector<net::Ipv6Prefix>& a, const std::vector<net::Ipv6Prefix>& b) {
        std::vector<net::Ipv6Prefix> out;
        std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
        return out.size();
    };
    const SiteSet& old_list = before ? *before : kNone;
    const SiteSet& new_list = now ? *now : kNone;
    router.cost.changed +=
        differ(old_list.prefixes(), new_list.prefixes()) + differ(old_list.transit(), new_list.transit());
}

void LiarWorld::decide(Router& router, std::size_t site) {
    PathChoice::Input input;
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        const RelaySession& session = router.sessions.at(relay);
        input.relays.push_back(
            {relays_.at(relay).name, session.alive(), session.probes().round_trip(), session.sites()});
    }
    input.own = {prefix_of(site)};
    for (std::size_t other = 0; other < routers_.size(); ++other) {
        if (other != site && other % 2 == 0) input.active_prefixes.insert(prefix_of(other));
    }
    const std::uint64_t before = router.choice.work();
    const bool changed = router.choice.update(input, now_);
    router.cost.worst_turn = std::max(router.cost.worst_turn, router.choice.work() - before);
    router.cost.work += router.choice.work() - before;
    if (!changed) return;
    // As Service::move_paths().
    std::size_t moved = 0;
    std::map<net::Ipv6Prefix, std::string> routes;
    for (const auto& [to, path] : router.choice.exceptions()) {
        routes.emplace(to, path.relay);
        const auto known = router.routes.find(to);
        if (known == router.routes.end() || known->second != path.relay) ++moved;
    }
    for (const auto& [to, relay] : router.routes) moved += routes.contains(to) ? 0U : 1U;
    router.routes = std::move(routes);
    router.cost.route_changes += moved;
    router.cost.routes = std::max(router.cost.routes, router.routes.size());
    for (std::size_t line = 0; line < (moved > 8 ? 1 : moved) + 1; ++line)
        note_line(router.cost, router.lines, now_);
}

void LiarWorld::at_router(std::size_t site, std::size_t index, std::size_t relay,
                          const std::string& interface, const Packet& packet) {
    Router& router = routers_.at(site).at(index);
    const net::Ipv6Address& from = relays_.at(relay).address;
    if (!router.up || !router.voices.may_speak(from, interface)) return;
    if (interface != "ulg-" + relays_.at(relay).name) ++forgeries_heard_;
    if (std::holds_alternative<Sites>(packet.message) && !router.voices.may_list(from, now_)) return;
    router.cost.entries += size_of(packet.message);
    act(site, index, relay, router.sessions.at(relay).on_packet(packet, both()));
}

void LiarWorld::step_routers() {
    for (std::size_t site = 0; site < routers_.size(); ++site) {
        for (std::size_t index = 0; index < kRouters; ++index) {
            Router& router = routers_[site].at(index);
            if (!router.up) continue;
            for (std::size_t relay = 0; relay < kRelays; ++relay) {
                const auto due = router.sessions.at(relay).deadline();
                if (due && *due <= now_)
                    act(site, index, relay, router.sessions.at(relay).on_deadline(both()));
            }
            if (router.choice.deadline() && *router.choice.deadline() <= now_) decide(router, site);
        }
    }
}

// --- relays: as RelayControl does it ---

void LiarWorld::at_relay(std::size_t relay, std::size_t site, std::size_t index, const Packet& packet) {
    Relay& node = relays_.at(relay);
    const net::Ipv6Address& from = routers_.at(site).at(index).address;
    if (!node.runs) return;
    if (std::holds_alternative<Sites>(packet.message) && !node.voices.may_list(from, now_)) return;
    node.cost.entries += size_of(packet.message);
    if (relay == 1) {
        last_sequence_[from] = packet.sequence;
        if (const auto* probe = std::get_if<Probe>(&packet.message)) last_probe_[from] = probe->id;
        if (const auto* hello = std::get_if<Hello>(&packet.message)) has_list_[from] = hello->sites;
    }
    Outcome out = node.ownership.on_packet(from, packet, both());
    const auto connected = node.ownership.connected(from);
    node.publisher->set_connected(connected.prefixes, connected.until, now_);
    const auto* hello = std::get_if<Hello>(&packet.message);
    const bool asks = hello != nullptr && (hello->about.capabilities & kWantsSites) != 0;
    if (asks && hello->sites != node.publisher->generation() && node.ownership.may_have_list(from, now_)) {
        for (auto& part : node.publisher->answer(hello->sites, now_))
            node.ownership.append(from, std::move(part), out);
    }
    act(relay, out);
}

void LiarWorld::act(std::size_t relay, const Outcome& outcome) {
    Relay& node = relays_.at(relay);
    for (const OwnershipEvent& event : outcome.events) {
        if (std::holds_alternative<OwnerChanged>(event)) ++node.cost.route_changes;
        if (std::holds_alternative<EpochRefused>(event)) ++epochs_refused_;
        note_line(node.cost, node.lines, now_);
    }
    for (const Outgoing& out : outcome.send) {
        const auto [site, index] = router_of_.at(out.to);
        if (!links_.at(site).at(relay)) continue;
        after(kDelay, [this, site = site, index = index, relay, packet = out.packet] {
            at_router(site, index, relay, "ulg-" + relays_.at(relay).name, packet);
        });
    }
}

void LiarWorld::act_peer(std::size_t relay, SessionOutcome outcome) {
    Relay& node = relays_.at(relay);
    const std::size_t other = 1 - relay;
    for (Packet& packet : outcome.send)
        after(kDelay, [this, other, packet = std::move(packet)] { at_peer(other, packet); });
    for (const SessionEvent& event : outcome.events) {
        if (is_line(event)) note_line(node.cost, node.lines, now_);
    }
    if (outcome.events.empty()) return;
    std::vector<net::Ipv6Prefix> own;
    for (const SiteRow& row : rows_) own.push_back(row.prefixes.front());
    node.publisher->set_elsewhere(
        choose_transit(own, {{relays_.at(other).name, node.peer->sites()}}, node.transit), now_);
}

void LiarWorld::at_peer(std::size_t relay, const Packet& packet) {
    Relay& node = relays_.at(relay);
    if (!node.runs) return;
    if (std::holds_alternative<Sites>(packet.message) &&
        !node.voices.may_list(relays_.at(1 - relay).address, now_))
        return;
    node.cost.entries += size_of(packet.message);
    if (relay == 1) {
        if (const auto* hello = std::get_if<Hello>(&packet.message)) peer_has_ = hello->sites;
    }
    act_peer(relay, node.peer->on_packet(packet, *node.publisher, both()));
}

void LiarWorld::step_relays() {
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        Relay& node = relays_.at(relay);
        if (!node.runs) continue;
        if (node.peer->deadline() && *node.peer->deadline() <= now_)
            act_peer(relay, node.peer->on_deadline(both()));
        if (node.publisher->deadline() && *node.publisher->deadline() <= now_)
            node.publisher->on_deadline(now_);
        node.ownership.set_sites_generation(node.publisher->generation());
        if (node.ownership.deadline() && *node.ownership.deadline() <= now_)
            act(relay, node.ownership.on_deadline(both()));
        if (node.transit == node.publisher->transit()) continue;
        node.transit = node.publisher->transit();
        ++node.cost.route_changes;
        note_line(node.cost, node.lines, now_);
    }
}

std::vector<std::string> LiarWorld::named(std::size_t first) const {
    std::vector<std::string> out;
    for (std::size_t site = first; site < routers_.size(); ++site) {
        for (const Router& router : routers_[site]) {
            for (std::size_t relay = 0; relay < kRelays; ++relay) {
                if (router.up && !router.sessions.at(relay).disbelieved(now_).empty())
                    out.push_back(relays_.at(relay).name);
            }
        }
    }
    for (const Relay& relay : relays_) {
        auto ownership = relay.ownership;
        for (const auto& complaint : ownership.complaints(now_)) out.push_back(complaint.site);
        if (relay.peer && !relay.peer->session().disbelieved(now_).empty()) out.push_back("r2");
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

// --- what happens ---

void LiarWorld::script() {
    // Never to site 0, where the liar is.
    const std::size_t site = 1 + script_() % (routers_.size() - 1);
    const bool dies = script_() % 3 != 0;
    if (dies) {
        fail_over(site);
    } else {
        cut(site);
    }
    after(std::chrono::milliseconds{2000 + script_() % 3000}, [this] { script(); });
}

// The router that is Active loses its power; the other one takes over, and gives back what it has when the
// better one is there again.
void LiarWorld::fail_over(std::size_t site) {
    Site& both_routers = routers_.at(site);
    if (!both_routers[0].up || !both_routers[1].up || !both_routers[0].active) return;
    stop(site, 0);
    after(kMasterDown, [this, site] { set_active(site, 1, true); });
    after(6s, [this, site] { start(site, 0); });
    after(8s, [this, site] {
        set_active(site, 0, true);
        set_active(site, 1, false);
    });
}

void LiarWorld::cut(std::size_t site) {
    if (!links_.at(site)[0]) return;
    links_.at(site)[0] = false;
    after(8s, [this, site] { links_.at(site)[0] = true; });
}

void LiarWorld::look() {
    for (std::size_t from = 0; from < routers_.size(); ++from) {
        for (std::size_t to = 0; to < routers_.size(); ++to) {
            if (from != to && !arrives(from, to)) lost_[{from, to}] += kLookEvery;
        }
    }
    after(kLookEvery, [this] { look(); });
}

// Along the routes: the Active router's, the relay's (an owner, or the other relay), into the LAN.
bool LiarWorld::arrives(std::size_t from, std::size_t to) const {
    const Site& here = routers_.at(from);
    const auto active =
        std::find_if(here.begin(), here.end(), [](const Router& r) { return r.up && r.active; });
    if (active == here.end()) return false;
    const std::string& name = active->choice.path_to(prefix_of(to)).relay;
    std::size_t relay = name == "r2" ? 1 : 0;
    if (name.empty() || !relays_.at(relay).runs || !links_.at(from).at(relay)) return false;
    if (relays_.at(relay).transit.contains(prefix_of(to))) relay = 1 - relay;
    if (!relays_.at(relay).runs || !links_.at(to).at(relay)) return false;
    const auto index = relays_.at(relay).ownership.owner_index(prefix_of(to));
    return index && routers_.at(to).at(*index).up;
}

}  // namespace ulagate::wg::control
