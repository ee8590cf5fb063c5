// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/token_bucket.h"

#include <gtest/gtest.h>

namespace ulagate::token_bucket_test {
namespace {

using namespace std::chrono_literals;

const Budget::TimePoint kStart{1000h};

TEST(TokenBucket, ABurstAtOnceAndThenOneEachSpacing) {
    const RateLimit limit{1s, 3};
    TokenBucket bucket;
    EXPECT_TRUE(bucket.full(kStart));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(kStart, limit));
    EXPECT_FALSE(bucket.take(kStart, limit));
    EXPECT_EQ(bucket.ready_at(limit), kStart + 1s);
    EXPECT_FALSE(bucket.take(kStart + 999ms, limit));
    EXPECT_TRUE(bucket.take(kStart + 1s, limit));
    EXPECT_FALSE(bucket.take(kStart + 1s, limit));
    EXPECT_FALSE(bucket.full(kStart + 3s));
    EXPECT_TRUE(bucket.full(kStart + 4s));
}

TEST(TokenBucket, HoweverLongItWasQuietABurstIsABurst) {
    const RateLimit limit{1ms, 5};
    TokenBucket bucket;
    for (const auto later : {0h, 24h, 24h * 365}) {
        int taken = 0;
        while (bucket.take(kStart + later, limit)) ++taken;
        EXPECT_EQ(taken, 5);
    }
}

TEST(TokenBucket, WhatIsRefusedCostsNothing) {
    Budget budget{2, 1s};
    EXPECT_TRUE(budget.take(2, kStart));
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(budget.take(1, kStart + 500ms));
    EXPECT_TRUE(budget.take(1, kStart + 1s));
}

TEST(TokenBucket, ACostAboveTheBurstIsTheWholeBurst) {
    Budget budget{4, 1s};
    EXPECT_TRUE(budget.has(100, kStart));
    EXPECT_TRUE(budget.take(100, kStart));
    EXPECT_FALSE(budget.has(1, kStart));
    EXPECT_EQ(budget.ready_at(1), kStart + 1s);
    EXPECT_EQ(budget.ready_at(4), kStart + 4s);
    EXPECT_EQ(budget.ready_at(100), kStart + 4s);
    EXPECT_FALSE(budget.take(100, kStart + 3s));
    EXPECT_TRUE(budget.take(100, kStart + 4s));
}

}  // namespace
}  // namespace ulagate::token_bucket_test
