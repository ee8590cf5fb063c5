// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/peer_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <queue>
#include <utility>
#include <vector>

#include "tests/unit/text_values.h"

// Two relays with a tunnel between them: each learns which sites are connected to the other, and no more.
namespace ulagate::wg::control::peer_relay_test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using Prefixes = std::vector<net::Ipv6Prefix>;

const net::Ipv6Prefix kOverlay = prefix("fd12:3456:789a::/48");
const net::Ipv6Prefix kA = prefix("fd12:3456:789a:a::/64");
const net::Ipv6Prefix kB = prefix("fd12:3456:789a:b::/64");
const net::Ipv6Prefix kC = prefix("fd12:3456:789a:c::/64");
const Prefixes kAll{kA, kB, kC};

// As RelayControl joins the parts: 0 is called r1 and 1 is called r2. A packet takes 5 ms.
class PeerRelayStory : public ::testing::Test {
protected:
    struct Relay {
        explicit Relay(std::uint32_t sequence) : peer{{{}, 0, sequence, sequence}, kOverlay} {}
        SitePublisher list{{kOverlay, 100}, kStart};
        PeerRelay peer;
        Prefixes here;
        std::uint32_t next_sequence = 0;
        bool numbered = true;  // each packet of it is one further than the last
    };
    PeerRelayStory() {
        for (Relay& relay : relays_) relay.next_sequence = &relay == relays_.data() ? 1000 : 4294967290;
        for (std::size_t i : {0U, 1U}) act(i, relays_.at(i).peer.start(both()));
    }
    [[nodiscard]] Now both() const { return {now_, UnixTime{}}; }
    void act(std::size_t from, SessionOutcome outcome) {
        Relay& relay = relays_.at(from);
        for (Packet& packet : outcome.send) {
            relay.numbered &= packet.sequence == relay.next_sequence++;
            if (works_) wire_.emplace(now_ + 5ms, from == 0 ? 1 : 0, std::move(packet));
        }
        if (outcome.events.empty()) return;
        const std::vector<OtherRelay> others{{from == 0 ? "r2" : "r1", relay.peer.sites()}};
        relay.list.set_elsewhere(choose_transit(kAll, others, relay.list.transit()), now_);
    }
    void run_for(Duration time) {
        for (const TimePoint end = now_ + time; now_ < end; now_ += 5ms) {
            for (std::size_t i : {0U, 1U}) {
                Relay& relay = relays_.at(i);
                relay.list.set_connected(relay.here, now_ + 3s, now_);
                act(i, relay.peer.on_deadline(both()));
                relay.list.on_deadline(now_);
            }
            while (!wire_.empty() && std::get<0>(wire_.front()) <= now_) {
                const auto [at, to, packet] = std::move(wire_.front());
                wire_.pop();
                const Packet arrived = parse(build(packet)).value();
                act(to, relays_.at(to).peer.on_packet(arrived, relays_.at(to).list, both()));
            }
        }
    }

    static constexpr TimePoint kStart{1000s};
    TimePoint now_ = kStart;
    bool works_ = true;
    std::array<Relay, 2> relays_{Relay{1000}, Relay{4294967290}};
    std::queue<std::tuple<TimePoint, std::size_t, Packet>> wire_;
};

TEST_F(PeerRelayStory, WhatIsConnectedThereOnlyIsInTransit) {
    relays_[0].here = {kA, kB};
    relays_[1].here = {kB, kC};
    run_for(8s);
    EXPECT_TRUE(relays_[0].peer.session().alive());
    EXPECT_THAT(relays_[0].list.transit(), ElementsAre(Pair(kC, "r2")));
    EXPECT_THAT(relays_[1].list.transit(), ElementsAre(Pair(kA, "r1")));
    EXPECT_TRUE(relays_[0].numbered && relays_[1].numbered);
}

