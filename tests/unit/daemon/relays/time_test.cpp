// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/time.h"

#include <gtest/gtest.h>

namespace ulagate::relay_time_test {
namespace {

using namespace std::chrono_literals;

constexpr RelayTime::Time kNoon{1'795'262'400s};
constexpr RelayTime::TimePoint kStart{1000s};

TEST(RelayTime, F12_GoesOnWithTheClockThatNobodySets) {
    const RelayTime told = RelayTime::of(kNoon, kStart);
    EXPECT_EQ(told.text(), "1795262400 1000\n");
    const auto read = RelayTime::parse(told.text());
    ASSERT_EQ(read, told);
    EXPECT_EQ(read->time(kStart + 90s), kNoon + 90s);
}

TEST(RelayTime, F12_WhatIsCutOffOrNoTimeSaysNothing) {
    const std::string whole = RelayTime::of(kNoon, kStart).text();
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_EQ(RelayTime::parse(whole.substr(0, length)), std::nullopt) << length;
    for (const char* text :
         {"-1 1\n", "1 -1\n", "253402300800 1\n", "1 1\n1", "1  1\n", "a 1\n", "1 99999999999999999999\n"})
        EXPECT_EQ(RelayTime::parse(text), std::nullopt) << text;
}

}  // namespace
}  // namespace ulagate::relay_time_test
