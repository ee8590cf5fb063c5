// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <utility>

#include "tests/sim/paths_world.h"

// What must not be, whatever the weather.
namespace ulagate::wg::control {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kIdleEvery = 10;  // looks
constexpr std::size_t kMostFaults = 20;
constexpr unsigned kHops = 8;

std::string text_of(Duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + " ms";
}

}  // namespace

void PathWorld::fault(const std::string& what) {
    if (faults.size() < kMostFaults)
        faults.push_back("at " + text_of(now_.time_since_epoch() - 1h) + ": " + what);
}

// Alive, and nothing speaks against it.
bool PathWorld::surely_good(const PathChoice::Input& input, const net::Ipv6Prefix& site,
                            const std::string& relay) {
    const auto found = std::find_if(input.relays.begin(), input.relays.end(),
                                    [&](const auto& r) { return r.name == relay; });
    const auto works = [&](const std::string& through) {
        const auto probed = input.end_to_end.find({site, through});
        return probed == input.end_to_end.end() || probed->second;
    };
    if (found == input.relays.end() || !found->alive || !works(relay)) return false;
    if (!found->sites || found->sites->covers(site)) return true;
    return found->sites->transits_to(site) &&
           std::none_of(input.relays.begin(), input.relays.end(), [&](const auto& other) {
               return other.alive && other.sites && other.sites->covers(site) && works(other.name);
           });
}

bool PathWorld::surely_bad(const PathChoice::Input& input, const net::Ipv6Prefix& site,
                           const std::string& relay) {
    const auto found = std::find_if(input.relays.begin(), input.relays.end(),
                                    [&](const auto& r) { return r.name == relay; });
    if (found == input.relays.end() || !found->alive) return true;
    const auto probed = input.end_to_end.find({site, relay});
    return probed != input.end_to_end.end() && !probed->second;
}

// After each decision.
void PathWorld::note_moves(std::size_t site) {
    Edge& edge = edges_.at(site);
    const std::string& by_default = edge.choice.default_path().relay;
    if (by_default != edge.by_default) {
        const auto left = std::find_if(edge.input.relays.begin(), edge.input.relays.end(),
                                       [&](const auto& relay) { return relay.name == edge.by_default; });
        const bool lived = left != edge.input.relays.end() && left->alive;
        if (lived && edge.default_moved && now_ - *edge.default_moved < kDefaultHold) {
            fault(net::to_string(edge.prefix) + ": the default went from " + edge.by_default +
                  ", which is alive, to " + by_default + " after " + text_of(now_ - *edge.default_moved));
        }
        if (!edge.by_default.empty()) {
            ++edge.default_moves;
            edge.default_moved = now_;
        }
        edge.by_default = by_default;
    }
    for (std::size_t other = 0; other < edges_.size(); ++other) {
        Remote& remote = edge.to.at(other);
        if (other == site) continue;
        const net::Ipv6Prefix& to = prefix(other);
        const std::string& relay = edge.choice.path_to(to).relay;
        if (relay == remote.relay) continue;
        const std::string from_to = net::to_string(edge.prefix) + " to " + net::to_string(to) +
                                    " moves from " + remote.relay + " to " + relay;
        if (surely_good(edge.input, to, remote.relay) && remote.moved && now_ - *remote.moved < kSiteHold)
            fault(from_to + ", which worked, after " + text_of(now_ - *remote.moved));
        const bool elsewhere = std::any_of(relays_.begin(), relays_.end(), [&](const RelayNode& node) {
            return surely_good(edge.input, to, node.name);
        });
        if (elsewhere && surely_bad(edge.input, to, relay)) fault(from_to + ", which is known not to work");
        if (elsewhere && edge.choice.exceptions().contains(to) && !surely_good(edge.input, to, relay))
            fault(from_to + " alone, which is not connected to it");
        if (!remote.relay.empty()) {
            remote.moved = now_;
            ++remote.moves;
        }
        remote.relay = relay;
    }
}

void PathWorld::note_unannounced(std::size_t site) {
    const Edge& edge = edges_.at(site);
    for (std::size_t other = 0; other < edges_.size(); ++other) {
        if (other != site && edge.to.at(other).relay != edge.choice.path_to(prefix(other)).relay)
            fault(net::to_string(edge.prefix) + " has another path to " + net::to_string(prefix(other)) +
                  " and did not say so");
    }
}

void PathWorld::note_links(std::size_t relay) {
    for (Edge& edge : edges_) {
        Link& link = edge.links.at(relay);
        const bool good = relays_.at(relay).runs && link.to_relay && link.to_site && link.loss == 0;
        if (!good) link.good_since.reset();
        if (good && !link.good_since) link.good_since = now_;
    }
}

