// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>

#include "tests/sim/liars_world.h"
#include "tests/unit/text_values.h"

// What liars say.
namespace ulagate::wg::control {
namespace {

using namespace std::chrono_literals;

const net::Ipv6Prefix kOverlay = prefix("fd12:3456:789a::/48");
constexpr unsigned kFresh = 1100;  // sites, as many as a message holds

net::Ipv6Prefix numbered(std::uint64_t number) {
    net::Ipv6Prefix out{kOverlay.address, 64};
    out.address.bytes.at(6) = static_cast<std::uint8_t>(number >> 8U);
    out.address.bytes.at(7) = static_cast<std::uint8_t>(number);
    return out;
}

}  // namespace

// In bursts: nothing for a while, then as fast as a line goes.
void LiarWorld::lie() {
    constexpr auto kBurst = 4s, kEvery = 7s;
    if ((now_ - begin_) % kEvery > kBurst) return;
    owed_ += static_cast<double>(setup_.rate) * std::chrono::duration<double>(kStep).count();
    for (; owed_ >= 1; owed_ -= 1) {
        ++lies_told_;
        ++lie_sequence_;
        if (setup_.liar == Liar::relay) lie_as_relay();
        if (setup_.liar == Liar::lists || setup_.liar == Liar::short_lists || setup_.liar == Liar::one_hearer)
            lie_by_lists();
        if (setup_.liar == Liar::gossip) lie_by_gossip();
        if (setup_.liar == Liar::peer_relay) lie_as_peer();
        if (setup_.liar == Liar::router) lie_as_router();
        if (setup_.liar == Liar::lan) lie_on_lan();
    }
}

std::uint64_t LiarWorld::absurd() {
    const std::array<std::uint64_t, 9> values{0,
                                              pick(1, 500),
                                              std::uint64_t{1} << 32U,
                                              std::uint64_t{1} << 40U,
                                              kMostEpoch - 3,
                                              kMostEpoch,
                                              kMostEpoch + 1,
                                              ~0ULL - pick(0, 300),
                                              ~0ULL};
    return values.at(pick(0, values.size() - 1));
}

std::vector<net::Ipv6Prefix> LiarWorld::many(unsigned first, unsigned count) {
    std::vector<net::Ipv6Prefix> out;
    for (unsigned i = 0; i < count && first + i < 0x9000; ++i) out.push_back(numbered(first + i));
    return out;
}

// Lists that follow what the hearer has, so that they count: of sites of nobody, of all sites as transit or
// connected, of none.
Message LiarWorld::any_sites(std::uint64_t has) {
    Sites sites{kOverlay, pick(0, 1) == 0 ? 0 : has, pick(1, 1U << 30U), 0, 1, {}, {}};
    switch (pick(0, 5)) {
        case 0:
            sites.added = many(static_cast<unsigned>(pick(0, 0x8000)), kFresh);
            break;
        case 1:
            sites.transit = many(static_cast<unsigned>(pick(0, 0x8000)), kFresh);
            break;
        case 2:
            for (const SiteRow& row : rows_) sites.added.push_back(row.prefixes.front());
            break;
        case 3:
            for (const SiteRow& row : rows_) sites.transit.push_back(row.prefixes.front());
            break;
        case 4:
            sites.parts = static_cast<std::uint16_t>(pick(1, kMaxParts));
            sites.part = static_cast<std::uint16_t>(pick(0, sites.parts - 1U));
            sites.added = many(static_cast<unsigned>(pick(0, 0x8000)), kFresh);
            break;
        default:
            for (const SiteRow& row : rows_) sites.removed.push_back(row.prefixes.front());
    }
    return sites;
}

// What a relay may say to a router.
Message LiarWorld::any_word(std::size_t site, std::size_t index) {
    const net::Ipv6Address& to = routers_.at(site).at(index).address;
    const std::array<net::Ipv6Prefix, 3> about{prefix_of(site), prefix_of(pick(0, rows_.size() - 1)),
                                               numbered(0xdead)};
    const std::array<std::optional<net::Ipv6Address>, 4> who{to, routers_.at(site).at(1 - index).address,
                                                             address("fd99::dead"), std::nullopt};
    const Owner owner{about.at(pick(0, 2)), who.at(pick(0, 3)), absurd(),
                      static_cast<std::uint8_t>(pick(0, 255))};
    switch (pick(0, 9)) {
        case 0:
            return Goodbye{};
        case 1:
        case 2:
            return ClaimAck{last_sequence_[to] - static_cast<std::uint32_t>(pick(0, 3)), {owner}, pick(0, 3)};
        case 3:
            return ClaimAck{std::nullopt, {owner}, pick(0, 3)};
        case 4:
            return HelloAck{{static_cast<std::uint8_t>(pick(1, 255)), static_cast<std::uint32_t>(lies_()),
                             UnixTime{std::chrono::milliseconds{pick(0, 1ULL << 50U)}}},
                            {owner},
                            pick(0, 3) * lies_()};
        case 5:
            return ProbeAck{pick(0, 1) == 0 ? last_probe_[to] : lies_()};
        default:
            return any_sites(has_list_[to]);
    }
}

void LiarWorld::lie_as_relay() {
    const std::size_t site = pick(0, routers_.size() - 1), index = pick(0, kRouters - 1);
    if (!links_.at(site)[1]) return;
    at_router(site, index, 1, "ulg-r2", {lie_sequence_, any_word(site, index)});
}

// One part after the other of a whole list: of all numbers of the overlay, or of as many as an honest relay
// has; of half of them as connected, and by turns with the sites that there are and without. The routers take
// their turns.
void LiarWorld::lie_by_lists() {
    const bool is_short = setup_.liar != Liar::lists;
    const std::uint16_t parts = is_short ? 13 : 33;
    constexpr std::size_t kOneHearer = 4;  // the better router of a site that others send to
    const std::size_t router =
        setup_.liar == Liar::one_hearer ? kOneHearer : next_told_++ % (routers_.size() * kRouters);
    const std::size_t site = router / kRouters, index = router % kRouters;
    Told& told = told_[routers_.at(site).at(index).address];
    if (told.part == 0) told = {pick(1, 1U << 30U), told.number + 1, 0};
    Sites sites{kOverlay, 0, told.generation, told.part, parts, {}, {}};
    const unsigned first =
        (is_short ? static_cast<unsigned>(told.number % 2) * 15'000U : 0U) + told.part * kFresh;
    (told.part % 2 == 0 ? sites.added : sites.transit) = many(first, kFresh);
    if (told.part + 1 == parts && told.number % 3 != 0) {
        for (const SiteRow& row : rows_)
            (told.number % 3 == 1 ? sites.added : sites.transit).push_back(row.prefixes.front());
    }
    told.part = static_cast<std::uint16_t>((told.part + 1) % parts);
    if (links_.at(site)[1]) at_router(site, index, 1, "ulg-r2", {lie_sequence_, std::move(sites)});
}

void LiarWorld::lie_by_gossip() {
    const std::size_t site = pick(0, routers_.size() - 1), index = pick(0, kRouters - 1);
    if (!links_.at(site)[1]) return;
    const net::Ipv6Address& to = routers_.at(site).at(index).address;
    const std::size_t other = (site + pick(1, routers_.size() - 1)) % routers_.size();
    const auto of = [&](const net::Ipv6Prefix& prefix) {
        return Owner{prefix, routers_.at(site).at(1 - index).address, absurd(), 255};
    };
    Message word = ClaimAck{last_sequence_[to], {of(prefix_of(other))}, 0};
    if (pick(0, 2) == 0) word = HelloAck{About{}, {of(prefix_of(other))}, 0};
    at_router(site, index, 1, "ulg-r2", {lie_sequence_, std::move(word)});
}

void LiarWorld::lie_as_peer() {
    switch (pick(0, 4)) {
        case 0:
            return at_peer(0, {lie_sequence_, Goodbye{}});
        case 1:
            return at_peer(0, {lie_sequence_, Hello{{1, kWantsSites, {}}, lies_()}});
        case 2:
            return at_peer(
                0, {lie_sequence_, HelloAck{{}, {{prefix_of(0), std::nullopt, absurd(), 1}}, pick(0, 3)}});
        case 3:
            return at_peer(0, {lie_sequence_, Claim{{prefix_of(pick(0, rows_.size() - 1))}, absurd(), 255}});
        default:
            return at_peer(0, {lie_sequence_, any_sites(peer_has_)});
    }
}

void LiarWorld::lie_as_router() {
    const net::Ipv6Prefix about = pick(0, 1) == 0 ? prefix_of(0) : prefix_of(pick(0, rows_.size() - 1));
    const auto word = [&]() -> Message {
        switch (pick(0, 7)) {
            case 0:
                return Goodbye{};
            case 1:
            case 2:
                return Claim{{about}, absurd(), static_cast<std::uint8_t>(pick(0, 255))};
            case 3:
                return Release{{about}, absurd()};
            case 4:
                return Hello{{static_cast<std::uint8_t>(pick(1, 255)), kWantsSites, {}}, lies_()};
            case 5:
                return Probe{lies_()};
            case 6:
                return ClaimAck{1, {{about, std::nullopt, absurd(), 1}}, 1};
            default:
                return any_sites(0);
        }
    };
    at_relay(pick(0, kRelays - 1), 0, 0, {lie_sequence_, word()});
}

// Frames to the virtual MAC, and to the interface's own; and the routers of the site believe by turns that
// somebody better is there.
void LiarWorld::lie_on_lan() {
    const std::size_t index = pick(0, kRouters - 1), relay = pick(0, kRelays - 1);
    constexpr std::array<const char*, 3> kLans{"ulg-v51", "eth0", "ulg-v1"};
    at_router(0, index, relay, kLans.at(pick(0, 2)), {lie_sequence_, any_word(0, index)});
    if (lies_told_ % 10 != 0) return;
    set_active(0, index, !routers_.at(0).at(index).active);
}

}  // namespace ulagate::wg::control
