// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/epoch_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/checks/untrue_words.h"
#include "tests/unit/text_values.h"

namespace ulagate::epoch_memory_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using wg::control::Ownership;

TEST(EpochMemory, EachRelayHasACounterOfItsOwn) {
    EpochMemory memory;
    const auto broken = memory.load("", "");
    EXPECT_EQ(broken.absurd + broken.unreadable, 0U) << "the first start";
    EXPECT_TRUE(memory.note("r1", 1));
    EXPECT_TRUE(memory.note("r2", 5'000'000'000));
    memory.reserve();
    EXPECT_EQ(memory.by_relay(), "r1 101\nr2 5000000100\n");
    EXPECT_EQ(memory.for_all(), "101\n") << "what an older version begins with";
    EXPECT_FALSE(memory.note("r1", 51));
    EXPECT_TRUE(memory.note("r1", 52)) << "in time before the spare ones are used up";

    EpochMemory next;
    next.load(memory.by_relay(), memory.for_all());
    EXPECT_EQ(next.reserved("r1"), 101U);
    EXPECT_EQ(next.reserved("r2"), 5'000'000'100U);
    EXPECT_EQ(next.reserved("r3"), 101U) << "one that is new";
    next.keep_only({"r1"});
    EXPECT_EQ(next.by_relay(), "r1 101\n");
}

TEST(EpochMemory, TakesOverTheOneNumberOfOlderVersions) {
    EpochMemory memory;
    memory.load("", "1234\n");
    EXPECT_EQ(memory.reserved("r1"), 1234U);
    EXPECT_TRUE(memory.note("r1", 1235));
    memory.reserve();
    EXPECT_EQ(memory.by_relay(), "r1 1335\n");
}

TEST(EpochMemory, F06_APoisonedFileHeals) {
    for (const char* poisoned : {"18446744073709551515\n", "18446744073709551615",
                                 "99999999999999999999999\n", "9223372036854775808\n", "281474976710657\n"}) {
        EpochMemory memory;
        EXPECT_EQ(memory.load("", poisoned).absurd, 1U) << poisoned;
        EXPECT_EQ(memory.reserved("r1"), 0U);
        EXPECT_EQ(memory.load(std::string{"r1 "} + poisoned + "\nr2 7\n", "").absurd, 1U);
        EXPECT_EQ(memory.reserved("r1"), 0U);
        EXPECT_EQ(memory.reserved("r2"), 7U) << "the others go on";
        EXPECT_TRUE(memory.note("r1", 1)) << "and it is written at once";
    }
}

TEST(EpochMemory, NoNumbersAreNone) {
    EpochMemory memory;
    EXPECT_EQ(memory.load("r1\nr2 x\nr3 -1\nr4 5 6\n\nr5 8\n", "seven\n").unreadable, 5U);
    EXPECT_EQ(memory.reserved("r1"), 0U);
    EXPECT_EQ(memory.reserved("r5"), 8U);
}

TEST(UntrueWords, F06_TheSpeakerIsNamed) {
    using What = Ownership::Complaint::What;
    using wg::control::Disbelieved;
    const auto of_relay = untrue_words("r2", {{Disbelieved::What::epoch, 1}, {Disbelieved::What::sites}});
    ASSERT_EQ(of_relay.size(), 2U);
    EXPECT_THAT(of_relay[0].sentence, HasSubstr("relay r2 names an epoch"));
    EXPECT_THAT(of_relay[1].sentence, HasSubstr("relay r2 says that more than 16384 prefixes"));
    const auto of_routers =
        untrue_words({{What::foreign_prefix, "b", address("fd99::b1"), prefix("fd12::/64")},
                      {What::epoch, "b", address("fd99::b1"), {}},
                      {What::restless, "a", {}, prefix("fd12::/64")}});
    ASSERT_EQ(of_routers.size(), 3U);
    EXPECT_THAT(of_routers[0].sentence, HasSubstr("router fd99::b1 of site b claims fd12::/64"));
    EXPECT_THAT(of_routers[1].sentence, HasSubstr("router fd99::b1 of site b claims with an epoch"));
    EXPECT_THAT(of_routers[2].sentence, HasSubstr("the routers of site a take fd12::/64 from each other"));
    for (const Obstacle& each : of_routers) EXPECT_FALSE(each.cuts) << "nothing of ours is worse for it";
}

}  // namespace
}  // namespace ulagate::epoch_memory_test
