// SPDX-License-Identifier: GPL-2.0-or-later
// A site whose LAN was in two halves, each with an Active router, is whole again: who of the two becomes
// Backup releases. And a planned hand-over, where a release has to change nothing.
#include "tests/unit/wg/control/ownership_story.h"
#include "wg/control/ownership.h"

namespace ulagate::wg::control::ownership_split_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class OwnershipSplit : public OwnershipStory {
protected:
    // Both claim until `end`; the first has the epoch `one`, the second `two`.
    void both_claim(std::uint64_t one, std::uint64_t two, Duration end) {
        for (Duration at = at_; at <= end; at += 1s) {
            run_until(at);
            claim(kA1, one, 200);
            claim(kA2, two, 100);
        }
    }
    // What every live router hears unasked when the prefix is the first one's.
    static Message first_owns(std::uint64_t epoch) {
        return ClaimAck{std::nullopt, {Owner{kLan, kA1, epoch, 200}}};
    }
};

TEST_F(OwnershipSplit, TheReleaseOfTheOwnerMovesThePrefixAtOnceToTheOtherClaimant) {
    both_claim(5, 6, 4s);
    ASSERT_EQ(owner(), 1U) << "the later epoch";
    hello(kA3);
    events(), sent();
    run_until(4100ms);
    release(kA2, 6);
    EXPECT_EQ(owner(), 0U) << "and not at the end of the lease, nor to a third router";
    EXPECT_THAT(events(), ElementsAre(moved(1, 0, Reason::released)));
    EXPECT_THAT(sent_to(kA1), ElementsAre(first_owns(5)));
    for (const auto at : {5s, 6s, 7s, 8s}) {
        run_until(at);
        claim(kA1, 5, 200);
        hello(kA2);
    }
    EXPECT_EQ(owner(), 0U);
    EXPECT_THAT(events(), IsEmpty());
    EXPECT_FALSE(relay_.prefix(kLan, now().steady)->conflict);
}

TEST_F(OwnershipSplit, V50_TheReleaseOfTheLoserTellsTheOwnerThatItIsAlone) {
    both_claim(6, 5, 4s);
    ASSERT_EQ(owner(), 0U);
    events(), sent();
    run_until(4100ms);
    release(kA2, 6);
    EXPECT_EQ(owner(), 0U);
    EXPECT_THAT(events(), IsEmpty());
    EXPECT_THAT(sent_to(kA1), ElementsAre(first_owns(6)));
    sent();
    release(kA2, 6);  // doubled in its hurry
    EXPECT_THAT(sent_to(kA1), IsEmpty()) << "once";
}

TEST_F(OwnershipSplit, InAHandOverAReleaseAfterTheClaimIsNoNews) {
    claim(kA2, 5, 100);
    run_until(1s);
    hello(kA1);
    claim(kA2, 5, 100);
    run_until(1200ms);
    claim(kA1, 6, 200);
    ASSERT_EQ(owner(), 0U);
    events(), sent();
    release(kA2, 6);
    EXPECT_EQ(owner(), 0U);
    EXPECT_THAT(events(), IsEmpty());
    EXPECT_THAT(sent_to(kA1), IsEmpty());
}

TEST_F(OwnershipSplit, InAHandOverAReleaseBeforeTheClaimIsTheHandOver) {
    hello(kA1);
    claim(kA2, 5, 100);
    events(), sent();
    release(kA2, 5);
    EXPECT_EQ(owner(), 0U);
    claim(kA1, 6, 200);
    EXPECT_EQ(owner(), 0U);
    EXPECT_THAT(events(), ElementsAre(moved(1, 0, Reason::released)));
}

TEST_F(OwnershipSplit, AReleaseLeavesNoPrefixHomeless) {
    claim(kA2, 5, 100);
    run_until(1s);
    release(kA2, 5);
    EXPECT_EQ(owner(), 1U) << "nobody else is live: the tunnel of the new Active is not up yet";
    for (const auto at : {2s, 3s, 4s, 5s, 6s}) {
        run_until(at);
        hello(kA2);
        EXPECT_EQ(owner(), 1U);
    }
    claim(kA1, 6, 200);
    EXPECT_EQ(owner(), 0U);
}

TEST_F(OwnershipSplit, WhoReleasedMayClaimAgainAtOnce) {
    hello(kA1);
    claim(kA2, 5, 100);
    release(kA2, 5);
    ASSERT_EQ(owner(), 0U);
    run_until(400ms);  // the other died before it could claim
    claim(kA2, 6, 100);
    EXPECT_EQ(owner(), 1U);
    for (const auto at : {1s, 2s, 3s, 4s}) {
        run_until(at);
        claim(kA2, 6, 100);
    }
    EXPECT_EQ(owner(), 1U);
}

TEST_F(OwnershipSplit, AReleaseThatTheNextClaimOvertookIsIgnored) {
    hello(kA1);
    record(relay_.on_packet(kA2, {10, Claim{{kLan}, 5, 100}}, now()));
    record(relay_.on_packet(kA2, {12, Claim{{kLan}, 6, 100}}, now()));
    record(relay_.on_packet(kA2, {11, Release{{kLan}, 5}}, now()));
    EXPECT_EQ(owner(), 1U);
    EXPECT_THAT(events(), Not(Contains(moved(1, 0, Reason::released))));
}

}  // namespace
}  // namespace ulagate::wg::control::ownership_split_test
