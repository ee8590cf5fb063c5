// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <utility>

#include "wg/control/ownership.h"

// How owners live through a new configuration.
namespace ulagate::wg::control {

// With what is known of the router, if it is the same one.
Ownership::Router Ownership::carried_over(const RouterRow& row) const {
    Router router;
    router.next_sequence = first_sequence_;
    const auto place = place_of_router(row.address);
    if (place) {
        const Router& before = sites_.at(place->site).routers.at(place->index);
        if (before.row.key == row.key) router = before;
        router.next_sequence = before.next_sequence;
    }
    router.row = row;
    return router;
}

// With what the routers of its site have said about the prefix. `owner`: the router index of its present
// owner, if that is still one of them.
Ownership::Prefix Ownership::carried_over(const net::Ipv6Prefix& name, const std::vector<RouterRow>& routers,
                                          std::optional<std::size_t>& owner) const {
    Prefix prefix;
    prefix.prefix = name;
    prefix.records.resize(routers.size());
    const auto place = place_of_prefix(name);
    if (!place) return prefix;
    const Site& site = sites_.at(place->site);
    const Prefix& before = site.prefixes.at(place->index);
    for (std::size_t router_index = 0; router_index < routers.size(); ++router_index) {
        const auto router = place_of_router(routers.at(router_index).address);
        if (!router || router->site != place->site) continue;
        if (site.routers.at(router->index).row.key != routers.at(router_index).key) continue;
        prefix.records.at(router_index) = before.records.at(router->index);
        if (router->index == before.owner) owner = router_index;
    }
    prefix.since = before.since;
    prefix.reason = before.reason;
    prefix.claimed = before.claimed && owner;
    prefix.ever_claimed = before.ever_claimed;
    prefix.epoch = before.epoch;
    prefix.conflict = before.conflict;
    prefix.moves = before.moves;
    prefix.restless_reported = before.restless_reported;
    return prefix;
}

Outcome Ownership::set_config(const std::vector<SiteRow>& rows, Now now) {
    // The present owner of each prefix by its new router index, in the order of `rows`.
    std::vector<std::optional<std::size_t>> owners;
    std::vector<bool> known;
    std::vector<Site> sites;
    for (const SiteRow& row : rows) {
        Site& site = sites.emplace_back();
        site.name = row.name;
        for (const RouterRow& router : row.routers) site.routers.push_back(carried_over(router));
        for (const net::Ipv6Prefix& name : row.prefixes) {
            known.push_back(owner_index(name).has_value());
            site.prefixes.push_back(carried_over(name, row.routers, owners.emplace_back()));
        }
    }
    sites_ = std::move(sites);
    routers_.clear();
    prefixes_.clear();
    holds_.clear();
    for (std::size_t s = 0; s < sites_.size(); ++s) {
        for (std::size_t i = 0; i < sites_.at(s).routers.size(); ++i) {
            routers_.try_emplace(sites_.at(s).routers.at(i).row.address, Place{s, i});
        }
        for (std::size_t i = 0; i < sites_.at(s).prefixes.size(); ++i) {
            prefixes_.try_emplace(sites_.at(s).prefixes.at(i).prefix, Place{s, i});
        }
    }

    Outcome out;
    Changes changes;
    std::size_t row = 0;
    for (std::size_t s = 0; s < sites_.size(); ++s) {
        for (std::size_t i = 0; i < sites_.at(s).prefixes.size(); ++i, ++row) {
            if (!sites_.at(s).routers.empty())
                adopt({s, i}, known.at(row), owners.at(row), now.steady, out, changes);
        }
    }
    announce(changes, now.steady, out);
    return out;
}

// Gives a prefix of a new configuration its first owner, and says so unless it had that one (or is new).
void Ownership::adopt(Place place, bool known, std::optional<std::size_t> owner, TimePoint now, Outcome& out,
                      Changes& changes) {
    const Site& site = sites_.at(place.site);
    Prefix& prefix = sites_.at(place.site).prefixes.at(place.index);
    std::size_t first = highest_priority(site);
    if (prefix.ever_claimed && owner) {
        first = *owner;
    } else if (prefix.ever_claimed) {
        auto heir = best_claim(site, prefix, now);
        if (!heir) heir = best_live(site, prefix, std::nullopt, now);
        first = heir.value_or(first);
    }
    prefix.owner = first;
    if (known && owner != first) move(place, owner, first, Reason::configuration, now, out, changes);
    if (!known) prefix.since = now;
    elect(place, Reason::configuration, now, out, changes);
}

}  // namespace ulagate::wg::control
