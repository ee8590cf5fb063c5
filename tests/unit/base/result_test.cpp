// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace ulagate::result_test {
namespace {

Result<int> denied() { return fail_errno("set route fd12::/48", EPERM); }

TEST(Result, TellsWhatWeWereDoingAndWhy) {
    const auto result = denied();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, std::errc::operation_not_permitted);
    EXPECT_EQ(result.error().text(), "set route fd12::/48: Operation not permitted");
}

TEST(Result, WithoutACodeTheSentenceIsAll) {
    const Result<int> result = fail("lan.prefix is not a /64");
    EXPECT_EQ(result.error().text(), "lan.prefix is not a /64");
    EXPECT_FALSE(result.error().code);
}

TEST(Result, EachLevelAddsItsStepInFront) {
    const Result<void> result = fail(denied().error(), "start r1");
    EXPECT_EQ(result.error().text(), "start r1: set route fd12::/48: Operation not permitted");
    EXPECT_EQ(result.error().code, std::errc::operation_not_permitted);
}

TEST(Result, TakesTheErrnoOfTheCallThatFailed) {
    errno = ENOENT;
    const Result<void> result = fail_errno("open x");
    EXPECT_EQ(result.error().code, std::errc::no_such_file_or_directory);
}

TEST(Result, HoldsValuesThatCannotBeCopied) {
    Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
    ASSERT_TRUE(result);
    EXPECT_EQ(*std::move(*result), 7);
    EXPECT_TRUE(Result<void>{});
}

}  // namespace
}  // namespace ulagate::result_test
