// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/replay_policy.h"

#include <algorithm>
#include <set>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxSources = 64;  // strangers can send initiations too; the one silent longest goes
constexpr std::size_t kMaxAtOnce = 8;    // peers
// WireGuard tries every 5 s (REKEY_TIMEOUT): the second try says that the first was in vain.
constexpr unsigned kTries = 2;
constexpr auto kInVain = 4s;
constexpr auto kForget = 30s;  // after so long without another try it is a new story
constexpr auto kFirstWait = 30s;
constexpr std::chrono::seconds kLongestWait = 10min;
// The clock that handshakes are dated by is read at other moments than ours.
constexpr auto kSlack = 1s;

// A handshake in the future was before this machine's own clock went back.
bool since(ReplayPolicy::WallTime then, ReplayPolicy::WallTime handshake, ReplayPolicy::WallTime now) {
    return handshake + kSlack >= then && handshake <= now + kSlack;
}

}  // namespace

void ReplayPolicy::on_initiation(const net::Endpoint& from, std::size_t router_index, Now now) {
    const Place place{router_index, from};
    auto known = sources_.find(place);
    if (known != sources_.end() && now.steady - known->second.last > kForget) {
        sources_.erase(known);
        known = sources_.end();
    }
    if (known == sources_.end()) {
        if (sources_.size() >= kMaxSources) {
            sources_.erase(
                std::min_element(sources_.begin(), sources_.end(),
                                 [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
        }
        known = sources_.emplace(place, Source{now, now.steady, 0}).first;
    }
    known->second.last = now.steady;
    if (known->second.count < kTries) ++known->second.count;
}

bool ReplayPolicy::in_vain(const Source& source) {
    return source.count >= kTries && source.last - source.first.steady >= kInVain;
}

bool ReplayPolicy::is_due(TimePoint now) const {
    if (judged_at_ && now - *judged_at_ < kInVain) return false;
    return std::any_of(sources_.begin(), sources_.end(),
                       [](const auto& entry) { return in_vain(entry.second); });
}

std::vector<wg::PublicKey> ReplayPolicy::judge(const std::vector<Peer>& peers, Now now) {
    judged_at_ = now.steady;
    for (const Peer& peer : peers) {
        const auto renewal = renewals_.find(peer.key);
        if (renewal != renewals_.end() && since(renewal->second.when.wall, peer.last_handshake, now.wall))
            renewals_.erase(renewal);  // it has helped
    }
    std::erase_if(renewals_, [&](const auto& entry) {
        return std::none_of(peers.begin(), peers.end(),
                            [&](const Peer& peer) { return peer.key == entry.first; });
    });

    std::set<wg::PublicKey> chosen;
    for (auto source = sources_.begin(); source != sources_.end();) {
        if (!in_vain(source->second)) {
            ++source;
            continue;
        }
        const Place& place = source->first;
        const Source& seen = source->second;
        const bool answered = std::any_of(peers.begin(), peers.end(), [&](const Peer& peer) {
            return peer.router_index == place.router_index && peer.endpoint == place.from &&
                   since(seen.first.wall, peer.last_handshake, now.wall);
        });
        if (!answered) {
            for (const Peer* peer : candidates(peers, place, now.steady)) chosen.insert(peer->key);
        }
        source = sources_.erase(source);  // if more initiations come, it is judged again
    }
    for (const wg::PublicKey& key : chosen) {
        Renewal& renewal = renewals_[key];
        renewal.when = now;
        ++renewal.times;
    }
    return {chosen.begin(), chosen.end()};
}

bool ReplayPolicy::may_renew(const wg::PublicKey& key, TimePoint now) const {
    const auto known = renewals_.find(key);
    if (known == renewals_.end()) return true;
    const unsigned doublings = std::min(known->second.times - 1, 10U);
    return now - known->second.when.steady >=
           std::min<std::chrono::seconds>(kFirstWait * (1U << doublings), kLongestWait);
}

// Those last seen at the same address; if all of these were tried just now, or there is none, any that it
// could be: a router may come back with another address.
std::vector<const ReplayPolicy::Peer*> ReplayPolicy::candidates(const std::vector<Peer>& peers,
                                                                const Place& place, TimePoint now) const {
    std::vector<const Peer*> near;
    std::vector<const Peer*> far;
    for (const Peer& peer : peers) {
        if (peer.router_index != place.router_index || peer.live || !may_renew(peer.key, now)) continue;
        if (peer.endpoint && peer.endpoint->address == place.from.address) {
            near.push_back(&peer);
        } else if (peer.known) {
            far.push_back(&peer);
        }
    }
    std::vector<const Peer*>& out = near.empty() ? far : near;
    std::stable_sort(out.begin(), out.end(), [&](const Peer* a, const Peer* b) {
        const bool same_a = a->endpoint == place.from;
        const bool same_b = b->endpoint == place.from;
        return same_a != same_b ? same_a : a->last_handshake > b->last_handshake;
    });
    if (out.size() > kMaxAtOnce) out.resize(kMaxAtOnce);
    return out;
}

}  // namespace ulagate
