// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/relay_session.h"

#include "tests/unit/wg/control/relay_session_story.h"

// Claims, releases and epochs.
namespace ulagate::wg::control::relay_session_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(RelaySessionStory, SaysHelloEverySecondWhileThereIsNothingToClaim) {
    EXPECT_EQ(session_.deadline(), std::nullopt);
    standby();
    EXPECT_THAT(sent(), IsEmpty());
    start();
    run_until(2500ms);
    EXPECT_THAT(sent(), ElementsAre(hello(0ms), hello(1000ms), hello(2000ms)));
}

TEST_F(RelaySessionStory, ClaimsAtOnceThreeTimesQuicklyThenEverySecond) {
    start();
    run_until(400ms);
    sent();
    active();
    run_until(3500ms);
    EXPECT_THAT(sent(), ElementsAre(claim(400ms, 42), claim(450ms, 42), claim(500ms, 42), claim(1400ms, 42),
                                    claim(2400ms, 42), claim(3400ms, 42)));
    EXPECT_EQ(session_.epoch(), 42U) << "one epoch for one transition, to be kept";
}

TEST_F(RelaySessionStory, AnAcknowledgedClaimIsNotHurried) {
    start();
    sent();
    active();
    run_until(20ms);
    relay_answers(owned_by(kUs, 42));
    run_until(1500ms);
    EXPECT_THAT(sent(), ElementsAre(claim(0ms, 42), claim(1000ms, 42)));
    EXPECT_THAT(events(), ElementsAre(OwnerLearned{owned_by(kUs, 42)}));
    EXPECT_EQ(session_.owner(kLan), owned_by(kUs, 42));
}

TEST_F(RelaySessionStory, AHelloGoesBesideTheClaimsEveryTenSeconds) {
    active();
    start();
    run_until(25s);
    const auto all = sent();
    std::vector<Sent> hellos;
    std::copy_if(all.begin(), all.end(), std::back_inserter(hellos),
                 [](const Sent& s) { return std::holds_alternative<Hello>(s.message); });
    EXPECT_THAT(hellos, ElementsAre(hello(0ms), hello(10'000ms), hello(20'000ms)));
}

TEST_F(RelaySessionStory, BackupBeforeTheClaimWasAnsweredStopsTheHurryToo) {
    start();
    sent();
    active();
    run_until(10ms);
    standby();
    relay_answers(owned_by(kOther, 41));
    run_until(900ms);
    EXPECT_THAT(sent(), ElementsAre(claim(0ms, 42), Sent{10ms, Release{{kLan}, 42}}));
}

TEST_F(RelaySessionStory, ReleasesWhenTheLanIsDeadAndAsLongAsItIs) {
    start();
    active();
    relay_answers(owned_by(kUs, 42));
    run_until(500ms);
    sent();
    lans({{kLan, ClaimState::unfit, 200}});
    run_until(520ms);
    relay_answers(owned_by(kOther, 42));
    run_until(2600ms);
    const auto release = [](milliseconds at) { return Sent{at, Release{{kLan}, 42}}; };
    EXPECT_THAT(sent(), ElementsAre(release(500ms), release(1500ms), release(2500ms)));
    EXPECT_THAT(events(), ElementsAre(OwnerLearned{owned_by(kUs, 42)}, OwnerLearned{owned_by(kOther, 42)}));
}

TEST_F(RelaySessionStory, ANewTransitionGoesAboveAllThatWasUsedOrSeen) {
    start();
    active();
    EXPECT_EQ(session_.epoch(), 42U);
    standby();
    active();
    EXPECT_EQ(session_.epoch(), 43U);
    standby();
    relay_says(HelloAck{About{}, {owned_by(kOther, 90)}});
    active();
    EXPECT_EQ(session_.epoch(), 91U);
    standby();
    relay_says(ClaimAck{std::nullopt, {owned_by(kOther, 200)}});
    EXPECT_EQ(session_.epoch(), 91U) << "what is said unasked is not kept";
    active();
    EXPECT_EQ(session_.epoch(), 201U) << "but a claim goes above it";
}

TEST_F(RelaySessionStory, F06_TheLastEpochOfAllIsNotWrapped) {
    RelaySession last{{kUs, kMostEpoch - 1, 1, 1}};
    last.start(now());
    for (int i = 0; i < 3; ++i) {
        last.set_lans({{kLan, ClaimState::active, 200}}, now());
        EXPECT_EQ(last.epoch(), kMostEpoch);
        last.set_lans({{kLan, ClaimState::standby, 200}}, now());
    }
    EXPECT_EQ((RelaySession{{kUs, ~0ULL, 1, 1}}.epoch()), kMostEpoch);
}

