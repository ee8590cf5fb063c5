// SPDX-License-Identifier: GPL-2.0-or-later
// What a router says when it becomes Backup, and what it hears when another one was Active beside it.
#include "tests/unit/wg/control/relay_session_story.h"
#include "wg/control/relay_session.h"

namespace ulagate::wg::control::relay_session_split_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class RelaySessionSplit : public RelaySessionStory {
protected:
    static Sent release(milliseconds at, std::uint64_t epoch) { return {at, Release{{kLan}, epoch}}; }
    static SessionEvent regained() { return Regained{kLan}; }
    void told_unasked(const Owner& owner) { relay_says(ClaimAck{std::nullopt, {owner}}); }
    // Active from the start, and owned.
    void be_active_until(Duration end) {
        start();
        active();
        relay_answers(owned_by(kUs, 42));
        run_answered(end, owned_by(kUs, 42));
        events(), sent();
    }
};

TEST_F(RelaySessionSplit, WhoBecomesBackupReleasesAtOnceThreeTimesQuickly) {
    be_active_until(1200ms);
    standby();
    run_until(2500ms);
    EXPECT_THAT(sent(),
                ElementsAre(release(1200ms, 42), release(1250ms, 42), release(1300ms, 42), hello(2200ms)));
}

TEST_F(RelaySessionSplit, AnAcknowledgedReleaseIsNotRepeated) {
    be_active_until(1200ms);
    standby();
    run_until(1220ms);
    relay_answers(owned_by(kOther, 41));
    run_until(2500ms);
    EXPECT_THAT(sent(), ElementsAre(release(1200ms, 42), hello(2200ms)));
    EXPECT_THAT(events(), ElementsAre(OwnerLearned{owned_by(kOther, 41)}));
}

TEST_F(RelaySessionSplit, ABackupThatWasNotActiveHasNothingToRelease) {
    start();
    standby();
    lans({{kLan, ClaimState::unfit, 200}});
    sent();
    standby();  // the LAN is back
    run_until(500ms);
    EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(RelaySessionSplit, AReleaseEndsWithTheTunnel) {
    be_active_until(1200ms);
    record(session_.stop(now()));
    standby();
    sent();
    start();
    EXPECT_THAT(sent(), ElementsAre(hello(1200ms))) << "the goodbye has said it";
}

TEST_F(RelaySessionSplit, ActiveAgainBeforeTheReleaseWasAnswered) {
    be_active_until(1200ms);
    standby();
    run_until(1220ms);
    active();
    run_until(1290ms);
    EXPECT_THAT(sent(), ElementsAre(release(1200ms, 42), claim(1220ms, 43), claim(1270ms, 43)));
}

// A clean stop: the claim must hold until the relay has the other router's.
TEST_F(RelaySessionSplit, WhoLeavesIsSilentAndSeesTheOtherTakeOver) {
    be_active_until(1200ms);
    lans({{kLan, ClaimState::leaving, 200}});
    run_until(2500ms);
    EXPECT_THAT(sent(), ElementsAre(hello(2000ms)));
    EXPECT_EQ(session_.owner(kLan)->router, kUs);
    told_unasked(owned_by(kOther, 43));
    EXPECT_EQ(session_.owner(kLan)->router, kOther);
    EXPECT_THAT(events(), ElementsAre(OwnerLearned{owned_by(kOther, 43)}));
}

TEST_F(RelaySessionSplit, V50_ThePrefixThatComesBackIsToldOnce) {
    be_active_until(2s);
    run_answered(5s, owned_by(kOther, 43));
    events();
    told_unasked(owned_by(kUs, 42));
    EXPECT_THAT(events(), ElementsAre(OwnerLearned{owned_by(kUs, 42)}, regained()));
    run_answered(8s, owned_by(kUs, 42));
    EXPECT_THAT(events(), IsEmpty());
}

TEST_F(RelaySessionSplit, V50_TheAnswerToTheNextClaimSaysItToo) {
    be_active_until(2s);
    run_answered(5s, owned_by(kOther, 43));
    events();
    run_answered(8s, owned_by(kUs, 42));  // what was sent unasked was lost
    EXPECT_THAT(events(), ElementsAre(OwnerLearned{owned_by(kUs, 42)}, regained()));
}

TEST_F(RelaySessionSplit, V50_AClaimBesideOursThatEndsIsTold) {
    be_active_until(5s);
    told_unasked(owned_by(kUs, 42));  // no other owner than before
    EXPECT_THAT(events(), ElementsAre(regained()));
}

TEST_F(RelaySessionSplit, WhoHasJustBecomeActiveTellsTheHostsAnyway) {
    start();
    active();
    relay_answers(owned_by(kUs, 42));
    told_unasked(owned_by(kUs, 42));
    run_until(999ms);
    told_unasked(owned_by(kUs, 42));
    EXPECT_THAT(events(), Not(Contains(regained())));
    run_until(1s);
    told_unasked(owned_by(kUs, 42));
    EXPECT_THAT(events(), ElementsAre(regained()));
}

TEST_F(RelaySessionSplit, ABackupToWhichThePrefixFallsHasNothingToTell) {
    start();
    standby();
    run_until(5s);
    told_unasked(owned_by(kUs, 42));
    EXPECT_THAT(events(), ElementsAre(OwnerLearned{owned_by(kUs, 42)}));
}

}  // namespace
}  // namespace ulagate::wg::control::relay_session_split_test
