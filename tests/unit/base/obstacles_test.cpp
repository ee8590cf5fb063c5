// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/obstacles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::obstacles_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Obstacle kRoute{"a route of dhcpcd takes fd00::/48", true, "a foreign route", ""};
const Obstacle kRival{"eth1: somebody else is Active", true, "a rival", "eth1"};
const Obstacle kWord{"site b drops what we send", false, "", ""};

TEST(Obstacles, EachIsToldOnceWhenItComesAndOnceWhenItGoes) {
    Obstacles obstacles;
    obstacles.set("routes", {kRoute});
    EXPECT_THAT(obstacles.take_changes().appeared, ElementsAre(kRoute.sentence));
    obstacles.set("routes", {kRoute});
    EXPECT_THAT(obstacles.take_changes().appeared, IsEmpty());
    obstacles.set("routes", {});
    const auto changes = obstacles.take_changes();
    EXPECT_THAT(changes.appeared, IsEmpty());
    EXPECT_THAT(changes.gone, ElementsAre(kRoute.sentence));
}

TEST(Obstacles, WhatOneCheckFindsLeavesTheOthersAlone) {
    Obstacles obstacles;
    obstacles.set("routes", {kRoute});
    obstacles.set("lan eth1", {kRival});
    obstacles.set("routes", {});
    EXPECT_THAT(obstacles.all(), ElementsAre(kRival));
}

TEST(Obstacles, OnlyWhatCutsIsWorthADeduction) {
    Obstacles obstacles;
    obstacles.set("remote", {kWord});
    EXPECT_THAT(obstacles.cuts("eth0"), IsEmpty());
    obstacles.set("routes", {kRoute, kRoute});
    EXPECT_THAT(obstacles.cuts("eth0"), ElementsAre("a foreign route")) << "once, however often it is found";
}

TEST(Obstacles, WhatConcernsOneLanCostsNothingOnTheOthers) {
    Obstacles obstacles;
    obstacles.set("lan eth1", {kRival});
    EXPECT_THAT(obstacles.cuts("eth0"), IsEmpty());
    EXPECT_THAT(obstacles.cuts("eth1"), ElementsAre("a rival"));
}

}  // namespace
}  // namespace ulagate::obstacles_test
