// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/daemon/relays/endpoint_selector_story.h"

namespace ulagate::endpoint_selector_test {
namespace {

using namespace race_story;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(EndpointSelector, TheFirstThatAnswersIsKept) {
    Story story;
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.run(1h);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{0ms, "2001:db8::1"}));
    EXPECT_EQ(story.selector.winner(), kSix);
    EXPECT_EQ(story.selector.deadline(), std::nullopt);
}

TEST(EndpointSelector, ADeadFamilyCostsOneShortTry) {
    Story story;
    story.answering = {"192.0.2.1"};
    EXPECT_LE(story.until_alive(), 300ms + 2 * 40ms + 20ms);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{0ms, "2001:db8::1"}, Story::Tried{300ms, "192.0.2.1"}));
    EXPECT_EQ(story.selector.winner(), kFour);
}

TEST(EndpointSelector, EachRoundIsTwiceAsPatientUpToFiveSeconds) {
    Story story;
    story.addresses = {kSix};
    story.run(25s);
    std::vector<milliseconds> when;
    for (const auto& tried : story.tried) when.push_back(tried.when);
    EXPECT_THAT(when, ElementsAre(0ms, 300ms, 900ms, 2100ms, 4500ms, 9300ms, 14300ms, 19300ms, 24300ms));
}

TEST(EndpointSelector, ASlowRelayIsFoundInALaterRound) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.round_trip = 700ms;
    story.until_alive();
    EXPECT_EQ(story.choice(), "192.0.2.1");
    EXPECT_EQ(story.tried.size(), 6U);  // 300 ms and 600 ms are too short for it, 1200 ms are not
}

TEST(EndpointSelector, AWinnerFromDiskIsTheFirst) {
    Story story;
    story.selector.remember(kFour, {kSix, kFour});
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{0ms, "192.0.2.1"}));
}

TEST(EndpointSelector, WhatWorkedBeforeARestartIsKept) {
    EndpointSelector selector;
    EndpointSelector::View view;
    view.addresses = {kSix, kFour};
    view.own_uplink = [](const net::IpAddress&) { return std::optional{kOwn}; };
    view.other_uplinks = [](const net::IpAddress&) { return std::vector<Uplink>{kSpare}; };
    view.in_use = Candidate{kFour, kSpare};
    view.alive = true;
    EXPECT_EQ(selector.update(view, kStart), std::nullopt);
    EXPECT_EQ(selector.choice(), (Candidate{kFour, kSpare}));
}

TEST(EndpointSelector, AFamilyWithoutAWayIsNotTried) {
    Story story;
    story.families = {IpFamily::ipv4};
    story.answering = {"192.0.2.1"};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{0ms, "192.0.2.1"}));
}

TEST(EndpointSelector, WithoutAnyWayNothingIsTriedAndTheChoiceStays) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.run(10s);
    story.tried.clear();
    story.families.clear();
    story.lose();
    story.run(10s);
    EXPECT_THAT(story.tried, IsEmpty());
    EXPECT_EQ(story.choice(), "192.0.2.1");
    EXPECT_EQ(story.selector.deadline(), std::nullopt);
    // Back again, at once.
    story.families = {IpFamily::ipv4};
    EXPECT_LE(story.until_alive(), 100ms);
}

TEST(EndpointSelector, WithoutAWayTheFirstAddressIsTheEndpoint) {
    Story story;
    story.families.clear();
    story.run(1s);
    EXPECT_EQ(story.choice(), "2001:db8::1");
}

TEST(EndpointSelector, AWorkingAddressIsKeptThoughTheNameHasOthersNow) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.run(1s);
    story.addresses = {kSixToo};
    story.run(1h);
    EXPECT_EQ(story.choice(), "2001:db8::1");
    EXPECT_EQ(story.tried.size(), 1U);
}

TEST(EndpointSelector, ADeadAddressThatTheNameHasLostIsLeftAtOnce) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.run(1s);
    story.addresses = {kSixToo};
    story.tried.clear();
    story.lose();
    story.answering = {"2001:db8::2"};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{1000ms, "2001:db8::2"}));
}

TEST(EndpointSelector, ANewAddressIsTriedAsSoonAsItIsKnown) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.run(1s);
    story.lose();
    story.answering.clear();
    story.run(20s);  // tries of several seconds each
    story.tried.clear();
    story.addresses = {kSix, kFour, kSixToo};  // the old ones are still listed
    story.answering = {"2001:db8::2"};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{21000ms, "2001:db8::2"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointSelector, ANewAddressComesBeforeTheLastWinner) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.run(1s);
    story.addresses = {kSix, kFour, kFourToo};
    story.run(1s);
    story.lose();
    story.answering.clear();
    story.tried.clear();
    story.run(500ms);
    ASSERT_FALSE(story.tried.empty());
    EXPECT_EQ(story.tried.front().what, "192.0.2.2");
}

TEST(EndpointSelector, AHandshakeThatNoRoundTripFollowsIsNoVictory) {
    Story story;
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.round_trip = 100ms;
    story.run(150ms);  // answered, and then the path swallows what is larger
    story.answering = {"192.0.2.1"};
    story.until_alive();
    EXPECT_EQ(story.choice(), "192.0.2.1");
}

TEST(EndpointSelector, AnAddressThatCameLateGetsItsChanceSoon) {
    Story story;
    story.addresses = {kFour};
    story.answering = {"192.0.2.1", "2001:db8::1"};
    story.until_alive();
    story.addresses = {kSix, kFour};  // the answer to AAAA
    story.tried.clear();
    story.run(3s);
    ASSERT_EQ(story.tried.size(), 1U);
    EXPECT_EQ(story.choice(), "2001:db8::1");
}

TEST(EndpointSelector, AnotherNetworkGivesThePreferredFamilyAChance) {
    Story story;
    story.families = {IpFamily::ipv4};
    story.answering = {"192.0.2.1", "2001:db8::1"};
    story.run(10s);
    story.tried.clear();
    story.families = {IpFamily::ipv4, IpFamily::ipv6};
    story.selector.network_changed(story.now);
    story.run(1min);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{12000ms, "2001:db8::1 kept"}));
    EXPECT_EQ(story.choice(), "2001:db8::1");
}

TEST(EndpointSelector, AnotherNetworkStartsTheTriesAgain) {
    Story story;
    story.addresses = {kSix};
    story.run(20s);
    story.tried.clear();
    story.selector.network_changed(story.now);
    story.run(1s);
    EXPECT_THAT(story.tried,
                ElementsAre(Story::Tried{20000ms, "2001:db8::1"}, Story::Tried{20300ms, "2001:db8::1"},
                            Story::Tried{20900ms, "2001:db8::1"}));
}

TEST(EndpointSelector, WhileNothingMayBeSentNothingIsTried) {
    Story story;
    story.may_send = false;
    story.run(1min);
    EXPECT_THAT(story.tried, IsEmpty());
    EXPECT_EQ(story.choice(), "2001:db8::1");
    // The peer comes with its endpoint, and its handshake begins by itself.
    story.may_send = true;
    story.run(310ms);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{60300ms, "192.0.2.1"}));
}

}  // namespace
}  // namespace ulagate::endpoint_selector_test
