// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/ra/advertiser_story.h"

namespace ulagate::ra::advertiser_test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(AdvertiserStory, R09_IsSilentWithoutASource) {
    EXPECT_FALSE(advertiser_.advertising());
    EXPECT_EQ(deadline(), std::nullopt);
    solicit(kHost);
    solicit(kNobody);
    reconfigure({});
    withdraw();
    record(advertiser_.on_deadline(now_ + 1h));
    EXPECT_EQ(deadline(), std::nullopt);
    EXPECT_THAT(wire(), IsEmpty());
}

// At once, from the source, complete; the link-layer address is the last option.
TEST_F(AdvertiserStory, R08_R21_FirstAdvertisementIsImmediateAndComplete) {
    source(kSource);
    EXPECT_THAT(wire(), ElementsAre(to_all(0s)));
    RouterAdvertisement expected = config().advertisement;
    expected.options.emplace_back(SourceLinkLayerAddress{*kSource.link_address});
    EXPECT_EQ(last_, (Send{kSource.address, kAllNodes, expected}));
    EXPECT_TRUE(advertiser_.advertising());
}

TEST_F(AdvertiserStory, ALinkWithoutLinkLayerAddressesHasNoSuchOption) {
    source(Source{kSource.address, std::nullopt});
    EXPECT_EQ(last_->message, config().advertisement);
}

// A router that is not a default router still advertises, and its lifetimes stay as configured.
TEST_F(AdvertiserStory, R27_AdvertisesRoutesWithoutBeingADefaultRouter) {
    settle();
    run_until(62s);
    EXPECT_EQ(last_->message.router_lifetime.count(), 0);
    EXPECT_THAT(last_->message.options, Contains(Option{overlay()}));
}

TEST_F(AdvertiserStory, R13_IntervalIsDrawnAnewEachTime) {
    settle();
    asked_.clear();
    chance_gives({10s, 29s, 11500ms});
    run_until(62s + 10s + 29s + 11500ms);
    EXPECT_THAT(wire(), ElementsAre(to_all(62s), to_all(72s), to_all(101s), to_all(112500ms)));
    EXPECT_THAT(asked_, Each(std::pair<Duration, Duration>(10s, 30s)));
    EXPECT_THAT(asked_, SizeIs(4));
}

TEST_F(AdvertiserStory, R14_FirstThreeAreAtMostSixteenSecondsApart) {
    chance_gives({30s, 25s, 25s});
    source(kSource);
    run_until(60s);
    EXPECT_THAT(wire(), ElementsAre(to_all(0s), to_all(16s), to_all(32s), to_all(57s)));
}

TEST_F(AdvertiserStory, R14_FirstThreeMayBeCloser) {
    chance_gives({10s, 12s, 30s});
    source(kSource);
    run_until(60s);
    EXPECT_THAT(wire(), ElementsAre(to_all(0s), to_all(10s), to_all(22s), to_all(52s)));
}

TEST_F(AdvertiserStory, R15_R19_AnswersTheHostThatAskedAfterARandomDelay) {
    settle();
    run_until(40s);
    asked_.clear();
    chance_gives({300ms});
    solicit(kHost);
    EXPECT_EQ(deadline(), 40300ms);
    EXPECT_THAT(asked_, ElementsAre(std::pair<Duration, Duration>(0s, 500ms)));
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40300ms, kHost}));
    EXPECT_EQ(last_->source, kSource.address);
    EXPECT_THAT(last_->message.options,
                ElementsAre(lan(), overlay(), SourceLinkLayerAddress{*kSource.link_address}));
}

// The delay counts from the first solicitation, and each host has its own.
TEST_F(AdvertiserStory, R15_RepeatedSolicitationsAreOneQuestion) {
    settle();
    run_until(40s);
    chance_gives({400ms, 100ms});
    solicit(kHost);
    run_until(40200ms);
    solicit(kHost);
    solicit(kOtherHost);
    EXPECT_EQ(advertiser_.pending_replies(), 2U);
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40300ms, kOtherHost}, Sent{40400ms, kHost}));
    EXPECT_EQ(advertiser_.pending_replies(), 0U);
}

TEST_F(AdvertiserStory, R17_UnicastReplyDoesNotMoveTheSchedule) {
    settle();
    run_until(40s);
    solicit(kHost);
    run_until(62s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40500ms, kHost}, to_all(62s)));
}

TEST_F(AdvertiserStory, R17_R18_SolicitationFromNobodyIsAnsweredToAllAndStartsTheIntervalAnew) {
    settle();
    run_until(40s);
    chance_gives({200ms, 25s});
    solicit(kNobody);
    run_until(66s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40200ms), to_all(65200ms)));
}

TEST_F(AdvertiserStory, R19_UnicastRepliesCanBeSwitchedOff) {
    Config all = config();
    all.unicast_replies = false;
    configure(all);
    settle();
    run_until(40s);
    solicit(kHost);
    run_until(41s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40500ms)));
}

TEST_F(AdvertiserStory, R16_MulticastReplyWaitsThreeSecondsAfterTheLastMulticast) {
    settle();
    run_until(62s + 1s);
    wire();
    chance_gives({250ms});
    solicit(kNobody);
    EXPECT_EQ(deadline(), 62s + 3s + 250ms);
    run_until(66s);
    EXPECT_THAT(wire(), ElementsAre(to_all(65250ms)));
}

