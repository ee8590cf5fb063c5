// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/paths_storm.h"

// A short form of the storms of tests/sim: what each rule of the path choice is there for shows up in these.
namespace ulagate::wg::control {
namespace {

TEST(PathSimulation, FiftySitesWithRelaysAndLinksThatDie) {
    PathWorld world{1, kSites};
    run_storm(world, {.cuts = 85, .relays = 4, .splits = 6, .longest_cut = 40s}, 30s);
}

TEST(PathSimulation, FiftySitesWithLinksThatFlapAndLoseAndDelay) {
    PathWorld world{2, kSites};
    run_storm(world, {.cuts = 20, .one_way = 20, .flapping = 20, .quality = 40, .max_loss = 30}, 30s);
}

}  // namespace
}  // namespace ulagate::wg::control
