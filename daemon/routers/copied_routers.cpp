// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/copied_routers.h"

#include <fmt/format.h>

#include <algorithm>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kWithin = 1min;

}  // namespace

void CopiedRouters::note(const wg::PublicKey& key, const net::Endpoint& endpoint, TimePoint now) {
    Router& router = routers_[key];
    auto& places = router.places;
    if (!places.empty() && places.front().endpoint == endpoint) return;
    const auto known = std::find_if(places.begin(), places.end(),
                                    [&](const Place& place) { return place.endpoint == endpoint; });
    if (known == places.end()) {
        if (places.size() == kEndpoints) places.pop_back();
        places.insert(places.begin(), Place{endpoint, {}});
        return;
    }
    std::rotate(places.begin(), known, known + 1);
    auto& returns = places.front().returns;
    std::rotate(returns.begin(), returns.end() - 1, returns.end());
    returns.front() = now;
    // The one it comes from is where it was returned to as often, or the router only tried something else.
    const auto proven = [now](const Place& place) {
        return place.returns.back() && now - *place.returns.back() <= kWithin;
    };
    if (!proven(places[0]) || !proven(places[1])) return;
    router.both = std::minmax(places[0].endpoint, places[1].endpoint);
    router.until = now + kWithin;
}

void CopiedRouters::keep_only(const std::set<wg::PublicKey>& configured) {
    std::erase_if(routers_, [&](const auto& entry) { return !configured.contains(entry.first); });
}

std::vector<wg::PublicKey> CopiedRouters::copied(TimePoint now) const {
    std::vector<wg::PublicKey> out;
    for (const auto& [key, router] : routers_) {
        if (router.both && router.until >= now) out.push_back(key);
    }
    return out;
}

std::vector<Obstacle> CopiedRouters::obstacles(const Name& name, TimePoint now) const {
    std::vector<Obstacle> out;
    for (const auto& [key, router] : routers_) {
        if (!router.both || router.until < now) continue;
        out.emplace_back().sentence = fmt::format(
            "router {} is in two places at once: its endpoint alternates between {} and {}; two machines "
            "have its key (a copied card or file), or its uplink changes every few seconds; packets to it "
            "reach only one of the two; give the second machine its own key, node name and tunnel address, "
            "or switch it off",
            name(key), net::to_string(router.both->first), net::to_string(router.both->second));
    }
    return out;
}

}  // namespace ulagate
