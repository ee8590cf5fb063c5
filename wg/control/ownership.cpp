// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/ownership.h"

#include <algorithm>
#include <span>
#include <tuple>

namespace ulagate::wg::control {
namespace {

using std::chrono::seconds;

constexpr Duration kTellRefusalsEvery = seconds{60};

// Whether it may be told now; then it counts as told.
bool may_tell(std::optional<TimePoint>& told, TimePoint now) {
    if (told && now < *told + kTellRefusalsEvery) return false;
    told = now;
    return true;
}

}  // namespace

bool Ownership::live(const Router& router, TimePoint now) {
    return router.last_heard && now < *router.last_heard + kLease;
}

// `prefix` has an owner.
Owner Ownership::advertised(const Site& site, const Prefix& prefix) {
    const RouterRow& owner = site.routers.at(prefix.owner).row;
    const std::uint8_t priority = prefix.claimed ? prefix.records.at(prefix.owner).priority : owner.priority;
    return {prefix.prefix, owner.address, prefix.epoch, priority};
}

std::size_t Ownership::highest_priority(const Site& site) {
    const auto best =
        std::max_element(site.routers.begin(), site.routers.end(),
                         [](const Router& a, const Router& b) { return a.row.priority < b.row.priority; });
    return static_cast<std::size_t>(best - site.routers.begin());
}

std::optional<std::size_t> Ownership::best_claim(const Site& site, const Prefix& prefix, TimePoint now) {
    std::optional<std::size_t> best;
    for (std::size_t router_index = 0; router_index < site.routers.size(); ++router_index) {
        const ClaimRecord& mine = prefix.records.at(router_index);
        if (mine.claimed_until <= now) continue;
        if (best) {
            const ClaimRecord& other = prefix.records.at(*best);
            const PublicKey& my_key = site.routers.at(router_index).row.key;
            const PublicKey& other_key = site.routers.at(*best).row.key;
            // The lower key wins, so the keys change sides.
            if (std::tie(mine.epoch, mine.priority, other_key) <=
                std::tie(other.epoch, other.priority, my_key)) {
                continue;
            }
        }
        best = router_index;
    }
    return best;
}

std::optional<std::size_t> Ownership::best_live(const Site& site, const Prefix& prefix,
                                                std::optional<std::size_t> except, TimePoint now) {
    std::optional<std::size_t> best;
    for (std::size_t router_index = 0; router_index < site.routers.size(); ++router_index) {
        if (router_index == except || !live(site.routers.at(router_index), now)) continue;
        if (prefix.records.at(router_index).released_until > now) continue;
        if (best && site.routers.at(router_index).row.priority <= site.routers.at(*best).row.priority)
            continue;
        best = router_index;
    }
    return best;
}

// Works out who owns the prefix now. `why` is the reason if that is somebody else.
void Ownership::elect(Place place, Reason why, TimePoint now, Outcome& out, Changes& changes) {
    Site& site = sites_.at(place.site);
    Prefix& prefix = site.prefixes.at(place.index);
    if (site.routers.empty()) return;
    ++counters_.elections;

    std::optional<std::size_t> next = best_claim(site, prefix, now);
    const bool lease_ended = prefix.claimed && !next;
    if (next) {
        prefix.ever_claimed = true;
    } else if (prefix.ever_claimed) {
        const bool released = prefix.records.at(prefix.owner).released_until > now;
        if (released) why = Reason::released;
        if (lease_ended || released || !live(site.routers.at(prefix.owner), now)) {
            next = best_live(site, prefix, prefix.owner, now);
        }
    }
    std::optional<TimePoint> move_at;
    const bool moves = next && *next != prefix.owner;
    if (moves && live(site.routers.at(prefix.owner), now) && !prefix.moves.take(1, now)) {
        move_at = prefix.moves.ready_at(1);
        ++counters_.deferred;
        complain({Complaint::What::restless, site.name, {}, prefix.prefix}, now);
        if (may_tell(prefix.restless_reported, now))
            out.events.emplace_back(Restless{site.name, prefix.prefix});
    }
    const std::size_t owner = next && !move_at ? *next : prefix.owner;
    prefix.claimed = prefix.records.at(owner).claimed_until > now;
    if (prefix.claimed) prefix.epoch = prefix.records.at(owner).epoch;
    if (moves && !move_at) move(place, prefix.owner, *next, why, now, out, changes);
    watch_hold(place, move_at, now);
}

void Ownership::move(Place place, std::optional<std::size_t> from, std::size_t to, Reason why, TimePoint now,
                     Outcome& out, Changes& changes) {
    const Site& site = sites_.at(place.site);
    Prefix& prefix = sites_.at(place.site).prefixes.at(place.index);
    prefix.owner = to;
    prefix.since = now;
    prefix.reason = why;
    ++counters_.moves;
    out.events.emplace_back(OwnerChanged{site.name, prefix.prefix, from, to, why});
    changes[place.site].push_back(advertised(site, prefix));
}

// Keeps the one timer of the prefix where its owner's hold ends: a claim's lease, or, without one, its being
// heard. `move_at`: it is to leave then, if nothing else happens.
void Ownership::watch_hold(Place place, std::optional<TimePoint> move_at, TimePoint now) {
    const Site& site = sites_.at(place.site);
    Prefix& prefix = sites_.at(place.site).prefixes.at(place.index);
    const ClaimRecord& record = prefix.records.at(prefix.owner);
    const Router& owner = site.routers.at(prefix.owner);
    std::optional<TimePoint> ends;
    if (prefix.claimed) {
        ends = record.claimed_until;
    } else if (prefix.ever_claimed && live(owner, now) && record.released_until <= now) {
        ends = *owner.last_heard + kLease;
    }
    if (move_at && (!ends || *move_at < *ends)) ends = move_at;
    if (ends == prefix.hold_ends) return;
    if (prefix.hold_ends) holds_.erase({*prefix.hold_ends, place});
    if (ends) holds_.emplace(*ends, place);
    prefix.hold_ends = ends;
}

void Ownership::settle_site(std::size_t site, Reason why, TimePoint now, Outcome& out, Changes& changes) {
    for (std::size_t i = 0; i < sites_.at(site).prefixes.size(); ++i) {
        elect({site, i}, why, now, out, changes);
    }
}

Outcome Ownership::on_packet(const net::Ipv6Address& from, const Packet& packet, Now now) {
    Outcome out;
    ++counters_.packets;
    const auto place = place_of_router(from);
    if (!place) {
        ++counters_.unknown_senders;
        if (may_tell(unknown_sender_reported_, now.steady))
            out.events.emplace_back(UnknownSenderRefused{from});
        return out;
    }
    Router& router = sites_.at(place->site).routers.at(place->index);
    if (router.goodbye && is_stale(*router.goodbye, packet.sequence)) {
        ++counters_.stale;
        return out;
    }

    Changes changes;
    if (const auto* hello = std::get_if<Hello>(&packet.message)) {
        on_hello(*hello, *place, now, out, changes);
    } else if (const auto* claim = std::get_if<Claim>(&packet.message)) {
        on_claim(*claim, *place, packet.sequence, now.steady, out, changes);
    } else if (const auto* release = std::get_if<Release>(&packet.message)) {
        on_release(*release, *place, packet.sequence, now.steady, out, changes);
    } else if (const auto* probe = std::get_if<Probe>(&packet.message)) {
        send(router, ProbeAck{probe->id}, out);
    } else if (std::holds_alternative<Goodbye>(packet.message)) {
        on_goodbye(*place, packet.sequence, now.steady, out, changes);
    } else {
        ++counters_.unexpected;
    }
    announce(changes, now.steady, out);
    return out;
}

void Ownership::on_hello(const Hello& hello, Place from, Now now, Outcome& out, Changes& changes) {
    Site& site = sites_.at(from.site);
    Router& router = site.routers.at(from.index);
    router.last_heard = now.steady;
    router.about = hello.about;
    settle_site(from.site, Reason::lease_ended, now.steady, out, changes);

    std::vector<Owner> owners;
    for (const Prefix& prefix : site.prefixes) owners.push_back(advertised(site, prefix));
    const std::size_t first = std::min(owners.size(), kMaxPrefixes);
    const auto middle = owners.begin() + static_cast<std::ptrdiff_t>(first);
    send(router,
         HelloAck{About{kVersion, capabilities_told(router), now.wall},
                  {owners.begin(), middle},
                  sites_generation_},
         out);
    send_owners(router, std::span{owners}.subspan(first), std::nullopt, out);
}

void Ownership::on_claim(const Claim& claim, Place from, std::uint32_t sequence, TimePoint now, Outcome& out,
                         Changes& changes) {
    Site& site = sites_.at(from.site);
    site.routers.at(from.index).last_heard = now;
    const auto claimed = news_of(claim.prefixes, from, sequence, now, out);
    const std::uint64_t epoch = sane(claim.epoch, from, now, out);
    for (Prefix* prefix : claimed) {
        ClaimRecord& record = prefix->records.at(from.index);
        if (record.claimed_until <= now) record.losing_since.reset();
        record.epoch = epoch;
        record.priority = claim.priority;
        record.claimed_until = now + kLease;
        record.released_until = TimePoint::min();
    }
    settle_site(from.site, Reason::claimed, now, out, changes);
    for (Prefix* prefix : claimed) judge_conflict(site, *prefix, from.index, now, out);
    answer(claim.prefixes, from, sequence, out);
}

void Ownership::on_release(const Release& release, Place from, std::uint32_t sequence, TimePoint now,
                           Outcome& out, Changes& changes) {
    Site& site = sites_.at(from.site);
    site.routers.at(from.index).last_heard = now;
    std::vector<const Prefix*> rivalled;
    for (Prefix* prefix : news_of(release.prefixes, from, sequence, now, out)) {
        ClaimRecord& record = prefix->records.at(from.index);
        if (release.epoch < record.epoch) continue;  // of an earlier life than the claim
        if (record.losing_since && record.claimed_until > now) rivalled.push_back(prefix);
        record.losing_since.reset();
        record.claimed_until = TimePoint::min();
        record.released_until = now + kLease;
    }
    settle_site(from.site, Reason::released, now, out, changes);
    // Two were Active, and hosts may have heard the loser last: the winner is to know that it is alone now.
    for (const Prefix* prefix : rivalled) changes[from.site].push_back(advertised(site, *prefix));
    answer(release.prefixes, from, sequence, out);
}

void Ownership::on_goodbye(Place from, std::uint32_t sequence, TimePoint now, Outcome& out,
                           Changes& changes) {
    Site& site = sites_.at(from.site);
    site.routers.at(from.index).last_heard.reset();
    site.routers.at(from.index).goodbye = sequence;
    for (Prefix& prefix : site.prefixes) prefix.records.at(from.index) = {};
    settle_site(from.site, Reason::goodbye, now, out, changes);
}

// Those of `named` about which the message is the newest of its sender, and which its site has; the others
// are refused. Order matters for each prefix by itself only: a probe that overtakes a claim does no harm.
std::vector<Ownership::Prefix*> Ownership::news_of(const std::vector<net::Ipv6Prefix>& named, Place from,
                                                   std::uint32_t sequence, TimePoint now, Outcome& out) {
    Site& site = sites_.at(from.site);
    std::vector<Prefix*> news;
    bool stale = false;
    for (const net::Ipv6Prefix& name : named) {
        const auto place = place_of_prefix(name);
        if (place && place->site == from.site) {
            Prefix& prefix = site.prefixes.at(place->index);
            auto& last = prefix.records.at(from.index).sequence;
            if (last && is_stale(*last, sequence)) {
                stale = true;
                continue;
            }
            last = sequence;
            news.push_back(&prefix);
            continue;
        }
        ++counters_.refused;
        const Router& sender = site.routers.at(from.index);
        complain({Complaint::What::foreign_prefix, site.name, sender.row.address, name}, now);
        if (may_tell(site.routers.at(from.index).refusal_reported, now)) {
            out.events.emplace_back(ClaimRefused{site.name, from.index, name});
        }
    }
    if (stale) ++counters_.stale;
    return news;
}

std::uint64_t Ownership::sane(std::uint64_t epoch, Place from, TimePoint now, Outcome& out) {
    if (epoch <= kMostEpoch) return epoch;
    Site& site = sites_.at(from.site);
    Router& router = site.routers.at(from.index);
    complain({Complaint::What::epoch, site.name, router.row.address, {}}, now);
    if (may_tell(router.epoch_reported, now))
        out.events.emplace_back(EpochRefused{site.name, from.index, epoch});
    return 0;
}

bool Ownership::may_have_list(const net::Ipv6Address& router, TimePoint now) {
    const auto place = place_of_router(router);
    return place && sites_.at(place->site).routers.at(place->index).lists.take(1, now);
}

void Ownership::judge_conflict(const Site& site, Prefix& prefix, std::size_t router_index, TimePoint now,
                               Outcome& out) {
    const auto claims = std::count_if(prefix.records.begin(), prefix.records.end(),
                                      [now](const ClaimRecord& s) { return s.claimed_until > now; });
    if (claims < 2) prefix.conflict = false;
    ClaimRecord& record = prefix.records.at(router_index);
    if (prefix.owner == router_index) {
        record.losing_since.reset();
        return;
    }
    if (!record.losing_since) record.losing_since = now;
    // A hand-over makes the old owner's last renewal a losing claim; one that goes on is a conflict.
    if (prefix.conflict || now < *record.losing_since + kConflictPatience) return;
    prefix.conflict = true;
    ++counters_.conflicts;
    out.events.emplace_back(ConflictDecided{site.name, prefix.prefix, prefix.owner, router_index});
}

void Ownership::answer(const std::vector<net::Ipv6Prefix>& named, Place to, std::uint32_t sequence,
                       Outcome& out) {
    Site& site = sites_.at(to.site);
    std::vector<Owner> owners;
    for (const net::Ipv6Prefix& name : named) {
        const auto place = place_of_prefix(name);
        const bool own = place && place->site == to.site;
        owners.push_back(own ? advertised(site, site.prefixes.at(place->index)) : Owner{name, {}, 0, 0});
    }
    send_owners(site.routers.at(to.index), owners, sequence, out);
}

// Every live router of the site learns the new owner at once; the old one waits for it at a clean stop.
void Ownership::announce(const Changes& changes, TimePoint now, Outcome& out) {
    for (const auto& [site, owners] : changes) {
        for (Router& router : sites_.at(site).routers) {
            if (live(router, now)) send_owners(router, owners, std::nullopt, out);
        }
    }
}

void Ownership::send_owners(Router& to, std::span<const Owner> owners, std::optional<std::uint32_t> answers,
                            Outcome& out) const {
    while (!owners.empty()) {
        const auto part = owners.first(std::min(owners.size(), kMaxPrefixes));
        owners = owners.subspan(part.size());
        send(to, ClaimAck{answers, {part.begin(), part.end()}, sites_generation_, capabilities_told(to)},
             out);
    }
}

std::uint32_t Ownership::capabilities_told(const Router& to) const {
    return capabilities_ | (in_two_places_.contains(to.row.address) ? kInTwoPlaces : 0U);
}

void Ownership::send(Router& to, Message message, Outcome& out) {
    out.send.push_back({to.row.address, {to.next_sequence++, std::move(message)}});
}

void Ownership::append(const net::Ipv6Address& to, Message message, Outcome& out) {
    if (const auto place = place_of_router(to))
        send(sites_.at(place->site).routers.at(place->index), std::move(message), out);
}

Outcome Ownership::on_deadline(Now now) {
    Outcome out;
    Changes changes;
    while (!holds_.empty() && holds_.begin()->first <= now.steady) {
        const Place place = holds_.begin()->second;
        elect(place, Reason::lease_ended, now.steady, out, changes);  // moves or ends the hold
    }
    announce(changes, now.steady, out);
    return out;
}

Outcome Ownership::stop(Now now) {
    Outcome out;
    for (Site& site : sites_) {
        for (Router& router : site.routers) {
            if (live(router, now.steady)) send(router, Goodbye{}, out);
        }
    }
    return out;
}

}  // namespace ulagate::wg::control
