// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/log_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::log_limit_test {
namespace {

using namespace std::chrono_literals;
using log::kind_of_line;
using log::Limit;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Limit::TimePoint kStart{1h};
constexpr int kError = 3;
constexpr int kInfo = 6;

std::string text_of(const std::optional<Limit::Line>& line) { return line ? line->text : "-"; }

TEST(LogLimit, F08_AFloodIsABurstAndThenALineNowAndThenWithTheCount) {
    Limit limit;
    unsigned written = 0;
    for (unsigned i = 0; i < 15'000; ++i)
        written += limit.admit(kInfo, "lan0", "{} differs", "x", kStart) ? 1 : 0;
    EXPECT_EQ(written, Limit::kBurst);
    EXPECT_EQ(text_of(limit.admit(kInfo, "lan0", "{} differs", "y", kStart + Limit::kEvery)),
              "y (and 14,970 more like this)");
    EXPECT_EQ(text_of(limit.admit(kInfo, "lan0", "{} differs", "z", kStart + Limit::kEvery)), "-");
}

TEST(LogLimit, F08_WhatGoesToAndFroSharesAFewLines) {
    Limit limit;
    unsigned lines = 0;
    std::string last;
    for (auto at = 0ms; at < 60s; at += 250ms) {
        const bool up = at % 500ms == 0ms;
        const auto line =
            limit.admit_state(up ? kInfo : kInfo - 1, "r1", "tunnel", up ? "up" : "down", kStart + at);
        lines += line ? 1 : 0;
        if (at % 1s == 0ms) lines += static_cast<unsigned>(limit.due(kStart + at).size());
    }
    EXPECT_EQ(lines, Limit::kBurstOfStates + 2);
    EXPECT_TRUE(limit.admit_state(kInfo, "r2", "tunnel", "up", kStart + 1min)) << "another place";
    const auto told = limit.due(kStart + 2min);
    ASSERT_EQ(told.size(), 1U) << "what holds now";
    EXPECT_THAT(told[0].text, ::testing::HasSubstr("down (and "));
}

TEST(LogLimit, F08_AMinuteOfAFloodIsBounded) {
    Limit limit;
    unsigned lines = 0;
    for (auto at = 0ms; at < 60s; at += 1ms) {
        lines += limit.admit(kInfo, "lan0", "{} differs", "x", kStart + at) ? 1 : 0;
        if (at % 1s == 0ms) lines += static_cast<unsigned>(limit.due(kStart + at).size());
    }
    EXPECT_EQ(lines, Limit::kBurst + 2);
}

TEST(LogLimit, F08_AfterTheFloodTheLastLineIsToldOnce) {
    Limit limit;
    for (unsigned i = 0; i < Limit::kBurst; ++i) limit.admit(kInfo, "a", "{} owns", "1 owns", kStart);
    limit.admit(kInfo, "a", "{} owns", "2 owns", kStart);
    limit.admit(kInfo, "a", "{} owns", "1 owns", kStart);
    limit.admit(kInfo, "a", "{} owns", "2 owns", kStart);
    EXPECT_THAT(limit.due(kStart + Limit::kEvery - 1ms), IsEmpty());
    EXPECT_THAT(limit.due(kStart + Limit::kEvery),
                ElementsAre(Limit::Line{kInfo, "a", "2 owns (and 2 more like this)"}));
    EXPECT_THAT(limit.due(kStart + 1h), IsEmpty());
    EXPECT_THAT(limit.rest(), IsEmpty());
}

TEST(LogLimit, F08_OneLeftOutIsItself) {
    Limit limit;
    for (unsigned i = 0; i < Limit::kBurst + 1; ++i) limit.admit(kInfo, "a", "k", "text", kStart);
    EXPECT_THAT(limit.rest(), ElementsAre(Limit::Line{kInfo, "a", "text"}));
    EXPECT_THAT(limit.rest(), IsEmpty());
}

TEST(LogLimit, F08_PlacesKindsAndLevelsDoNotShare) {
    Limit limit;
    for (unsigned i = 0; i < 2 * Limit::kBurst; ++i) limit.admit(kInfo, "lan0", "a", "a", kStart);
    EXPECT_TRUE(limit.admit(kInfo, "lan1", "a", "a", kStart));
    EXPECT_TRUE(limit.admit(kInfo, "lan0", "b", "b", kStart));
    EXPECT_TRUE(limit.admit(5, "lan0", "a", "a", kStart));
}

TEST(LogLimit, F08_AnErrorThatWasNotMetBeforeIsWritten) {
    Limit limit;
    for (unsigned i = 0; i < 2 * Limit::kBurst; ++i) limit.admit(kError, "kernel", "k", "the same", kStart);
    EXPECT_EQ(text_of(limit.admit(kError, "kernel", "k", "the same", kStart)), "-");
    EXPECT_EQ(text_of(limit.admit(kError, "kernel", "k", "another", kStart)),
              "another (and 31 more like this)");
    EXPECT_EQ(text_of(limit.admit(kError, "kernel", "k", "another", kStart)), "-");
}

TEST(LogLimit, F08_ErrorsThatAreAllNewAreBoundedToo) {
    Limit limit;
    unsigned written = 0;
    for (unsigned i = 0; i < 20'000; ++i) {
        written += limit.admit(kError, "kernel", "k", std::to_string(i), kStart) ? 1 : 0;
    }
    EXPECT_EQ(written, Limit::kBurstOfErrors);
}

TEST(LogLimit, F08_EverNewKindsShareWhatIsLeft) {
    Limit limit;
    unsigned written = 0;
    for (unsigned i = 0; i < 20'000; ++i) {
        written += limit.admit(kInfo, "x", "kind" + std::to_string(i), "x", kStart) ? 1 : 0;
    }
    EXPECT_EQ(written, Limit::kMostKinds + Limit::kBurst);
    // An hour of silence, and the table has room again.
    EXPECT_TRUE(limit.admit(kInfo, "x", "another", "x", kStart + 1h));
}

TEST(LogLimit, F08_AllKindsTogetherAreBounded) {
    Limit limit;
    unsigned written = 0;
    for (unsigned i = 0; i < 200'000; ++i) {
        written += limit.admit(kInfo, "x", "kind" + std::to_string(i % 200), "x", kStart) ? 1 : 0;
    }
    EXPECT_EQ(written, Limit::kBurstOfAll);
}

TEST(LogLimit, TheKindOfALine) {
    EXPECT_EQ(kind_of_line("tunnel up, endpoint {}", "tunnel up, endpoint x"), "tunnel up, endpoint {}");
    EXPECT_EQ(kind_of_line("{}", "add route fd12::/48 dev ulg-r1"), "add route");
    EXPECT_EQ(kind_of_line("{}, continuing", "word"), "word");
    EXPECT_EQ(kind_of_line("{}", "two words"), "two words");
}

}  // namespace
}  // namespace ulagate::log_limit_test
