// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/full_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::full_tables_test {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

const auto kFullNeighbours =
    Field(&Obstacle::sentence,
          AllOf(HasSubstr("table of IPv6 neighbours is full (room for 1024)"), HasSubstr("gc_thresh3=4096")));

TEST(FullTables, F08_ATableOfNeighboursThatRefusesIsNamedUntilItHasRoomAgain) {
    FullTables tables;
    FullTables::TimePoint now{};
    // What was before our time is over.
    EXPECT_THAT(tables.judge(TableUse{1024, 1024, 7}, {}, now), IsEmpty());
    EXPECT_THAT(tables.judge(TableUse{1024, 1024, 7}, {}, now += seconds{1}), IsEmpty());
    EXPECT_THAT(tables.judge(TableUse{900, 1024, 8}, {}, now += seconds{1}), ElementsAre(kFullNeighbours));
    EXPECT_THAT(tables.judge(TableUse{10, 1024, 8}, {}, now += seconds{29}), ElementsAre(kFullNeighbours));
    EXPECT_THAT(tables.judge(TableUse{10, 1024, 8}, {}, now += seconds{2}), IsEmpty());
}

TEST(FullTables, F08_SoIsOneOfConnections) {
    FullTables tables;
    FullTables::TimePoint now{};
    EXPECT_THAT(tables.judge({}, TableUse{65535, 65536, 0}, now), IsEmpty());
    EXPECT_THAT(tables.judge({}, TableUse{65536, 65536, 0}, now += seconds{1}),
                ElementsAre(Field(&Obstacle::sentence, HasSubstr("nf_conntrack_max=262144"))));
    EXPECT_THAT(tables.judge({}, TableUse{3, 65536, 0}, now += seconds{40}), IsEmpty());
}

TEST(FullTables, WhatCannotBeReadIsNotFull) {
    FullTables tables;
    FullTables::TimePoint now{};
    EXPECT_THAT(tables.judge({}, {}, now), IsEmpty());
    EXPECT_THAT(tables.judge(TableUse{1, 1024, 3}, {}, now), IsEmpty());
    EXPECT_THAT(tables.judge({}, {}, now), IsEmpty());
    EXPECT_THAT(tables.judge({}, TableUse{0, 0, 0}, now), IsEmpty());
}

}  // namespace
}  // namespace ulagate::full_tables_test
