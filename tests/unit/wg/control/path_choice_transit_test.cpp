// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/wg/control/path_choice_story.h"

// Sites that a relay does not have itself but passes on to another relay.
namespace ulagate::wg::control::path_choice_transit_test {
namespace {

using ::testing::IsEmpty;

class PathChoiceTransit : public PathChoiceStory {
protected:
    PathChoiceTransit() {
        for (const int number : {1, 2, 3}) lives(number);
        run_until(100s);
    }
};

TEST_F(PathChoiceTransit, TheOnlyPathIsNoReasonToMove) {
    dies(2);
    dies(3);
    lists(1, {kOwn}, {kB});
    lists(2, {kOwn, kB});
    run_until(300s);
    EXPECT_EQ(on(kB), "r1");
    EXPECT_THAT(choice_.exceptions(), IsEmpty());
}

TEST_F(PathChoiceTransit, WhoIsNotConnectedToTheDefaultGoesWhereItIsAndElseInTransit) {
    lists(1, {kOwn});
    lists(2, {kOwn}, {kB});
    lists(3, {kOwn, kB});
    run_until(102s);
    EXPECT_EQ(on(kB), "r3");
    dies(3);
    EXPECT_EQ(on(kB), "r2");
    EXPECT_EQ(why(kB), "r3 does not answer");
}

TEST_F(PathChoiceTransit, ATransitThatIsNotNeededForTenSecondsIsLeft) {
    lists(1, {kOwn}, {kB});
    lists(2, {kOwn});
    lists(3, {kOwn, kB});
    run_until(109'999ms);
    EXPECT_EQ(on(kB), "r1");
    run_until(110s);
    EXPECT_EQ(on(kB), "r3");
    EXPECT_EQ(why(kB), "only in transit over r1");
    run_until(300s);
    EXPECT_EQ(since(kB), 110s) << "and it stays there";
    lists(1, {kOwn, kB});
    run_until(310s);
    EXPECT_EQ(on(kB), "r1");
    EXPECT_THAT(choice_.exceptions(), IsEmpty());
}

TEST_F(PathChoiceTransit, NotForARelayThatHasJustComeBack) {
    dies(3);
    lists(1, {kOwn}, {kB});
    lists(2, {kOwn});
    lists(3, {kOwn, kB});
    run_until(200s);
    lives(3);
    run_until(209'999ms);
    EXPECT_EQ(on(kB), "r1");
    run_until(210s);
    EXPECT_EQ(on(kB), "r3");
}

TEST_F(PathChoiceTransit, NotForARelayOverWhichTheSiteDoesNotAnswer) {
    end_to_end(kB, 3, false);
    lists(1, {kOwn}, {kB});
    lists(3, {kOwn, kB});
    run_until(200s);
    EXPECT_EQ(on(kB), "r1");
    end_to_end(kB, 3, true);
    EXPECT_EQ(on(kB), "r3");
}

TEST_F(PathChoiceTransit, ItComesAndGoesMoreSlowlyEachTime) {
    lists(1, {kOwn}, {kB});
    lists(2, {kOwn});
    lists(3, {kOwn, kB});
    run_until(110s);
    ASSERT_EQ(on(kB), "r3");
    end_to_end(kB, 3, false);
    EXPECT_EQ(on(kB), "r1");
    end_to_end(kB, 3, true);
    run_until(119'999ms);
    EXPECT_EQ(on(kB), "r1");
    run_until(120s);
    ASSERT_EQ(on(kB), "r3");
    end_to_end(kB, 3, false);
    EXPECT_EQ(on(kB), "r1");
    end_to_end(kB, 3, true);
    run_until(139'999ms);
    EXPECT_EQ(on(kB), "r1");
    run_until(140s);
    EXPECT_EQ(on(kB), "r3");
}

TEST_F(PathChoiceTransit, WhenTheDefaultMovesWhoWouldBeInTransitThereStays) {
    lists(1, {kOwn, kB, kC});
    lists(2, {kOwn, kC}, {kB});
    run_until(200s);
    relay(2).round_trip = 5ms;
    relay(1).round_trip = 50ms;
    relay(3).round_trip = 50ms;
    decide();
    run_until(211s);
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(on(kC), "r2");
    EXPECT_EQ(on(kB), "r1");
}

}  // namespace
}  // namespace ulagate::wg::control::path_choice_transit_test
