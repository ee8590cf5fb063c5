// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/ownership.h"

#include "tests/unit/wg/control/ownership_story.h"

namespace ulagate::wg::control::ownership_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(OwnershipStory, UntilSomebodyClaimsTheHighestPriorityOwns) {
    EXPECT_EQ(owner(), 0U);
    hello(kA2);  // also when only another one is heard: the first may just be slower
    run_until(10s);
    EXPECT_EQ(owner(), 0U);
    EXPECT_EQ(deadline(), std::nullopt);
    EXPECT_THAT(events(), IsEmpty());
    EXPECT_EQ(relay_.owner_index(prefix("fd12:3456:789a:c::/64")), std::nullopt);
}

TEST_F(OwnershipStory, AClaimTakesThePrefixAtOnceAndEveryLiveRouterOfTheSiteLearnsIt) {
    hello(kA1);
    hello(kB1);
    sent();
    run_until(500ms);
    claim(kA2, 7, 90);
    EXPECT_EQ(owner(), 1U);
    EXPECT_THAT(events(), ElementsAre(moved(0, 1, Reason::claimed)));
    const Owner now_owner{kLan, kA2, 7, 90};
    EXPECT_THAT(sent_to(kA1), ElementsAre(ClaimAck{std::nullopt, {now_owner}}));
    EXPECT_THAT(sent_to(kA2), ElementsAre(ClaimAck{1, {now_owner}}, ClaimAck{std::nullopt, {now_owner}}));
    EXPECT_THAT(sent_to(kA3), IsEmpty()) << "not heard yet";
    EXPECT_THAT(sent_to(kB1), IsEmpty());
    EXPECT_EQ(deadline(), 3500ms);
}

TEST_F(OwnershipStory, HelloIsAnsweredWithTheClockAndTheOwners) {
    run_until(250ms);
    from(kA2, Hello{About{1, 5, kWall - 24h}});
    EXPECT_THAT(sent_to(kA2),
                ElementsAre(HelloAck{About{kVersion, 0, kWall + 250ms}, {Owner{kLan, kA1, 0, 200}}}));
    const auto router = relay_.router(kA2, now().steady);
    ASSERT_TRUE(router);
    EXPECT_TRUE(router->live);
    EXPECT_EQ(router->about, (About{1, 5, kWall - 24h})) << "a clock that went back is for others to judge";
    EXPECT_FALSE(relay_.router(kA1, now().steady)->live);
    EXPECT_FALSE(relay_.router(kA2, kStart + 3250ms)->live);
    EXPECT_EQ(relay_.router(address("fd99::99"), now().steady), std::nullopt);
}

TEST_F(OwnershipStory, APlannedHandOverIsOneMoveAndNoConflict) {
    claim(kA1, 5, 200);
    run_until(1s);
    hello(kA2);
    claim(kA1, 5, 200);
    events(), sent();

    run_until(1200ms);
    claim(kA2, 6, 150);
    EXPECT_EQ(owner(), 1U);
    EXPECT_THAT(sent_to(kA1), ElementsAre(ClaimAck{std::nullopt, {Owner{kLan, kA2, 6, 150}}}));
    sent();
    run_until(1201ms);  // its last renewal was under way
    claim(kA1, 5, 200);
    EXPECT_THAT(sent_to(kA1), ElementsAre(ClaimAck{3, {Owner{kLan, kA2, 6, 150}}}));
    for (const auto at : {2s, 3s, 4s, 5s}) {
        run_until(at);
        claim(kA2, 6, 150);
        hello(kA1);
    }
    EXPECT_EQ(owner(), 1U);
    EXPECT_THAT(events(), ElementsAre(moved(0, 1, Reason::claimed)));
}

TEST_F(OwnershipStory, WhenTheOwnerCrashesThePrefixFallsBackThreeSecondsAfterItsLastClaim) {
    hello(kA2);
    hello(kA3);
    claim(kA1, 5);
    run_until(1s);
    claim(kA1, 5);
    hello(kA2);
    hello(kA3);
    run_until(3s);
    hello(kA2);
    hello(kA3);
    events(), sent();

    EXPECT_EQ(deadline(), 4000ms);
    run_until(3999ms);
    EXPECT_EQ(owner(), 0U);
    run_until(4s);
    EXPECT_EQ(owner(), 1U) << "the best priority of those that live";
    EXPECT_THAT(events(), ElementsAre(moved(0, 1, Reason::lease_ended)));
    EXPECT_THAT(sent_to(kA2), ElementsAre(ClaimAck{std::nullopt, {Owner{kLan, kA2, 5, 100}}}));
    EXPECT_THAT(sent_to(kA1), IsEmpty());

    // A fall-back is held by being heard, and falls back in turn.
    EXPECT_EQ(deadline(), 6000ms);
    run_until(5s);
    hello(kA3);
    run_until(6s);
    EXPECT_EQ(owner(), 2U);
    EXPECT_THAT(events(), ElementsAre(moved(1, 2, Reason::lease_ended)));
}

