// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/shutdown.h"

#include <gtest/gtest.h>

#include "daemon/service/hand_over.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr Shutdown::TimePoint kSignal{1000s};
constexpr Shutdown::Left kNotLeft{};

TEST(Shutdown, ADaemonThatRunsHasNothingToEnd) {
    Shutdown shutdown;
    EXPECT_FALSE(shutdown.leaving());
    EXPECT_FALSE(shutdown.stopping());
    EXPECT_FALSE(shutdown.deadline(kSignal));
    EXPECT_FALSE(shutdown.take_down({true, true}, kSignal)) << "nobody has asked for it";
    EXPECT_FALSE(shutdown.done(false, kSignal));
}

TEST(Shutdown, AnActiveRouterForwardsUntilItsSuccessorHasTheSite) {
    Shutdown shutdown;
    EXPECT_TRUE(shutdown.hand_over(hand_over_limit(100ms), true, kSignal));
    EXPECT_TRUE(shutdown.leaving());
    EXPECT_TRUE(shutdown.forwards_for_successor());
    EXPECT_EQ(shutdown.deadline(kSignal), kSignal + 20ms);
    EXPECT_FALSE(shutdown.take_down(kNotLeft, kSignal + 500ms));
    EXPECT_FALSE(shutdown.take_down({false, true}, kSignal + 500ms))
        << "silence is what withdrawing waits for";
    EXPECT_TRUE(shutdown.take_down({true, false}, kSignal + 520ms));
    EXPECT_TRUE(shutdown.stopping());
    EXPECT_FALSE(shutdown.take_down({true, false}, kSignal + 540ms)) << "once";
}

TEST(Shutdown, WithoutASuccessorAHandOverEndsAtItsLimit) {
    Shutdown shutdown;
    shutdown.hand_over(hand_over_limit(100ms), true, kSignal);
    EXPECT_FALSE(shutdown.take_down(kNotLeft, kSignal + 2099ms));
    EXPECT_TRUE(shutdown.take_down(kNotLeft, kSignal + 2100ms));
}

TEST(Shutdown, ABackupHasNothingToHandOver) {
    Shutdown shutdown;
    EXPECT_TRUE(shutdown.hand_over(0ms, false, kSignal));
    EXPECT_FALSE(shutdown.forwards_for_successor());
    EXPECT_TRUE(shutdown.take_down(kNotLeft, kSignal));
}

TEST(Shutdown, ARelayWaitsForItsGoodbyeToArrive) {
    Shutdown shutdown;
    shutdown.hand_over(Shutdown::kFarewell, false, kSignal);
    EXPECT_FALSE(shutdown.take_down(kNotLeft, kSignal + 499ms));
    EXPECT_TRUE(shutdown.take_down(kNotLeft, kSignal + 500ms));
}

TEST(Shutdown, ASecondSignalChangesNothing) {
    Shutdown shutdown;
    EXPECT_TRUE(shutdown.hand_over(2s, true, kSignal));
    EXPECT_FALSE(shutdown.hand_over(8s, false, kSignal + 1s));
    EXPECT_TRUE(shutdown.forwards_for_successor());
    EXPECT_TRUE(shutdown.take_down(kNotLeft, kSignal + 2s));
    EXPECT_FALSE(shutdown.hand_over(8s, true, kSignal + 3s)) << "nor while it takes down";
}

TEST(Shutdown, AWithdrawalWaitsForAllHostsToBeToldButNotForEver) {
    Shutdown shutdown;
    EXPECT_TRUE(shutdown.withdraw(kSignal));
    EXPECT_FALSE(shutdown.withdraw(kSignal + 1s));
    EXPECT_EQ(shutdown.deadline(kSignal), kSignal + 50ms);
    EXPECT_FALSE(shutdown.take_down({true, false}, kSignal + 1s)) << "there is nobody to hand over to";
    EXPECT_FALSE(shutdown.take_down(kNotLeft, kSignal + 59s));
    EXPECT_TRUE(shutdown.take_down(kNotLeft, kSignal + 60s));
}

TEST(Shutdown, ASignalDuringAWithdrawalEndsItSooner) {
    Shutdown shutdown;
    shutdown.withdraw(kSignal);
    EXPECT_TRUE(shutdown.hand_over(2s, true, kSignal + 1s));
    EXPECT_EQ(shutdown.deadline(kSignal + 1s), kSignal + 1020ms) << "the shorter of both";
    EXPECT_FALSE(shutdown.take_down(kNotLeft, kSignal + 2s));
    EXPECT_TRUE(shutdown.take_down(kNotLeft, kSignal + 3s));
    ASSERT_TRUE(shutdown.done(false, kSignal + 3s));
    EXPECT_EQ(shutdown.exit_at(), kSignal + 3100ms) << "who asked for the withdrawal still gets the answer";
}

TEST(Shutdown, WhatGoesOnInTheBackgroundIsWaitedForFiveSecondsAtMost) {
    Shutdown shutdown;
    shutdown.hand_over(0ms, false, kSignal);
    ASSERT_TRUE(shutdown.take_down(kNotLeft, kSignal));
    EXPECT_FALSE(shutdown.done(true, kSignal + 4999ms));
    EXPECT_EQ(shutdown.deadline(kSignal + 4999ms), kSignal + 5019ms);
    EXPECT_TRUE(shutdown.done(true, kSignal + 5s));
    EXPECT_EQ(shutdown.exit_at(), kSignal + 5s);
    EXPECT_FALSE(shutdown.deadline(kSignal + 5s));
    EXPECT_FALSE(shutdown.done(false, kSignal + 6s)) << "once";
}

TEST(Shutdown, AWithdrawalThatComesWhileItTakesDownIsStillAnswered) {
    Shutdown shutdown;
    shutdown.hand_over(0ms, false, kSignal);
    shutdown.take_down(kNotLeft, kSignal);
    EXPECT_TRUE(shutdown.withdraw(kSignal + 1s));
    EXPECT_TRUE(shutdown.done(false, kSignal + 1s));
    EXPECT_EQ(shutdown.exit_at(), kSignal + 1100ms);
}

}  // namespace
}  // namespace ulagate
