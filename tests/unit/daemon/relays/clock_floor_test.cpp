// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/clock_floor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace ulagate::clock_floor_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Optional;

constexpr ClockFloor::Time kNoon{1'795'262'400s};  // 2026-11-21 12:00:00 UTC
constexpr ClockFloor::TimePoint kStart{1000s};

// One that found this on disk.
ClockFloor with_file(const std::string& text) {
    ClockFloor floor;
    EXPECT_TRUE(floor.load(text)) << text;
    return floor;
}

TEST(ClockFloor, WithoutAFileEveryTimeIsRight) {
    ClockFloor floor;
    floor.update(ClockFloor::Time{0s}, false);
    EXPECT_FALSE(floor.behind());
    EXPECT_EQ(floor.problem("/clock"), "");
}

TEST(ClockFloor, SomebodyVouchesForTheClockOrNobodyDoes) {
    ClockFloor floor;
    EXPECT_FALSE(floor.vouched_for());
    floor.update(kNoon, true);
    EXPECT_TRUE(floor.vouched_for());
    floor.update(kNoon + 1s, false);
    EXPECT_FALSE(floor.vouched_for());
}

TEST(ClockFloor, F03_OnlyAClockThatMayBeBehindIsARelaysReasonForSilence) {
    ClockFloor unknown;
    unknown.update(kNoon, false);
    EXPECT_TRUE(unknown.may_be_behind()) << "nothing was on disk";
    unknown.update(kNoon, true);
    EXPECT_FALSE(unknown.may_be_behind()) << "somebody vouches for it";
    ClockFloor known = with_file("1795262400\n");
    known.update(kNoon + 9min, false);
    EXPECT_TRUE(known.may_be_behind()) << "the last life may have gone on so long after it wrote that";
    known.update(kNoon + 10min, false);
    EXPECT_FALSE(known.may_be_behind());
}

TEST(ClockFloor, AClockThatLosesItsTimeIsBehindUntilTheFloorIsReached) {
    ClockFloor floor = with_file("1795262400\n");
    floor.update(ClockFloor::Time{0s}, false);
    EXPECT_TRUE(floor.behind());
    floor.update(kNoon - 1s, false);
    EXPECT_TRUE(floor.behind());
    floor.update(kNoon, false);
    EXPECT_FALSE(floor.behind());
}

TEST(ClockFloor, TheProblemNamesBothTimesAndTheFile) {
    ClockFloor floor = with_file("1795262400\n");
    floor.update(kNoon - 24h, false);
    const std::string text = floor.problem("/var/lib/ulagate/clock");
    EXPECT_THAT(
        text,
        HasSubstr("the clock shows 2026-11-20 12:00:00 UTC, but was at 2026-11-21 12:00:00 UTC before"));
    EXPECT_THAT(text, HasSubstr("remove /var/lib/ulagate/clock and restart"));
}

TEST(ClockFloor, ASynchronisedClockIsBelievedAndTheFloorFollowsItDown) {
    ClockFloor floor = with_file("1795262400\n");  // written while the clock was wrongly ahead
    floor.update(kNoon - 24h, true);
    EXPECT_FALSE(floor.behind());
    EXPECT_EQ(floor.take_write(kStart, false), "1795176000\n");
    floor.update(kNoon - 23h, false);
    EXPECT_FALSE(floor.behind());
}

TEST(ClockFloor, AClockThatGoesBackWhileWeRunIsBehindToo) {
    ClockFloor floor;
    floor.update(kNoon, false);
    floor.update(kNoon - 1s, false);
    EXPECT_TRUE(floor.behind());
    floor.update(kNoon - 1s, true);
    EXPECT_FALSE(floor.behind());
}

TEST(ClockFloor, IsWrittenAtOnceThenEveryTenMinutesAndAtTheEnd) {
    ClockFloor floor;
    EXPECT_EQ(floor.take_write(kStart, true), std::nullopt);  // nothing is known yet
    floor.update(kNoon, false);
    EXPECT_EQ(floor.take_write(kStart, false), "1795262400\n");
    for (auto passed = 1s; passed < 10min; passed += 1s) {
        floor.update(kNoon + passed, false);
        ASSERT_EQ(floor.take_write(kStart + passed, false), std::nullopt) << passed.count();
    }
    floor.update(kNoon + 10min, false);
    EXPECT_EQ(floor.take_write(kStart + 10min, false), "1795263000\n");
    floor.update(kNoon + 11min, false);
    EXPECT_EQ(floor.take_write(kStart + 11min, true), "1795263060\n");
    EXPECT_EQ(floor.take_write(kStart + 11min, true), std::nullopt);
}

TEST(ClockFloor, IsNeverWrittenLowerByAClockThatNobodyVouchesFor) {
    ClockFloor floor = with_file("1795262400\n");
    floor.update(kNoon - 24h, false);
    EXPECT_EQ(floor.take_write(kStart, false), std::nullopt);
    EXPECT_EQ(floor.take_write(kStart + 1h, true), std::nullopt);
}

// Else a power cut within ten minutes would lock the router out.
TEST(ClockFloor, AFloorThatWasTooHighIsCorrectedOnDiskAtOnce) {
    ClockFloor floor;
    floor.update(kNoon + 24h, false);
    ASSERT_THAT(floor.take_write(kStart, false), Optional(std::string{"1795348800\n"}));
    floor.update(kNoon, true);
    EXPECT_EQ(floor.take_write(kStart + 1s, false), "1795262400\n");
    floor.update(kNoon + 1s, true);
    EXPECT_EQ(floor.take_write(kStart + 2s, false), std::nullopt);
}

TEST(ClockFloor, WhatIsNoTimeIsNoFloor) {
    for (const char* text : {"", "\n", "noon", "12:00", "17952 62400", "-1", "253402300800",
                             "99999999999999999999", "1795262400x"}) {
        ClockFloor floor;
        EXPECT_FALSE(floor.load(text)) << text;
        floor.update(ClockFloor::Time{0s}, false);
        EXPECT_FALSE(floor.behind()) << text;
    }
    EXPECT_TRUE(ClockFloor{}.load("253402300799"));
}

ClockFloor::Sources relays_say(ClockFloor::Time time, bool synchronised = false) {
    return {synchronised, time, true};
}

// A worn-out battery clock said 2040 at one boot.
TEST(ClockFloor, F12_AFloorThatWasWrongEndsWhereTheRelaysDisagree) {
    ClockFloor floor = with_file("2208945600\n");  // 2039-12-31
    floor.update(kNoon, {false, std::nullopt, true});
    ASSERT_TRUE(floor.behind());
    EXPECT_EQ(floor.take_correction(), std::nullopt);
    floor.update(kNoon + 30s, relays_say(kNoon + 40s));
    EXPECT_FALSE(floor.behind());
    EXPECT_THAT(floor.take_correction(), Optional(HasSubstr("2039-12-31 12:00:00 UTC")));
    EXPECT_EQ(floor.take_correction(), std::nullopt);
    EXPECT_EQ(floor.take_write(kStart, false), "1795262430\n");
}

TEST(ClockFloor, F12_ARightFloorStaysWhereTheRelaysAgreeWithIt) {
    ClockFloor floor = with_file("1795262400\n");
    floor.update(ClockFloor::Time{100s}, relays_say(kNoon + 1h));
    EXPECT_TRUE(floor.behind()) << "it is the clock that is wrong";
    EXPECT_EQ(floor.take_correction(), std::nullopt);
    EXPECT_EQ(floor.take_write(kStart, true), std::nullopt);
}

TEST(ClockFloor, F12_AClockThatIsAheadOfTheRelaysIsNoFloor) {
    for (const bool synchronised : {false, true}) {
        ClockFloor floor = with_file("1795262400\n");
        floor.update(kNoon + 24h * 365 * 14, relays_say(kNoon + 1h, synchronised));
        EXPECT_FALSE(floor.behind());
        EXPECT_EQ(floor.take_write(kStart, true), std::nullopt);
        floor.update(kNoon + 1h, relays_say(kNoon + 1h, false));
        EXPECT_FALSE(floor.behind());
    }
    ClockFloor first;
    first.update(kNoon + 24h * 365 * 14, relays_say(kNoon));
    EXPECT_EQ(first.take_write(kStart, true), "1795262400\n");
}

TEST(ClockFloor, F12_MoreThanAYearAheadNeedsTwo) {
    const auto later = kNoon + 24h * 366;
    ClockFloor floor = with_file("1795262400\n");
    floor.update(later, {true, std::nullopt, true});
    EXPECT_EQ(floor.take_write(kStart, true), std::nullopt) << "the time service alone";
    floor.update(later, relays_say(later));
    EXPECT_NE(floor.take_write(kStart, true), std::nullopt) << "the clock and a relay";
    ClockFloor plain = with_file("1795262400\n");
    plain.update(later, {false, std::nullopt, false});
    EXPECT_EQ(plain.take_write(kStart, true), std::nullopt);
    plain.update(later, {true, std::nullopt, false});
    EXPECT_NE(plain.take_write(kStart, true), std::nullopt) << "a plain relay cannot say anything";
    ClockFloor unset = with_file("100\n");
    unset.update(kNoon, {false, std::nullopt, true});
    EXPECT_NE(unset.take_write(kStart, true), std::nullopt) << "from a clock that was never set";
}

TEST(ClockFloor, F12_FarBehindATunnelIsTriedNowAndThen) {
    ClockFloor floor = with_file("1795262400\n");
    std::chrono::seconds tried{0};
    std::optional<std::chrono::seconds> first;
    for (auto at = 0s; at < 1h; at += 1s) {
        floor.update(kNoon - 24h + at, {false, std::nullopt, true});
        if (!floor.may_try(kStart + at)) continue;
        tried += 1s;
        if (!first) first = at;
    }
    EXPECT_EQ(first, 20s);
    EXPECT_EQ(tried, 30 * 20s);
    floor.update(kNoon - 1min, {false, std::nullopt, true});
    EXPECT_FALSE(floor.may_try(kStart + 1h)) << "a minute is waited for";
    floor.update(kNoon, {false, std::nullopt, true});
    EXPECT_FALSE(floor.may_try(kStart + 1h));
}

}  // namespace
}  // namespace ulagate::clock_floor_test