// Measured since any multicast, so also since a reply.
TEST_F(AdvertiserStory, R16_ConstantQuestionsGiveOneMulticastInThreeSeconds) {
    settle();
    run_until(40s);
    draws_.assign(1000, 0ms);  // intervals are then the shortest, 10 s
    for (Duration t = 40s; t < 50s; t += 100ms) {
        run_until(t);
        solicit(kNobody);
    }
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(43s), to_all(46s), to_all(49s)));
}

// Several solicitations share the reply to the first.
TEST_F(AdvertiserStory, R15_OneMulticastAnswersSeveral) {
    settle();
    run_until(40s);
    chance_gives({400ms, 0ms, 0ms});
    solicit(kNobody);
    run_until(40100ms);
    solicit(kNobody);
    solicit(kNobody);
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40400ms)));
}

// RFC 4861 section 6.2.6: a delay that ends after the next scheduled advertisement is not used.
TEST_F(AdvertiserStory, R15_AScheduledMulticastIsTheAnswer) {
    settle();
    run_until(61800ms);
    chance_gives({400ms, 400ms});
    solicit(kNobody);
    solicit(kHost);
    run_until(65s);
    EXPECT_THAT(wire(), ElementsAre(to_all(62s)));
}

TEST_F(AdvertiserStory, AMulticastAnswersWhoWaitsForAUnicast) {
    settle();
    run_until(40s);
    chance_gives({400ms, 100ms});
    solicit(kHost);
    solicit(kNobody);
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40100ms)));
}

TEST_F(AdvertiserStory, R42_OneHostIsAnsweredOnceASecond) {
    settle();
    run_until(40s);
    draws_.assign(100, 0ms);
    for (Duration t = 40s; t < 43s; t += 10ms) {
        run_until(t);
        solicit(kHost);
    }
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40s, kHost}, Sent{41s, kHost}, Sent{42s, kHost}, Sent{43s, kHost}));
}

TEST_F(AdvertiserStory, RemembersWhomItAnsweredForASecondAndNotLonger) {
    settle();
    run_until(40s);
    draws_.assign(1000, 0ms);
    for (unsigned n = 0; n < 20; ++n) solicit(host(n));
    run_until(40500ms);
    for (unsigned n = 0; n < 20; ++n) solicit(host(n));
    EXPECT_EQ(deadline(), 41s);
    EXPECT_EQ(advertiser_.remembered_hosts(), 20U + 40U) << "20 are known to be hosts from now on";
    run_until(45s);
    EXPECT_THAT(wire(), SizeIs(40));
    solicit(host(100));
    run_until(46s);
    EXPECT_EQ(advertiser_.remembered_hosts(), 21U + 1U);
}

TEST_F(AdvertiserStory, SolicitationFromAGroupIsIgnored) {
    settle();
    solicit(address("ff02::1"));
    EXPECT_EQ(deadline(), 62s);
}

TEST_F(AdvertiserStory, R42_WhenMoreHostsWaitThanWeRememberOneMulticastAnswersThemAll) {
    settle();
    run_until(40s);
    for (unsigned n = 0; n < 64; ++n) solicit(host(n));
    EXPECT_EQ(advertiser_.pending_replies(), 64U);
    solicit(host(64));
    EXPECT_EQ(advertiser_.pending_replies(), 0U);
    chance_gives({0ms});
    solicit(host(65));
    EXPECT_EQ(advertiser_.pending_replies(), 0U);
    draws_.clear();
    run_until(41s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40500ms)));
    // And then hosts are answered one by one again.
    solicit(host(66));
    run_until(42s);
    EXPECT_THAT(wire(), ElementsAre(Sent{41500ms, host(66)}));
}

TEST_F(AdvertiserStory, R42_FiftyUnicastRepliesASecondAndThenOneMulticast) {
    settle();
    run_until(40s);
    draws_.assign(1000, 0ms);
    for (unsigned n = 0; n < 60; ++n) solicit(host(n));
    run_until(45s);
    const auto sent = wire();
    EXPECT_EQ(std::count_if(sent.begin(), sent.end(), [](const Sent& s) { return s.to != kAllNodes; }), 50);
    EXPECT_EQ(sent.back(), to_all(40s));
    EXPECT_THAT(sent, SizeIs(51));
}

// Who asks has no influence on anything but whether the 3 s rule is used up.
TEST_F(AdvertiserStory, R16_R42_AFloodNeitherGrowsMemoryNorMovesTheSchedule) {
    settle();
    run_until(40s);
    for (unsigned n = 0; n < 100'000; ++n) {
        run_until(40s + n * 100us);
        solicit(host(n));
        ASSERT_LE(advertiser_.pending_replies(), 64U);
        ASSERT_LE(deadline().value(), 62s);
    }
    run_until(80s);
    std::vector<milliseconds> multicasts;
    for (const Sent& sent : wire()) {
        if (sent.to == kAllNodes) multicasts.push_back(sent.at);
    }
    // The first overflow at 40.0064 s; each later one as soon as the table is full again after a multicast.
    EXPECT_THAT(multicasts, ElementsAre(40506ms, 44006ms, 47506ms, 51006ms));
}

}  // namespace
}  // namespace ulagate::ra::advertiser_test