TEST_F(OwnershipStory, TheLastOwnerStaysWhenNobodyLivesAndGoesWhenSomebodyIsHeard) {
    claim(kA2, 5);
    run_until(3s);
    EXPECT_EQ(owner(), 1U);
    EXPECT_EQ(deadline(), std::nullopt) << "nothing to wait for";
    events();
    run_until(60s);
    hello(kA3);
    EXPECT_EQ(owner(), 2U);
    EXPECT_THAT(events(), ElementsAre(moved(1, 2, Reason::lease_ended)));
    EXPECT_EQ(std::get<HelloAck>(sent_to(kA3).front()).owners, (std::vector{Owner{kLan, kA3, 5, 50}}));
}

TEST_F(OwnershipStory, AnOwnerThatStoppedClaimingGivesWayToAnotherLiveRouter) {
    claim(kA1, 5);
    for (const auto at : {1s, 2s, 3s}) {  // Backup by VRRP, and the new Active's claims are lost
        run_until(at);
        hello(kA1);
        hello(kA2);
    }
    EXPECT_EQ(owner(), 1U);
    // Both live and nobody claims: no swinging to and fro.
    for (const auto at : {4s, 5s, 6s, 7s}) {
        run_until(at);
        hello(kA1);
        hello(kA2);
    }
    EXPECT_EQ(owner(), 1U);
    // Alone, it keeps the prefix without a claim too.
    run_until(7500ms);
    from(kA1, Goodbye{});
    run_until(20s);
    EXPECT_EQ(owner(), 1U);
}

TEST_F(OwnershipStory, ALiveLowerClaimIsTheFirstToFallBackTo) {
    hello(kA2);
    claim(kA3, 4);
    claim(kA1, 5);
    for (const auto at : {1s, 2s}) {
        run_until(at);
        hello(kA2);
        claim(kA3, 4);
    }
    events();
    run_until(3s);
    EXPECT_EQ(owner(), 2U) << "though priority 50 is below 100";
    EXPECT_THAT(events(), ElementsAre(moved(0, 2, Reason::lease_ended)));
}

TEST_F(OwnershipStory, ReleaseMovesThePrefixAtOnceAndTheReleaserIsNoFallBack) {
    hello(kA2);
    hello(kA3);
    claim(kA1, 5);
    events(), sent();
    release(kA1, 5);
    EXPECT_EQ(owner(), 1U);
    EXPECT_THAT(events(), ElementsAre(moved(0, 1, Reason::released)));
    EXPECT_THAT(sent_to(kA1), Contains(ClaimAck{2, {Owner{kLan, kA2, 5, 100}}}));

    run_until(1s);
    release(kA1, 5);  // the LAN is still dead
    hello(kA3);
    from(kA2, Goodbye{});
    EXPECT_EQ(owner(), 2U) << "the first router has the best priority, but no LAN";
    // Three seconds after its last release it counts as whole again.
    run_until(3s);
    hello(kA1);
    run_until(4s);
    EXPECT_EQ(owner(), 0U);
    EXPECT_THAT(events(), ElementsAre(moved(1, 2, Reason::goodbye), moved(2, 0, Reason::lease_ended)));
}

TEST_F(OwnershipStory, AReleaseWithNobodyToTakeOverWaitsForOne) {
    claim(kA1, 5);
    release(kA1, 5);
    EXPECT_EQ(owner(), 0U);
    run_until(1s);
    release(kA1, 5);
    events();
    hello(kA2);
    EXPECT_EQ(owner(), 1U);
    EXPECT_THAT(events(), ElementsAre(moved(0, 1, Reason::released)));
}

TEST_F(OwnershipStory, AReleaseFromBeforeTheClaimIsIgnored) {
    hello(kA2);
    claim(kA1, 5);
    release(kA1, 4);
    EXPECT_EQ(owner(), 0U);
}

TEST_F(OwnershipStory, GoodbyeMovesThePrefixAtOnce) {
    hello(kA2);
    claim(kA1, 5);
    events(), sent();
    from(kA1, Goodbye{});
    EXPECT_EQ(owner(), 1U);
    EXPECT_THAT(events(), ElementsAre(moved(0, 1, Reason::goodbye)));
    EXPECT_THAT(sent_to(kA1), IsEmpty());
    EXPECT_FALSE(relay_.router(kA1, now().steady)->live);
}