TEST_F(PeerRelayStory, WhatWasLearntIsNotPassedBack) {
    relays_[0].here = {kA};
    relays_[1].here = {kB};
    run_for(20s);
    EXPECT_THAT(relays_[0].peer.sites()->prefixes(), ElementsAre(kB));
    EXPECT_THAT(relays_[0].peer.sites()->transit(), IsEmpty());
    // A router hears of both.
    SiteMirror router{kOverlay};
    for (const Sites& sites : relays_[0].list.answer(0, now_)) router.on_message(sites, now_);
    EXPECT_THAT(router.sites()->prefixes(), ElementsAre(kA));
    EXPECT_THAT(router.sites()->transit(), ElementsAre(kB));
    // And nobody stays where no relay has him any more.
    relays_[1].here = {};
    run_for(6s);
    EXPECT_THAT(relays_[0].list.transit(), IsEmpty());
    EXPECT_THAT(relays_[1].list.transit(), ElementsAre(Pair(kA, "r1")));
}

TEST_F(PeerRelayStory, ASiteThatComesIsNotInTransitAnyMore) {
    relays_[0].here = {kA};
    relays_[1].here = {kA, kB};
    run_for(10s);
    const std::uint64_t generation = relays_[0].list.generation();
    SiteMirror router{kOverlay};
    for (const Sites& sites : relays_[0].list.answer(0, now_)) router.on_message(sites, now_);
    relays_[0].here = {kA, kB};
    run_for(300ms);
    EXPECT_THAT(relays_[0].list.transit(), IsEmpty());
    EXPECT_EQ(relays_[0].list.generation(), generation + 1);
    for (const Sites& sites : relays_[0].list.answer(generation, now_)) router.on_message(sites, now_);
    EXPECT_THAT(router.sites()->prefixes(), ElementsAre(kA, kB));
    EXPECT_THAT(router.sites()->transit(), IsEmpty());
}

TEST_F(PeerRelayStory, ARelayThatDoesNotAnswerHasNoSites) {
    relays_[0].here = {kA};
    relays_[1].here = {kB};
    run_for(10s);
    ASSERT_THAT(relays_[0].list.transit(), ElementsAre(Pair(kB, "r2")));
    works_ = false;
    run_for(5s);
    EXPECT_EQ(relays_[0].peer.sites(), nullptr);
    EXPECT_THAT(relays_[0].list.transit(), IsEmpty());
    works_ = true;
    run_for(3s);
    EXPECT_THAT(relays_[0].list.transit(), ElementsAre(Pair(kB, "r2")));
}

TEST_F(PeerRelayStory, ARelayThatSaysGoodbyeIsLeftAtOnce) {
    relays_[1].here = {kB};
    run_for(10s);
    act(1, relays_[1].peer.stop(both()));
    run_for(250ms);
    EXPECT_THAT(relays_[0].list.transit(), IsEmpty());
}

TEST_F(PeerRelayStory, AClaimOfARelayMeansNothing) {
    run_for(1s);
    const auto out = relays_[0].peer.on_packet({7, Claim{{kA}, 9, 200}}, relays_[0].list, both());
    EXPECT_THAT(out.send, IsEmpty());
    EXPECT_THAT(out.events, IsEmpty());
}

TEST(Transit, OneStaysWithItsRelayAsLongAsThatHasTheSite) {
    const auto has = [](Prefixes sites) { return std::make_shared<const SiteSet>(std::move(sites)); };
    const auto transit = [](const std::vector<OtherRelay>& relays, const SitePublisher::Transit& before) {
        return choose_transit({kA, kB}, relays, before);
    };
    EXPECT_THAT(transit({{"r2", has({kA, kC})}, {"r3", has({kA, kB})}}, {}),
                ElementsAre(Pair(kA, "r2"), Pair(kB, "r3")));
    EXPECT_THAT(transit({{"r2", has({kA})}, {"r3", has({kA})}}, {{kA, "r3"}}), ElementsAre(Pair(kA, "r3")));
    EXPECT_THAT(transit({{"r2", has({kA})}, {"r3", nullptr}}, {{kA, "r3"}}), ElementsAre(Pair(kA, "r2")));
    EXPECT_THAT(transit({{"r2", nullptr}}, {{kA, "r2"}}), IsEmpty());
    // What a relay only passes on itself is not there.
    EXPECT_THAT(transit({{"r2", std::make_shared<const SiteSet>(Prefixes{}, Prefixes{kA})}}, {}), IsEmpty());
}

}  // namespace
}  // namespace ulagate::wg::control::peer_relay_test
