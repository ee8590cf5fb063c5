// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::problems_test {
namespace {

using namespace std::chrono_literals;

const Problems::TimePoint kStart{1000h};
const Error kBusy{std::make_error_code(std::errc::device_or_resource_busy), "put address"};
const Error kGone{std::make_error_code(std::errc::no_such_device), "put address"};

TEST(Problems, AreTriedAgainAfterTwiceAsLongEachTimeUpToHalfAMinute) {
    Problems problems;
    auto now = kStart;
    for (const auto delay : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
        EXPECT_EQ(problems.failed("address", "put address", kBusy, now).retry_in, delay);
        EXPECT_EQ(problems.deadline(), now + delay);
        EXPECT_TRUE(problems.waits("address", now + delay - 1ms));
        EXPECT_FALSE(problems.waits("address", now + delay));
        EXPECT_FALSE(problems.waits("route", now));
        now += delay;
    }
}

TEST(Problems, AreNewsOnceAndAgainWhenTheErrorIsAnother) {
    Problems problems;
    EXPECT_TRUE(problems.failed("address", "put address", kBusy, kStart).first);
    EXPECT_FALSE(problems.failed("address", "put address", kBusy, kStart + 1s).first);
    EXPECT_TRUE(problems.failed("address", "put address", kGone, kStart + 3s).first);
    EXPECT_TRUE(problems.failed("route", "put route", kBusy, kStart + 3s).first);
}

TEST(Problems, EndWhenTheyAreSolvedOrNeedNothingAnyMore) {
    Problems problems;
    for (const char* subject : {"a", "b", "c"}) problems.failed(subject, subject, kBusy, kStart);
    problems.solved("a");
    problems.keep_only({"a", "c"});
    EXPECT_THAT(problems.all(), testing::ElementsAre(testing::Key("c")));
    problems.keep_only({});
    EXPECT_EQ(problems.deadline(), std::nullopt);
    EXPECT_TRUE(problems.failed("b", "b", kBusy, kStart).first) << "it is a new problem";
}

TEST(Problems, AreTriedAtOnceWhenTheirCausesHaveChanged) {
    Problems problems;
    for (int i = 0; i < 5; ++i) problems.failed("address", "put address", kBusy, kStart);
    problems.retry_now();
    EXPECT_FALSE(problems.waits("address", kStart));
    EXPECT_EQ(problems.failed("address", "put address", kBusy, kStart).retry_in, 16000ms) << "not forgotten";
}

}  // namespace
}  // namespace ulagate::problems_test