TEST_F(RelaySessionStory, F06_NobodyDrivesTheEpochByWordsThatAreNoAnswer) {
    start();
    standby();
    const net::Ipv6Prefix nobodys = prefix("fd12:3456:789a:dead::/64");
    for (const std::uint64_t epoch : {std::uint64_t{90}, kMostEpoch, ~std::uint64_t{0}}) {
        relay_says(HelloAck{About{}, {{nobodys, kOther, epoch, 1}, owned_by(kOther, 90)}});
        relay_says(ClaimAck{std::nullopt, {{nobodys, kOther, epoch, 1}, owned_by(kOther, 90)}});
        relay_says(ClaimAck{next_sequence_ - 1, {{nobodys, kOther, epoch, 1}, owned_by(kOther, 90)}});
        relay_says(ClaimAck{next_sequence_ + 5, {{nobodys, kOther, epoch, 1}, owned_by(kOther, 90)}});
        EXPECT_EQ(session_.epoch(), 41U) << epoch;
    }
    active();
    EXPECT_EQ(session_.epoch(), 91U);
    relay_says(ClaimAck{next_sequence_ + 5, {owned_by(kOther, 500)}});
    EXPECT_EQ(session_.epoch(), 91U) << "an answer to what we have not said yet";
}

TEST_F(RelaySessionStory, F06_AnAnswerLiftsTheEpochOneStepAboveWhatIsKept) {
    start();
    active();
    relay_answers(owned_by(kOther, kMostEpoch - 7));
    EXPECT_EQ(session_.epoch(), 41 + RelaySession::kEpochStep + 1) << "one step, and our claim";
    for (int i = 0; i < 100; ++i) {
        relay_answers(owned_by(kOther, kMostEpoch - 7));
        EXPECT_EQ(session_.epoch(), 41 + RelaySession::kEpochStep + 1) << "until our caller has written it";
    }
    events();
    relay_answers(owned_by(kOther, ~0ULL));
    EXPECT_EQ(session_.epoch(), 41 + RelaySession::kEpochStep + 1) << "what is absurd counts as nothing";
    EXPECT_THAT(session_.disbelieved(now().steady),
                ElementsAre(Disbelieved{Disbelieved::What::epoch, ~0ULL}));
    session_.set_kept(session_.epoch());
    relay_answers(owned_by(kOther, kMostEpoch - 7));
    EXPECT_EQ(session_.epoch(), 41 + 2 * RelaySession::kEpochStep + 1);
    run_until(10min);
    EXPECT_THAT(session_.disbelieved(now().steady), IsEmpty()) << "forgotten after a while";
}

TEST_F(RelaySessionStory, F06_ALieAboutEpochsIsToldOnce) {
    start();
    active();
    for (int i = 0; i < 1000; ++i) relay_answers(owned_by(kUs, ~0ULL - static_cast<unsigned>(i)));
    EXPECT_EQ(std::count_if(events_.begin(), events_.end(),
                            [](const auto& e) { return std::holds_alternative<Disbelieved>(e); }),
              1);
}

TEST_F(RelaySessionStory, F06_AnOwnerThatChangesAllTheTimeIsFollowedButNotToldEachTime) {
    start();
    active();
    events();
    for (int i = 0; i < 10'000; ++i) {
        at_ += 1ms;
        relay_says(ClaimAck{std::nullopt, {owned_by(i % 2 == 0 ? kOther : kUs, 42)}});
        ASSERT_EQ(session_.owner(kLan)->router, i % 2 == 0 ? kOther : kUs);
    }
    EXPECT_LE(events().size(), 12U + 3U + 3U)
        << "12 at once, one in 4 s, and rivals that are gone, one in 5 s";
    relay_says(ClaimAck{std::nullopt, {owned_by(kOther, 42)}});
    run_until(at_ + 5s);
    const auto last = events();
    ASSERT_FALSE(last.empty());
    EXPECT_EQ(last.back(), (SessionEvent{OwnerLearned{owned_by(kOther, 42)}})) << "the last word counts";
}

TEST_F(RelaySessionStory, F06_GoodbyesWithoutEndAreNotBelieved) {
    start();
    for (int i = 0; i < 600; ++i) {
        relay_echoes();
        relay_says(Goodbye{});
        run_until(at_ + 100ms);
    }
    const auto all = events();
    EXPECT_LE(all.size(), 2U * (3 + 3) + 2) << "three at once and one in 20 s, each with its way back";
    relay_echoes();
    EXPECT_TRUE(session_.alive()) << "it answers";
}

