// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>
#include <tuple>

#include "tests/sim/paths_storm.h"

// Fifty sites and three relays in bad weather, in virtual time.
namespace ulagate::wg::control {
namespace {

class PathStorms : public ::testing::TestWithParam<std::tuple<Weather, unsigned>> {};

TEST_P(PathStorms, EveryPairWithAWorkingPathUsesOneAndNothingFlaps) {
    const auto& [weather, seed] = GetParam();
    PathWorld world{seed, kSites};
    run_storm(world, weather, 60s);
    std::cout << "without a path though there was one: with traffic " << world.worst_active / 1ms
              << " ms, without " << world.worst_idle / 1ms << " ms\n";
}

INSTANTIATE_TEST_SUITE_P(Cuts, PathStorms,
                         ::testing::Combine(::testing::Values(Weather{.cuts = 100}),
                                            ::testing::Range(1U, 11U)));
INSTANTIATE_TEST_SUITE_P(Relays, PathStorms,
                         ::testing::Combine(::testing::Values(Weather{.cuts = 60, .relays = 20}),
                                            ::testing::Range(1U, 11U)));
INSTANTIATE_TEST_SUITE_P(Splits, PathStorms,
                         ::testing::Combine(::testing::Values(Weather{.cuts = 60, .relays = 5, .splits = 10}),
                                            ::testing::Range(1U, 11U)));
INSTANTIATE_TEST_SUITE_P(Flapping, PathStorms,
                         ::testing::Combine(::testing::Values(Weather{.cuts = 20, .flapping = 60}),
                                            ::testing::Range(1U, 11U)));
INSTANTIATE_TEST_SUITE_P(OneWay, PathStorms,
                         ::testing::Combine(::testing::Values(Weather{.cuts = 30, .one_way = 60}),
                                            ::testing::Range(1U, 11U)));
INSTANTIATE_TEST_SUITE_P(Quality, PathStorms,
                         ::testing::Combine(::testing::Values(Weather{
                                                .cuts = 20, .quality = 80, .max_loss = 30}),
                                            ::testing::Range(1U, 11U)));
INSTANTIATE_TEST_SUITE_P(All, PathStorms,
                         ::testing::Combine(::testing::Values(Weather{.cuts = 30,
                                                                      .one_way = 15,
                                                                      .relays = 5,
                                                                      .splits = 5,
                                                                      .flapping = 15,
                                                                      .quality = 30,
                                                                      .max_loss = 30}),
                                            ::testing::Range(1U, 31U)));

// The same with tunnels between the relays.
class LinkedPathStorms : public ::testing::TestWithParam<std::tuple<Weather, unsigned>> {};

TEST_P(LinkedPathStorms, EveryPairWithAWorkingPathOrTransitUsesOneAndNothingFlaps) {
    const auto& [weather, seed] = GetParam();
    PathWorld world{seed, kSites, true};
    run_storm(world, weather, 60s);
    std::cout << "without a path though there was one: with traffic " << world.worst_active / 1ms
              << " ms, without " << world.worst_idle / 1ms << " ms, transit " << world.worst_transit / 1ms
              << " ms; turned back between relays: " << world.turned_back << "\n";
}

INSTANTIATE_TEST_SUITE_P(Cuts, LinkedPathStorms,
                         ::testing::Combine(::testing::Values(Weather{.cuts = 100, .longest_cut = 60s}),
                                            ::testing::Range(1U, 4U)));
INSTANTIATE_TEST_SUITE_P(Relays, LinkedPathStorms,
                         ::testing::Combine(::testing::Values(Weather{
                                                .cuts = 60, .relays = 20, .splits = 10}),
                                            ::testing::Range(1U, 4U)));

}  // namespace
}  // namespace ulagate::wg::control