TEST_F(OwnershipStory, AConflictIsSettledByEpochThenPriorityThenKeyAndToldOnce) {
    struct Case {
        Claim first;   // of the router with key 1
        Claim second;  // of the one with key 2
        std::size_t winner;
    };
    for (const auto& [first, second, winner] : {
             Case{{{kLan}, 5, 200}, {{kLan}, 6, 100}, 1},
             Case{{{kLan}, 6, 100}, {{kLan}, 5, 200}, 0},
             Case{{{kLan}, 5, 100}, {{kLan}, 5, 200}, 1},
             Case{{{kLan}, 5, 200}, {{kLan}, 5, 100}, 0},
             Case{{{kLan}, 5, 100}, {{kLan}, 5, 100}, 0},
         }) {
        relay_ = Ownership{1};
        configure(two_sites());
        at_ = 0s;
        events();
        for (int second_count = 0; second_count < 20; ++second_count) {
            run_until(second_count * 1s);
            from(kA2, second);
            from(kA1, first);
            EXPECT_EQ(owner(), winner);
        }
        const OwnershipEvent conflict = ConflictDecided{"a", kLan, winner, 1 - winner};
        const auto told = events();
        EXPECT_EQ(std::count(told.begin(), told.end(), conflict), 1);
        EXPECT_LE(told.size(), 3U) << "and at most two moves when they met";
        EXPECT_EQ(relay_.counters().conflicts, 1U);
        EXPECT_TRUE(relay_.prefix(kLan, now().steady)->conflict);
    }
}

TEST_F(OwnershipStory, ASecondConflictIsToldAgain) {
    const auto both_claim = [&](Duration from, Duration to) {
        for (; from <= to; from += 1s) {
            run_until(from);
            claim(kA1, 5);
            claim(kA2, 6);
        }
    };
    both_claim(0s, 5s);
    EXPECT_EQ(relay_.counters().conflicts, 1U);
    for (const auto at : {6s, 7s, 8s, 9s}) {  // the first is Backup now
        run_until(at);
        claim(kA2, 6);
    }
    EXPECT_FALSE(relay_.prefix(kLan, now().steady)->conflict);
    both_claim(10s, 12s);
    EXPECT_EQ(relay_.counters().conflicts, 2U);
}

TEST_F(OwnershipStory, ARebootedRouterWithAStaleEpochDoesNotWin) {
    claim(kA2, 9);
    run_until(500ms);
    claim(kA1, 3, 255);
    EXPECT_EQ(owner(), 1U);
    EXPECT_THAT(sent_to(kA1), ElementsAre(ClaimAck{1, {Owner{kLan, kA2, 9, 100}}}))
        << "and learns by how much it is behind";
}

TEST_F(OwnershipStory, WhatIsNotOfTheSendersSiteIsRefusedCountedAndToldOnceAMinute) {
    const auto nowhere = prefix("fd12:3456:789a:f::/64");
    from(kB1, Claim{{kLan, kOtherSite, nowhere}, 9, 255});
    EXPECT_EQ(owner(), 0U);
    EXPECT_EQ(relay_.counters().refused, 2U);
    EXPECT_THAT(events(), ElementsAre(ClaimRefused{"b", 0, kLan}));
    EXPECT_THAT(sent_to(kB1),
                ElementsAre(ClaimAck{1, {{kLan, {}, 0, 0}, {kOtherSite, kB1, 9, 255}, {nowhere, {}, 0, 0}}}));
    for (int i = 1; i < 60; ++i) {
        run_until(i * 1s);
        from(kB1, Claim{{kLan}, 9, 255});
        from(kB1, Release{{kLan}, 9});
    }
    EXPECT_THAT(events(), IsEmpty());
    EXPECT_EQ(relay_.counters().refused, 120U);
    run_until(60s);
    from(kB1, Release{{kLan}, 9});
    EXPECT_THAT(events(), ElementsAre(ClaimRefused{"b", 0, kLan}));
    EXPECT_EQ(owner(), 0U);
}

TEST_F(OwnershipStory, UnknownSendersAreRefusedAndReportedOnceAMinuteInAll) {
    for (unsigned i = 0; i < 1000; ++i) {
        net::Ipv6Address stranger = address("fd99::ff00");
        stranger.bytes[15] = static_cast<std::uint8_t>(i);
        stranger.bytes[13] = static_cast<std::uint8_t>(i >> 8U);
        record(relay_.on_packet(stranger, {i, Claim{{kLan}, 99, 255}}, now()));
    }
    EXPECT_EQ(owner(), 0U);
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_THAT(events(), ElementsAre(UnknownSenderRefused{address("fd99::ff00")}));
    EXPECT_EQ(relay_.counters().unknown_senders, 1000U);
    EXPECT_EQ(deadline(), std::nullopt);
}