TEST_F(RelaySessionStory, LansThatBecomeActiveTogetherShareAnEpochAndAMessage) {
    start();
    sent();
    lans({{kLan, ClaimState::active, 200}, {kVlan, ClaimState::active, 200}});
    EXPECT_THAT(sent(), ElementsAre(Sent{0ms, Claim{{kLan, kVlan}, 42, 200}}));
    lans({{kLan, ClaimState::active, 200}, {kVlan, ClaimState::standby, 200}});
    run_until(300ms);
    sent();
    lans({{kLan, ClaimState::active, 150}, {kVlan, ClaimState::active, 200}});
    EXPECT_THAT(sent(),
                ElementsAre(Sent{300ms, Claim{{kLan}, 42, 150}}, Sent{300ms, Claim{{kVlan}, 43, 200}}));
    lans({{kVlan, ClaimState::active, 200}});
    run_until(1400ms);
    EXPECT_EQ(sent().back(), (Sent{1300ms, Claim{{kVlan}, 43, 200}})) << "a LAN that is gone is not claimed";
}

TEST_F(RelaySessionStory, MorePrefixesThanFitGoInSeveralMessages) {
    start();
    sent();
    std::vector<LanClaim> many;
    for (unsigned i = 0; i < 30; ++i) {
        many.push_back({std::get<net::Ipv6Prefix>(wg::test::numbered_prefix(i)), ClaimState::active, 1});
    }
    lans(many);
    const auto claims = sent();
    ASSERT_THAT(claims, SizeIs(2));
    EXPECT_THAT(std::get<Claim>(claims.at(0).message).prefixes, SizeIs(kMaxPrefixes));
    EXPECT_THAT(std::get<Claim>(claims.at(1).message).prefixes, SizeIs(6));
}

TEST_F(RelaySessionStory, AHigherEpochInTheFirstAnswerIsToppedOnce) {
    start();
    sent();
    active();
    run_until(10ms);
    relay_answers(owned_by(kOther, 70));
    EXPECT_THAT(sent(), ElementsAre(claim(0ms, 42), claim(10ms, 71)));
    EXPECT_EQ(session_.epoch(), 71U);
    run_until(20ms);
    relay_answers(owned_by(kOther, 72));  // it does the same
    run_until(900ms);
    EXPECT_THAT(sent(), IsEmpty()) << "no ping-pong";
    run_until(1s);
    EXPECT_THAT(sent(), ElementsAre(claim(1000ms, 71))) << "we are the fall-back";
    // The next transition may again.
    standby();
    active();
    sent();
    relay_answers(owned_by(kOther, 80));
    EXPECT_THAT(sent(), ElementsAre(claim(1000ms, 81)));
}

TEST_F(RelaySessionStory, OnceAcknowledgedTheLoserRenewsAndTellsTheConflictOnce) {
    start();
    active();
    relay_answers(owned_by(kUs, 42));
    run_until(1s);
    events(), sent();
    relay_answers(owned_by(kOther, 43));
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_THAT(events(), ElementsAre(OwnerLearned{owned_by(kOther, 43)})) << "it may be a hand-over";
    run_answered(10s, owned_by(kOther, 43));
    EXPECT_EQ(sent().size(), 10U) << "nine claims and a hello";
    const auto conflicts = [](std::vector<SessionEvent> all) {
        return std::count(all.begin(), all.end(), SessionEvent{ConflictLost{kLan, kOther, 43}});
    };
    EXPECT_EQ(conflicts(events()), 1);
    // Once we own it again it is over; another one is told again.
    run_answered(12s, owned_by(kUs, 42));
    EXPECT_EQ(conflicts(events()), 0);
    run_answered(20s, owned_by(kOther, 43));
    EXPECT_EQ(conflicts(events()), 1);
}

