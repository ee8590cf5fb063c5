// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/wg/control/path_choice_story.h"

// Sites that take another path than the rest.
namespace ulagate::wg::control::path_choice_site_test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class PathChoiceSites : public PathChoiceStory {
protected:
    PathChoiceSites() {
        for (const int number : {1, 2, 3}) lives(number);
        run_until(100s);
    }
};

TEST_F(PathChoiceSites, ASiteWithoutAnAnswerMovesAloneAndAtOnce) {
    end_to_end(kB, 1, false);
    EXPECT_EQ(on(kB), "r2");
    EXPECT_EQ(why(kB), "no answer over r1");
    EXPECT_EQ(since(kB), 100s);
    EXPECT_EQ(on(kC), "r1");
    EXPECT_THAT(choice_.exceptions(), SizeIs(1));
}

TEST_F(PathChoiceSites, ItGoesWhereItIsKnownToAnswer) {
    end_to_end(kB, 3, true);
    end_to_end(kB, 1, false);
    EXPECT_EQ(on(kB), "r3");
    end_to_end(kB, 3, false);
    EXPECT_EQ(on(kB), "r2");
}

TEST_F(PathChoiceSites, ASiteThatIsNotConnectedToTheDefaultMovesAfterTwoSeconds) {
    for (const int number : {1, 2, 3}) lists(number, {kOwn, kB, kC});
    run_until(110s);
    lists(1, {kOwn, kC});
    lists(2, {kOwn, kC});
    run_until(111'999ms);
    EXPECT_EQ(on(kB), "r1");
    run_until(112s);
    EXPECT_EQ(on(kB), "r3") << "r2 does not have it either";
    EXPECT_EQ(why(kB), "not connected to r1");
    EXPECT_EQ(on(kC), "r1");
}

TEST_F(PathChoiceSites, ASiteThatComesOrGoesIsInOneListBeforeTheOtherAndDoesNotMove) {
    for (const int number : {1, 2, 3}) lists(number, {kOwn, kC});
    lists(2, {kOwn, kB, kC});
    run_until(101'900ms);
    lists(1, {kOwn, kB, kC});
    run_until(200s);
    lists(1, {kOwn, kC});
    run_until(201'900ms);
    lists(2, {kOwn, kC});
    run_until(300s);
    EXPECT_THAT(choice_.exceptions(), IsEmpty());
    EXPECT_EQ(since(kB), 0s);
}

TEST_F(PathChoiceSites, ARelayThatDoesNotSayMayHaveTheSite) {
    lists(1, {kOwn});
    end_to_end(kB, 1, false);
    EXPECT_EQ(on(kB), "r2");
    lists(3, {kOwn, kB});
    end_to_end(kB, 2, false);
    EXPECT_EQ(on(kB), "r3");
}

TEST_F(PathChoiceSites, OurOwnSiteIsNoRemoteOne) {
    lists(2, {kOwn, kB});
    lists(1, {kB});
    run_until(200s);
    EXPECT_THAT(choice_.exceptions(), IsEmpty());
}

TEST_F(PathChoiceSites, WhenAllAreDeadItStaysWithTheDefaultAndNothingFlaps) {
    end_to_end(kB, 2, false);
    end_to_end(kB, 3, false);
    end_to_end(kB, 1, false);
    EXPECT_EQ(on(kB), "r1");
    EXPECT_THAT(choice_.exceptions(), IsEmpty());
    run_until(1000s);
    EXPECT_THAT(choice_.exceptions(), IsEmpty());
    end_to_end(kB, 3, true);
    EXPECT_EQ(on(kB), "r3") << "the first that works again";
    end_to_end(kB, 3, false);
    EXPECT_EQ(on(kB), "r1") << "back to the default, as dead as the others";
}

TEST_F(PathChoiceSites, ItReturnsWhenTheDefaultWasGoodForTenSeconds) {
    end_to_end(kB, 1, false);
    run_until(120s);
    end_to_end(kB, 1, true);
    run_until(125s);
    end_to_end(kB, 1, false);
    run_until(126s);
    end_to_end(kB, 1, true);
    run_until(135'999ms);
    EXPECT_EQ(on(kB), "r2");
    run_until(136s);
    EXPECT_EQ(on(kB), "r1");
}

TEST_F(PathChoiceSites, TheWaitDoublesUpToFiveMinutesWhenItFailsAgainSoon) {
    for (const auto expected : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
        end_to_end(kB, 1, false);
        ASSERT_EQ(on(kB), "r2");
        end_to_end(kB, 1, true);
        const Duration begin = at_;
        run_until(begin + expected - 1ms);
        EXPECT_EQ(on(kB), "r2") << expected.count();
        run_until(begin + expected);
        EXPECT_EQ(on(kB), "r1") << expected.count();
        run_until(at_ + 5s);
    }
    run_until(at_ + 2min);
    end_to_end(kB, 1, false);
    end_to_end(kB, 1, true);
    run_until(at_ + 10s);
    EXPECT_EQ(on(kB), "r1") << "two good minutes are forgiven";
}

TEST_F(PathChoiceSites, WithoutTrafficItReturnsWhenTheListSaysSo) {
    end_to_end(kB, 1, false);
    EXPECT_EQ(on(kB), "r2");
    end_to_end(kB, 1, std::nullopt);  // idle: no probes
    run_until(109'999ms);
    EXPECT_EQ(on(kB), "r2");
    run_until(110s);
    EXPECT_EQ(on(kB), "r1");
}

TEST_F(PathChoiceSites, TheRelayOfAnExceptionDies) {
    end_to_end(kB, 1, false);
    EXPECT_EQ(on(kB), "r2");
    dies(2);
    EXPECT_EQ(on(kB), "r3");
    EXPECT_EQ(why(kB), "r2 does not answer");
    end_to_end(kB, 1, true);
    dies(3);
    EXPECT_EQ(on(kB), "r1") << "at once: it is good, and nothing else is";
}

TEST_F(PathChoiceSites, WhenTheDefaultGoesWhereItIsTheExceptionEnds) {
    end_to_end(kB, 1, false);
    EXPECT_EQ(on(kB), "r2");
    dies(1);
    EXPECT_EQ(by_default(), "r2");
    EXPECT_THAT(choice_.exceptions(), IsEmpty());
}

TEST_F(PathChoiceSites, ADeadDefaultIsNoReasonToMoveWhoIsElsewhere) {
    end_to_end(kB, 2, false);
    end_to_end(kB, 1, false);
    EXPECT_EQ(on(kB), "r3");
    dies(1);
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(on(kB), "r3");
    EXPECT_EQ(since(kB), 100s);
}

TEST_F(PathChoiceSites, AFasterDefaultLeavesBehindWhoItDoesNotReach) {
    end_to_end(kB, 2, false);
    lists(2, {kOwn, kB});
    lists(1, {kOwn, kB, kC});
    lives(1, 200ms);
    lives(3, 200ms);
    run_until(110s);
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(on(kB), "r1");
    EXPECT_EQ(why(kB), "no answer over r2");
    EXPECT_EQ(on(kC), "r1");
    EXPECT_EQ(why(kC), "not connected to r2");
    lists(2, {kOwn, kB, kC});
    run_until(120s);
    EXPECT_EQ(on(kC), "r2");
}

TEST_F(PathChoiceSites, WhoHasJustMovedIsNotMovedAgainByAFasterDefault) {
    lives(2, 5ms);
    lives(1, 50ms);
    run_until(105s);
    end_to_end(kB, 1, false);
    end_to_end(kB, 1, true);
    run_until(108s);
    end_to_end(kB, 2, false);  // its path back is a death: to the default
    EXPECT_EQ(on(kB), "r1");
    end_to_end(kB, 2, true);
    run_until(110s);
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(on(kB), "r1");
    EXPECT_EQ(why(kB), "it has just moved");
    run_until(120s);
    EXPECT_EQ(on(kB), "r2");
}

TEST_F(PathChoiceSites, WhoHasJustMovedStaysWhenTheDefaultFollowsIt) {
    lives(2, 5ms);
    lives(1, 50ms);
    run_until(109s);
    end_to_end(kB, 1, false);
    EXPECT_EQ(on(kB), "r2");
    end_to_end(kB, 1, true);
    run_until(110s);
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(on(kB), "r2") << "not back to where it comes from";
    EXPECT_THAT(choice_.exceptions(), IsEmpty());
}

}  // namespace
}  // namespace ulagate::wg::control::path_choice_site_test
