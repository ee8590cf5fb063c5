// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/hand_over.h"

#include <gtest/gtest.h>

namespace ulagate::hand_over_test {
namespace {

using namespace std::chrono_literals;

// The skew time of RFC 9568 section 6.1 for the lowest priority, and two seconds for the claim.
TEST(HandOver, WaitsForTheSlowestSuccessor) {
    for (const auto interval : {10ms, 100ms, 1000ms, 5000ms})
        EXPECT_GE(hand_over_limit(interval), interval * 255 / 256 + 2s);
    EXPECT_EQ(hand_over_limit(0ms), 2s);
}

TEST(HandOver, EndsBeforeWhoeverStopsUsKillsUs) { EXPECT_LE(hand_over_limit(40950ms), 8s); }

}  // namespace
}  // namespace ulagate::hand_over_test