TEST_F(RelaySessionStory, AnEqualEpochIsNotTopped) {
    start();
    active();
    sent();
    relay_answers(owned_by(kOther, 42));
    run_until(900ms);
    EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(RelaySessionStory, AnAnswerToWhatWasSaidBeforeIsNoAnswer) {
    start();
    active();
    const std::uint32_t first_claim = next_sequence_ - 1;
    standby();
    run_until(100ms);
    active();
    sent();
    relay_says(ClaimAck{first_claim, {owned_by(kUs, 42)}});
    run_until(160ms);
    EXPECT_THAT(sent(), ElementsAre(claim(150ms, 43))) << "still in a hurry";
    relay_says(ClaimAck{std::nullopt, {owned_by(kOther, 50)}});
    run_until(210ms);
    EXPECT_THAT(sent(), ElementsAre(claim(200ms, 43))) << "nor is what was sent unasked";
}

TEST_F(RelaySessionStory, ARefusedPrefixIsToldOnce) {
    start();
    active();
    run_answered(5s, Owner{kLan, std::nullopt, 0, 0});
    EXPECT_EQ(std::count(events_.begin(), events_.end(), SessionEvent{PrefixRefused{kLan}}), 1);
}

TEST_F(RelaySessionStory, StopSaysGoodbyeAndIsSilentUntilTheNextStart) {
    active();
    start();
    run_until(300ms);
    sent();
    record(session_.stop(now()));
    EXPECT_THAT(sent(), ElementsAre(Sent{300ms, Goodbye{}}));
    EXPECT_EQ(session_.deadline(), std::nullopt);
    relay_says(ClaimAck{std::nullopt, {owned_by(kOther, 99)}});
    standby();
    active();
    record(session_.stop(now()));
    EXPECT_THAT(sent(), IsEmpty());
    start();
    EXPECT_THAT(sent(), ElementsAre(hello(300ms), claim(300ms, 43)));
}

TEST_F(RelaySessionStory, KnowsTheRelaysClock) {
    start();
    run_until(100ms);
    const About about{3, 1, kWall + 1h};
    relay_says(HelloAck{about, {}});
    EXPECT_EQ(session_.relay(), (RelaySession::RelayAbout{about, kStart + 100ms}));
}

TEST_F(RelaySessionStory, F03_IsInTwoPlacesForAMinuteAfterTheRelaySaidSo) {
    start();
    active();
    relay_says(ClaimAck{next_sequence_ - 1, {owned_by(kUs, 43)}});
    EXPECT_FALSE(session_.in_two_places(now().steady));
    relay_says(ClaimAck{next_sequence_ - 1, {owned_by(kUs, 43)}, 0, kInTwoPlaces});
    EXPECT_TRUE(session_.in_two_places(now().steady));
    run_until(30s);
    relay_says(HelloAck{About{1, kInTwoPlaces, kWall}, {}});
    run_until(89s);
    EXPECT_TRUE(session_.in_two_places(now().steady));
    run_until(90s);
    EXPECT_FALSE(session_.in_two_places(now().steady));
}

TEST_F(RelaySessionStory, WhatComesLateOrIsNotForRoutersIsIgnored) {
    start();
    standby();
    relay_says(ClaimAck{std::nullopt, {owned_by(kOther, 50)}});
    record(session_.on_packet({relay_sequence_ - 1, ClaimAck{std::nullopt, {owned_by(kUs, 49)}}}, now()));
    EXPECT_EQ(session_.owner(kLan), owned_by(kOther, 50));
    relay_says(Claim{{kLan}, 1, 1});
    EXPECT_EQ(session_.counters().stale, 1U);
    EXPECT_EQ(session_.counters().unexpected, 1U);
    relay_says(ClaimAck{std::nullopt, {Owner{kVlan, kOther, 60, 1}}});
    EXPECT_EQ(session_.owner(kVlan), std::nullopt) << "not a LAN of ours";
}

TEST_F(RelaySessionStory, SaysWhatHappened) {
    EXPECT_EQ(to_string(ConflictLost{kLan, kOther, 7}),
              "another router owns fd12:3456:789a:a::/64 with epoch 7: fd99::a2");
    EXPECT_EQ(to_string(PrefixRefused{kLan}),
              "fd12:3456:789a:a::/64 is not a prefix of this site in the relay's configuration");
    EXPECT_EQ(to_string(ReachabilityChanged{true, false}), "answers");
    EXPECT_EQ(to_string(ReachabilityChanged{false, false}), "no longer answers");
    EXPECT_EQ(to_string(ReachabilityChanged{false, true}), "said goodbye");
    EXPECT_EQ(to_string(OwnerLearned{owned_by(kOther, 7)}), "fd12:3456:789a:a::/64 is active on fd99::a2");
    EXPECT_EQ(to_string(OwnerLearned{{kLan, {}, 0, 0}}), "fd12:3456:789a:a::/64 is active on no router");
}

}  // namespace
}  // namespace ulagate::wg::control::relay_session_test
