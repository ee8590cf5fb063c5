// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/wg/control/path_choice_story.h"

// Which relay carries what has no reason to take another path.
namespace ulagate::wg::control::path_choice_default_test {
namespace {

TEST_F(PathChoiceStory, TheFirstOfTheConfigurationAnsweredFirstAndDies) {
    decide();
    lives(1);
    lives(2);
    EXPECT_EQ(by_default(), "r1");
    EXPECT_EQ(choice_.default_path().why, "");
    dies(1);
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(choice_.default_path().why, "r1 does not answer");
}

TEST_F(PathChoiceStory, F03_ARelayThatForwardsNothingIsLeftForOneThatDoes) {
    decide();
    lives(1);
    lives(2);
    relay(1).forwards = false;
    decide();
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(choice_.default_path().why, "r1 does not forward");
}

TEST_F(PathChoiceStory, F03_WhileNoOtherRelayWorksItsWordChangesNothing) {
    decide();
    lives(1);
    relay(1).forwards = false;
    decide();
    EXPECT_EQ(by_default(), "r1");
    relay(2).forwards = false;
    lives(2);
    decide();
    EXPECT_EQ(by_default(), "r1");
}

TEST_F(PathChoiceStory, WhatCarriedBeforeARestartIsGivenASecondToAnswer) {
    choice_.adopt("r2", kStart);
    lives(1);
    run_until(900ms);
    EXPECT_EQ(by_default(), "r2");
    lives(2);
    run_until(20s);
    EXPECT_EQ(by_default(), "r2");
}

TEST_F(PathChoiceStory, WhatCarriedBeforeARestartAndDoesNotAnswerIsLeftAfterASecond) {
    choice_.adopt("r2", kStart);
    lives(1);
    run_until(999ms);
    EXPECT_EQ(by_default(), "r2");
    run_until(1s);
    EXPECT_EQ(by_default(), "r1");
    EXPECT_EQ(choice_.default_path().why, "the first that answered");
}

TEST_F(PathChoiceStory, WhatCarriedBeforeARestartAnswersAndDiesWithinTheSecond) {
    choice_.adopt("r2", kStart);
    lives(1);
    lives(2);
    dies(2);
    EXPECT_EQ(by_default(), "r1");
}

TEST_F(PathChoiceStory, WhileNoneAnswersItIsTheFirstOfTheConfiguration) {
    decide();
    EXPECT_EQ(by_default(), "r1");
    EXPECT_EQ(choice_.default_path().why, "");
    EXPECT_FALSE(choice_.deadline());
    lives(2);
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(choice_.default_path().why, "the first that answered");
}

TEST_F(PathChoiceStory, ADeadRelayIsLeftAtOnceForTheBestThatLives) {
    lives(1, 20ms);
    lives(2, 80ms);
    lives(3, 40ms);
    run_until(15s);
    dies(1);
    EXPECT_EQ(by_default(), "r3");
    EXPECT_EQ(choice_.default_path().why, "r1 does not answer");
    EXPECT_EQ(since(kB), 15s);
    dies(3);
    EXPECT_EQ(by_default(), "r2");
    dies(2);
    EXPECT_EQ(by_default(), "r2") << "nowhere to go";
}

TEST_F(PathChoiceStory, WhatIsAboutEquallyFastGoesByTheConfiguration) {
    lives(1, 20ms);
    lives(2, 29ms);
    lives(3, 21ms);
    run_until(15s);
    dies(1);
    EXPECT_EQ(by_default(), "r2") << "8 ms are no difference";
}

TEST_F(PathChoiceStory, ARelayWithoutARoundTripGoesByTheConfiguration) {
    lives(1, 20ms);
    lives(2, std::nullopt);
    lives(3, 5ms);
    run_until(15s);
    dies(1);
    EXPECT_EQ(by_default(), "r2");
}

TEST_F(PathChoiceStory, AFasterOneHasToBeSoForTenSecondsAndThirtyAfterTheLastChange) {
    lives(1, 50ms);
    lives(2, 50ms);
    run_until(60s);
    lives(2, 39ms);
    run_until(69'999ms);
    EXPECT_EQ(by_default(), "r1");
    run_until(70s);
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(choice_.default_path().why, "39 ms instead of 50 ms over r1");
    lives(1, 10ms);
    run_until(99'999ms);
    EXPECT_EQ(by_default(), "r2") << "10 s are over, 30 s are not";
    run_until(100s);
    EXPECT_EQ(by_default(), "r1");
}

TEST_F(PathChoiceStory, ALittleFasterIsNotFaster) {
    lives(1, 25ms);
    lives(2, 16ms);  // 36 %, and less than 10 ms
    run_until(100s);
    EXPECT_EQ(by_default(), "r1");
    lives(1, 200ms);
    lives(2, 165ms);  // 35 ms, and less than 20 %
    run_until(200s);
    EXPECT_EQ(by_default(), "r1");
    lives(2, 160ms);
    run_until(300s);
    EXPECT_EQ(by_default(), "r2");
}

TEST_F(PathChoiceStory, TenSecondsBeginAnewWhenItWasSlowerInBetween) {
    lives(1, 50ms);
    lives(2, 20ms);
    run_until(9s);
    lives(2, 45ms);
    run_until(31s);
    lives(2, 20ms);
    run_until(40'999ms);
    EXPECT_EQ(by_default(), "r1");
    run_until(41s);
    EXPECT_EQ(by_default(), "r2");
}

TEST_F(PathChoiceStory, ARelayThatCameBackIsNotPreferredForTenSeconds) {
    lives(1);
    lives(2);
    lives(3);
    run_until(20s);
    dies(1);
    EXPECT_EQ(by_default(), "r2");
    run_until(30s);
    lives(1);
    run_until(35s);
    dies(2);
    EXPECT_EQ(by_default(), "r3") << "r1 lives for 5 s only";
    dies(3);
    EXPECT_EQ(by_default(), "r1") << "but better than nothing";
}

TEST_F(PathChoiceStory, ARelayThatComesBackAsGoodAsTheOtherIsNotReturnedTo) {
    lives(1);
    lives(2);
    run_until(20s);
    dies(1);
    lives(1);
    run_until(1000s);
    EXPECT_EQ(by_default(), "r2");
}

TEST_F(PathChoiceStory, PlainRelaysGoByTheConfigurationWithTheSamePatience) {
    lives(1, std::nullopt);
    lives(2, std::nullopt);
    run_until(20s);
    dies(1);
    EXPECT_EQ(by_default(), "r2");
    run_until(21s);
    lives(1, std::nullopt);
    run_until(49'999ms);
    EXPECT_EQ(by_default(), "r2");
    run_until(50s);
    EXPECT_EQ(by_default(), "r1");
    EXPECT_EQ(choice_.default_path().why, "before r2 in the configuration");
}

TEST_F(PathChoiceStory, ARelayThatLeavesTheConfigurationIsLeft) {
    lives(1);
    lives(2);
    input_.relays.erase(input_.relays.begin());
    decide();
    EXPECT_EQ(by_default(), "r2");
    EXPECT_EQ(choice_.default_path().why, "r1 was removed from the configuration");
    input_.relays.clear();
    decide();
    EXPECT_EQ(by_default(), "");
}

}  // namespace
}  // namespace ulagate::wg::control::path_choice_default_test
