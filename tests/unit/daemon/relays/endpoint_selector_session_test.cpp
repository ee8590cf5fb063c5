// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/daemon/relays/endpoint_selector_story.h"

namespace ulagate::endpoint_selector_session_test {
namespace {

using namespace race_story;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(EndpointSelector, AfterALossTheLastWinnerIsTheFirst) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.lose_after(10s);
    story.run(5s);
    ASSERT_FALSE(story.tried.empty());
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{10000ms, "192.0.2.1 kept"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointSelector, ALostSessionIsGivenARoundTripBeforeThePeerIsMadeAnew) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.families = {IpFamily::ipv4};
    story.lose_after(10s);
    story.answering.clear();
    story.run(1s);
    EXPECT_THAT(story.tried,
                ElementsAre(Story::Tried{10000ms, "192.0.2.1 kept"}, Story::Tried{10130ms, "192.0.2.1"},
                            Story::Tried{10430ms, "192.0.2.1"}));
}

TEST(EndpointSelector, ADaemonThatRestartsCostsTheSessionNothing) {
    Story story;
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.lose_after(10s);
    story.daemon_runs = false;
    story.run(4s);
    story.daemon_runs = true;
    story.run(1min);
    EXPECT_TRUE(story.alive);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{10000ms, "2001:db8::1 kept"}));
}

TEST(EndpointSelector, APeerThatIsGoneHasNoSessionToSpare) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.lose_after(10s);
    story.has_peer = false;
    story.run(10ms);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{10000ms, "2001:db8::1"}));
}

TEST(EndpointSelector, WithoutADaemonForLongWireGuardIsDisturbedOnceAMinute) {
    Story story;
    story.families = {IpFamily::ipv4};
    story.answering = {"192.0.2.1"};
    story.lose_after(10s);
    story.daemon_runs = false;
    story.run(10min);
    EXPECT_LE(story.tried.size(), 12U);
}