TEST_F(OwnershipStory, ProbesAreSentBackAndMakeNobodyLive) {
    from(kA1, Probe{77});
    EXPECT_THAT(sent_to(kA1), ElementsAre(ProbeAck{77}));
    EXPECT_FALSE(relay_.router(kA1, now().steady)->live);
    sent();
    from(kA1, ProbeAck{77});  // what only a relay sends
    from(kA1, ClaimAck{1, {Owner{kLan, kA1, 9, 9}}});
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_EQ(relay_.counters().unexpected, 2U);
}

TEST_F(OwnershipStory, WhatComesLateOrTwiceIsIgnored) {
    const Packet old_claim{10, Claim{{kLan}, 5, 200}};
    record(relay_.on_packet(kA1, old_claim, now()));
    record(relay_.on_packet(kA1, {12, Goodbye{}}, now()));
    hello(kA2);
    sent();
    record(relay_.on_packet(kA1, {11, Claim{{kLan}, 5, 200}}, now()));
    record(relay_.on_packet(kA1, {12, Goodbye{}}, now()));
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_EQ(relay_.counters().stale, 2U);
    EXPECT_EQ(owner(), 1U);
    record(relay_.on_packet(kA1, {4'000'000'000, Claim{{kLan}, 5, 200}}, now()));
    EXPECT_EQ(owner(), 0U) << "far behind is not late: the router started anew";
}

TEST_F(OwnershipStory, OrderCountsForEachPrefixByItself) {
    hello(kA2);
    record(relay_.on_packet(kA1, {1, Claim{{kLan}, 5, 200}}, now()));
    record(relay_.on_packet(kA1, {3, Release{{kLan}, 5}}, now()));
    record(relay_.on_packet(kA1, {2, Claim{{kLan}, 5, 200}}, now()));
    EXPECT_EQ(owner(), 1U) << "a renewal from before the release";
    EXPECT_EQ(relay_.counters().stale, 1U);
    record(relay_.on_packet(kA1, {5, Probe{1}}, now()));
    record(relay_.on_packet(kA1, {4, Claim{{kLan}, 6, 200}}, now()));
    EXPECT_EQ(owner(), 0U) << "that a probe overtook it is nothing against a claim";
}

TEST_F(OwnershipStory, TheLowerKeyWinsAtWhateverIndexItIs) {
    auto rows = two_sites();
    std::swap(rows.front().routers.at(0).key, rows.front().routers.at(1).key);
    configure(rows);
    claim(kA1, 5);
    claim(kA2, 5);
    EXPECT_EQ(owner(), 1U);
    claim(kA1, 5);
    EXPECT_EQ(owner(), 1U);
}

TEST_F(OwnershipStory, EachRouterHasItsOwnCount) {
    hello(kA1);
    from(kB1, Probe{1});
    hello(kA1);
    std::vector<std::uint32_t> numbers;
    for (const Outgoing& out : sent()) numbers.push_back(out.packet.sequence);
    EXPECT_THAT(numbers, ElementsAre(1000, 1000, 1001));
}

TEST_F(OwnershipStory, AtItsEndTheRelaySaysGoodbyeToWhoLives) {
    hello(kA1);
    run_until(2s);
    hello(kB1);
    run_until(4s);
    sent();
    record(relay_.stop(now()));
    EXPECT_EQ(sent_.size(), 1U);
    EXPECT_THAT(sent_to(kB1), ElementsAre(Goodbye{}));
}

TEST(WgOwnershipEvent, SaysWhatHappened) {
    EXPECT_EQ(
        to_string(OwnerChanged{"a", kLan, 0, 1, Reason::lease_ended}),
        "fd12:3456:789a:a::/64 moves from router 1 to router 2: nothing was heard from the owner for 3 s");
    EXPECT_EQ(to_string(OwnerChanged{"a", kLan, {}, 0, Reason::configuration}),
              "fd12:3456:789a:a::/64 moves to router 1: other configuration");
    EXPECT_EQ(to_string(ConflictDecided{"a", kLan, 1, 0}),
              "two routers claim fd12:3456:789a:a::/64: router 2 wins over router 1");
    EXPECT_EQ(to_string(ClaimRefused{"b", 0, kLan}),
              "router 1 claims fd12:3456:789a:a::/64, which is not a prefix of its site, ignoring");
    EXPECT_EQ(to_string(UnknownSenderRefused{kA1}),
              "message from fd99::a1, which is not a router of any site, ignoring");
}

}  // namespace
}  // namespace ulagate::wg::control::ownership_test
