// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/send_watch.h"

#include <gtest/gtest.h>

namespace ulagate::send_watch_test {
namespace {

using namespace std::chrono_literals;

const SendWatch::TimePoint kStart{1000s};
const std::string kError = "Operation not permitted";

TEST(SendWatch, F02_ThreeFailuresInARowOverASecondAreMute) {
    SendWatch watch;
    watch.failed(Voice::vrrp, kError, kStart);
    watch.failed(Voice::vrrp, kError, kStart + 500ms);
    watch.failed(Voice::vrrp, kError, kStart + 900ms);
    EXPECT_FALSE(watch.mute()) << "a burst";
    EXPECT_EQ(watch.error(), kError);
    watch.failed(Voice::vrrp, kError, kStart + 1s);
    EXPECT_TRUE(watch.mute());
    EXPECT_EQ(watch.deadline(), kStart + 2s);
}

TEST(SendWatch, F02_OneThatLeavesInBetweenIsEnough) {
    SendWatch watch;
    for (int i = 0; i < 100; ++i) {
        watch.failed(Voice::vrrp, kError, kStart + i * 1s);
        watch.failed(Voice::vrrp, kError, kStart + i * 1s + 100ms);
        watch.sent(Voice::vrrp, kStart + i * 1s + 200ms);
    }
    EXPECT_FALSE(watch.mute());
    EXPECT_EQ(watch.error(), "");
}

TEST(SendWatch, F02_WhatLeavesOfOneKindSaysNothingOfTheOther) {
    SendWatch watch;
    for (int i = 0; i < 4; ++i) {
        watch.failed(Voice::icmpv6, kError, kStart + i * 500ms);
        watch.sent(Voice::vrrp, kStart + i * 500ms);
    }
    EXPECT_TRUE(watch.mute());
    EXPECT_TRUE(watch.fails(Voice::icmpv6));
    EXPECT_FALSE(watch.fails(Voice::vrrp));
}

TEST(SendWatch, F02_ItTriesAgainUntilItLeaves) {
    SendWatch watch;
    auto now = kStart;
    for (int i = 0; i < 3; ++i) watch.failed(Voice::vrrp, kError, now += 1s);
    for (int i = 0; i < 10; ++i) {
        now = watch.deadline().value();
        watch.tried(now);
        watch.failed(Voice::vrrp, kError, now);
        EXPECT_TRUE(watch.mute());
    }
    now = watch.deadline().value();
    watch.tried(now);
    watch.sent(Voice::vrrp, now);
    EXPECT_FALSE(watch.mute());
}

TEST(SendWatch, F02_WhoIsMuteAgainSoonWaitsLonger) {
    SendWatch watch;
    auto now = kStart;
    SendWatch::Duration last{0};
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < 3; ++i) watch.failed(Voice::vrrp, kError, now += 1s);
        const auto wait = watch.deadline().value() - now;
        EXPECT_GE(wait, last);
        EXPECT_LE(wait, 64s);
        last = wait;
        now += wait;
        watch.sent(Voice::vrrp, now);
    }
    EXPECT_EQ(last, 64s);
    now += 1h;
    for (int i = 0; i < 3; ++i) watch.failed(Voice::vrrp, kError, now += 1s);
    EXPECT_EQ(watch.deadline().value() - now, 1s) << "long ago";
}

TEST(SendWatch, F02_AnotherLinkBeginsAnew) {
    SendWatch watch;
    for (int i = 0; i < 3; ++i) watch.failed(Voice::vrrp, kError, kStart + i * 1s);
    watch.forget();
    EXPECT_FALSE(watch.mute());
    EXPECT_EQ(watch.error(), "");
}

}  // namespace
}  // namespace ulagate::send_watch_test