TEST(EndpointSelector, LeavesAtOnceWhatHasNoEgressAnyMore) {
    Story story;
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.run(10s);
    story.tried.clear();
    story.families = {IpFamily::ipv4};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{10000ms, "192.0.2.1 kept"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointSelector, ThePreferredFamilyIsTriedEveryTenMinutesWithoutTraffic) {
    Story story;
    story.settle_on("192.0.2.1");
    story.run(31min);
    EXPECT_THAT(
        story.tried,
        ElementsAre(Story::Tried{600380ms, "2001:db8::1 kept"}, Story::Tried{600510ms, "192.0.2.1 kept"},
                    Story::Tried{1200510ms, "2001:db8::1 kept"}, Story::Tried{1200640ms, "192.0.2.1 kept"},
                    Story::Tried{1800640ms, "2001:db8::1 kept"}, Story::Tried{1800770ms, "192.0.2.1 kept"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointSelector, ATrialThatIsAnsweredWins) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.until_alive();
    story.answering = {"192.0.2.1", "2001:db8::1"};
    story.tried.clear();
    story.run(1h);
    EXPECT_EQ(story.tried.size(), 1U);
    EXPECT_EQ(story.choice(), "2001:db8::1");
    EXPECT_EQ(story.selector.winner(), kSix);
    EXPECT_TRUE(story.alive);
}

TEST(EndpointSelector, TrafficPutsATrialOff) {
    Story story;
    story.settle_on("192.0.2.1");
    story.traffic = true;
    story.run(30min);
    EXPECT_THAT(story.tried, IsEmpty());
    story.traffic = false;
    story.run(100ms);
    EXPECT_EQ(story.tried.size(), 1U);
}

TEST(EndpointSelector, APlainRelayNeedsAHandshakeForATrialAndForTheWayBack) {
    Story story;
    story.answers_probes = false;
    story.settle_on("192.0.2.1");
    story.run(11min);
    EXPECT_THAT(story.tried,
                ElementsAre(Story::Tried{600340ms, "2001:db8::1"}, Story::Tried{601340ms, "192.0.2.1"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointSelector, AnotherUplinkComesAfterAllAddresses) {
    Story story;
    story.spares = {kSpare};
    story.answering = {"192.0.2.1 wan1"};
    story.until_alive();
    EXPECT_THAT(story.what_was_tried(),
                ElementsAre("2001:db8::1", "192.0.2.1", "2001:db8::1 wan1", "192.0.2.1 wan1"));
    // And is left for the routing table's own when that answers again.
    story.answering = {"2001:db8::1", "192.0.2.1 wan1"};
    story.run(11min);
    EXPECT_EQ(story.choice(), "2001:db8::1");
}

TEST(EndpointSelector, AnUplinkThatIsGoneIsLeftAtOnce) {
    Story story;
    story.spares = {kSpare};
    story.answering = {"2001:db8::1 wan1"};
    story.until_alive();
    story.spares.clear();
    story.answering = {"2001:db8::1"};
    EXPECT_EQ(story.choice(), "2001:db8::1 wan1");
    story.run(500ms);
    EXPECT_EQ(story.choice(), "2001:db8::1");
    EXPECT_TRUE(story.alive);
}

TEST(EndpointSelector, ASessionIsCarriedOverToAnotherUplinkFirst) {
    Story story;
    story.spares = {kSpare};
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.lose_after(10s);
    story.answering = {"2001:db8::1 wan1", "192.0.2.1 wan1"};
    EXPECT_LE(story.until_alive(), 130ms + 2 * 40ms + 30ms);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{10000ms, "2001:db8::1 kept"},
                                         Story::Tried{10130ms, "2001:db8::1 wan1 kept"}));
}

TEST(EndpointSelector, ASessionIsTriedByAllWaysBeforeItIsGivenUp) {
    Story story;
    story.spares = {kSpare};
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.lose_after(10s);
    story.answering.clear();
    story.run(800ms);
    EXPECT_THAT(story.what_was_tried(), ElementsAre("2001:db8::1 kept", "2001:db8::1 wan1 kept",
                                                    "192.0.2.1 kept", "2001:db8::1", "192.0.2.1"));
}

TEST(EndpointSelector, ALongRoundTripIsWaitedForWithASession) {
    Story story;
    story.addresses = {kSix};
    story.round_trip = 400ms;
    story.spares = {kSpare};
    story.answering = {"2001:db8::1"};
    story.lose_after(1min);
    story.answering = {"2001:db8::1 wan1"};
    story.run(5s);
    EXPECT_TRUE(story.alive);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{60000ms, "2001:db8::1 kept"},
                                         Story::Tried{60850ms, "2001:db8::1 wan1 kept"}));
}

TEST(EndpointSelector, AnotherUplinkThatTheRoutingTableComesToIsNoOtherAnyMore) {
    Story story;
    story.spares = {kSpare};
    story.settle_on("2001:db8::1 wan1");
    story.own = kSpare;
    story.spares = {kOwn};
    story.answering = {"2001:db8::1", "2001:db8::1 wan1"};
    story.run(1h);
    EXPECT_EQ(story.choice(), "2001:db8::1");
    EXPECT_THAT(story.tried, IsEmpty());
    EXPECT_TRUE(story.alive);
}

TEST(EndpointSelector, TrafficKeepsAnotherUplinkForAnHourOnly) {
    Story story;
    story.addresses = {kSix};
    story.spares = {kSpare};
    story.settle_on("2001:db8::1 wan1");
    story.traffic = true;
    story.answering = {"2001:db8::1", "2001:db8::1 wan1"};
    story.run(69min);
    EXPECT_THAT(story.tried, IsEmpty());
    story.run(2min);
    EXPECT_EQ(story.choice(), "2001:db8::1");
    EXPECT_TRUE(story.alive);
}

}  // namespace
}  // namespace ulagate::endpoint_selector_session_test
