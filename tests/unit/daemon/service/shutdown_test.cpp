// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/shutdown.h"

#include <gtest/gtest.h>

#include "daemon/service/hand_over.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr Shutdown::TimePoint kStart{1000s};
constexpr Shutdown::Left kNothing{};

TEST(Shutdown, ADaemonThatRunsHasNothingToEnd) {
    Shutdown shutdown;
    EXPECT_FALSE(shutdown.leaving());
    EXPECT_FALSE(shutdown.stopping());
    EXPECT_FALSE(shutdown.deadline(kStart));
    EXPECT_FALSE(shutdown.take_down({true, true}, kStart)) << "nobody has asked for it";
    EXPECT_FALSE(shutdown.done(false, kStart));
}

TEST(Shutdown, AnActiveRouterForwardsUntilItsSuccessorHasTheSite) {
    Shutdown shutdown;
    EXPECT_TRUE(shutdown.hand_over(hand_over_limit(100ms), true, kStart));
    EXPECT_TRUE(shutdown.leaving());
    EXPECT_TRUE(shutdown.forwards_for_successor());
    EXPECT_EQ(shutdown.deadline(kStart), kStart + 20ms);
    EXPECT_FALSE(shutdown.take_down(kNothing, kStart + 500ms));
    EXPECT_FALSE(shutdown.take_down({false, true}, kStart + 500ms))
        << "silence is what withdrawing waits for";
    EXPECT_TRUE(shutdown.take_down({true, false}, kStart + 520ms));
    EXPECT_TRUE(shutdown.stopping());
    EXPECT_FALSE(shutdown.take_down({true, false}, kStart + 540ms)) << "once";
}

TEST(Shutdown, WithoutASuccessorAHandOverEndsAtItsLimit) {
    Shutdown shutdown;
    shutdown.hand_over(hand_over_limit(100ms), true, kStart);
    EXPECT_FALSE(shutdown.take_down(kNothing, kStart + 2099ms));
    EXPECT_TRUE(shutdown.take_down(kNothing, kStart + 2100ms));
}

TEST(Shutdown, ABackupHasNothingToHandOver) {
    Shutdown shutdown;
    EXPECT_TRUE(shutdown.hand_over(0ms, false, kStart));
    EXPECT_FALSE(shutdown.forwards_for_successor());
    EXPECT_TRUE(shutdown.take_down(kNothing, kStart));
}

TEST(Shutdown, ARelayWaitsForItsGoodbyeToArrive) {
    Shutdown shutdown;
    shutdown.hand_over(Shutdown::kFarewell, false, kStart);
    EXPECT_FALSE(shutdown.take_down(kNothing, kStart + 499ms));
    EXPECT_TRUE(shutdown.take_down(kNothing, kStart + 500ms));
}

TEST(Shutdown, ASecondSignalChangesNothing) {
    Shutdown shutdown;
    EXPECT_TRUE(shutdown.hand_over(2s, true, kStart));
    EXPECT_FALSE(shutdown.hand_over(8s, false, kStart + 1s));
    EXPECT_TRUE(shutdown.forwards_for_successor());
    EXPECT_TRUE(shutdown.take_down(kNothing, kStart + 2s));
    EXPECT_FALSE(shutdown.hand_over(8s, true, kStart + 3s)) << "nor while it takes down";
}

TEST(Shutdown, AWithdrawalWaitsForAllHostsToBeToldButNotForEver) {
    Shutdown shutdown;
    EXPECT_TRUE(shutdown.withdraw(kStart));
    EXPECT_FALSE(shutdown.withdraw(kStart + 1s));
    EXPECT_EQ(shutdown.deadline(kStart), kStart + 50ms);
    EXPECT_FALSE(shutdown.take_down({true, false}, kStart + 1s)) << "there is nobody to hand over to";
    EXPECT_FALSE(shutdown.take_down(kNothing, kStart + 59s));
    EXPECT_TRUE(shutdown.take_down(kNothing, kStart + 60s));
}

TEST(Shutdown, ASignalDuringAWithdrawalEndsItSooner) {
    Shutdown shutdown;
    shutdown.withdraw(kStart);
    EXPECT_TRUE(shutdown.hand_over(2s, true, kStart + 1s));
    EXPECT_EQ(shutdown.deadline(kStart + 1s), kStart + 1020ms) << "the shorter of both";
    EXPECT_FALSE(shutdown.take_down(kNothing, kStart + 2s));
    EXPECT_TRUE(shutdown.take_down(kNothing, kStart + 3s));
    ASSERT_TRUE(shutdown.done(false, kStart + 3s));
    EXPECT_EQ(shutdown.exit_at(), kStart + 3100ms) << "who asked for the withdrawal still gets the answer";
}

TEST(Shutdown, WhatGoesOnInTheBackgroundIsWaitedForFiveSecondsAtMost) {
    Shutdown shutdown;
    shutdown.hand_over(0ms, false, kStart);
    ASSERT_TRUE(shutdown.take_down(kNothing, kStart));
    EXPECT_FALSE(shutdown.done(true, kStart + 4999ms));
    EXPECT_EQ(shutdown.deadline(kStart + 4999ms), kStart + 5019ms);
    EXPECT_TRUE(shutdown.done(true, kStart + 5s));
    EXPECT_EQ(shutdown.exit_at(), kStart + 5s);
    EXPECT_FALSE(shutdown.deadline(kStart + 5s));
    EXPECT_FALSE(shutdown.done(false, kStart + 6s)) << "once";
}

TEST(Shutdown, AWithdrawalThatComesWhileItTakesDownIsStillAnswered) {
    Shutdown shutdown;
    shutdown.hand_over(0ms, false, kStart);
    shutdown.take_down(kNothing, kStart);
    EXPECT_TRUE(shutdown.withdraw(kStart + 1s));
    EXPECT_TRUE(shutdown.done(false, kStart + 1s));
    EXPECT_EQ(shutdown.exit_at(), kStart + 1100ms);
}

}  // namespace
}  // namespace ulagate