void PathWorld::look_at_pairs() {
    const bool all = judge_idle && looks_++ % kIdleEvery == 0;
    for (std::size_t from = 0; from < edges_.size(); ++from) {
        for (std::size_t to = 0; to < edges_.size(); ++to) {
            if (from != to && (all || edges_.at(from).to.at(to).active_since)) look_at(from, to);
        }
    }
    after(kLook, [this] { look_at_pairs(); });
}

// One packet along the routes, of which a longer prefix wins; what reaches its own site stays there unless a
// route leads it out again.
bool PathWorld::arrives(std::size_t from, std::size_t to) {
    std::size_t at = from;
    for (unsigned hops = 0; hops < kHops; ++hops) {
        const PathChoice& choice = edges_.at(at).choice;
        const bool led_out = choice.exceptions().contains(prefix(to));
        if (at == to && !led_out) return true;
        const std::string& name = choice.path_to(prefix(to)).relay;
        if (name.empty()) return false;
        const std::size_t relay = relay_number(name);
        if (!link(at, relay).to_relay || !relays_.at(relay).runs) return false;
        const auto last = last_relay(relay, to);
        if (!last || !link(to, *last).to_site) return false;
        at = to;
    }
    fault("a loop between " + net::to_string(prefix(from)) + " and " + net::to_string(prefix(to)));
    return false;
}

// Since when a link has not worked, in one direction or both; nullopt: it works.
std::optional<TimePoint> PathWorld::bad_since(std::size_t site, std::size_t relay, bool up) const {
    const Link& way = link(site, relay);
    const bool works = relays_.at(relay).runs && (up ? way.to_relay : way.to_site);
    return works ? std::nullopt : std::optional{std::max(way.changed, relays_.at(relay).changed)};
}

void PathWorld::look_at(std::size_t from, std::size_t to) {
    Remote& remote = edges_.at(from).to.at(to);
    const TimePoint last_look = std::exchange(remote.looked_at, now_);
    if (arrives(from, to)) {
        remote.without_since.reset();
        return;
    }
    // A link that comes and goes may have worked since the last look. With two relays on the path there is no
    // one link to blame.
    TimePoint since = now_;
    if (!remote.relay.empty() && !linked_) {
        const std::size_t relay = relay_number(remote.relay);
        since =
            std::min(bad_since(from, relay, true).value_or(now_), bad_since(to, relay, false).value_or(now_));
    }
    if (!remote.without_since || (!linked_ && since > last_look)) remote.without_since = since;

    const bool active = remote.active_since.has_value();
    TimePoint begin = std::max({*remote.without_since, remote.active_since.value_or(TimePoint::min()),
                                remote.silent_since.value_or(TimePoint::min())});
    // A relay that has just started does not say for a while which sites it lacks.
    if (!active && !remote.relay.empty()) {
        const RelayNode& used = relays_.at(relay_number(remote.relay));
        if (used.runs) begin = std::max(begin, used.says_since.value_or(now_));
    }
    if (linked_) judge_transit(from, to, begin);
    for (std::size_t relay = 0; relay < kRelays; ++relay) {
        const auto &here = link(from, relay).good_since, &there = link(to, relay).good_since;
        if (!here || !there) continue;
        const Duration missed = now_ - std::max({begin, *here, *there});
        Duration& worst = active ? worst_active : worst_idle;
        worst = std::max(worst, missed);
        if (missed <= (active ? kActiveBudget : kIdleBudget)) continue;
        fault(net::to_string(prefix(from)) + " does not reach " + net::to_string(prefix(to)) + " through " +
              remote.relay + " though " + relays_.at(relay).name + " has worked for " + text_of(missed));
        remote.without_since = now_;
    }
}

// Each of two relays reaches one of the sites.
void PathWorld::judge_transit(std::size_t from, std::size_t to, TimePoint begin) {
    for (std::size_t first = 0; first < kRelays; ++first) {
        for (std::size_t second = 0; second < kRelays; ++second) {
            const auto &here = link(from, first).good_since, &there = link(to, second).good_since;
            const RelayNode &one = relays_.at(first), &two = relays_.at(second);
            if (first == second || !here || !there || !one.says_since || !two.says_since) continue;
            const Duration missed = now_ - std::max({begin, *here, *there, *one.says_since, *two.says_since});
            worst_transit = std::max(worst_transit, missed);
            if (missed <= kTransitBudget) continue;
            fault(net::to_string(prefix(from)) + " does not reach " + net::to_string(prefix(to)) +
                  " though " + one.name + " and then " + two.name + " have worked for " + text_of(missed));
        }
    }
}

}  // namespace ulagate::wg::control
