// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/paths_storm.h"

// A short form of the storms of tests/sim: what each rule of the path choice is there for shows up in these.
namespace ulagate::wg::control::path_simulation_test {
namespace {

TEST(PathSimulation, FiftySitesWithRelaysAndLinksThatDie) {
    PathWorld world{1, kSites};
    run_storm(world, {.cuts = 85, .relays = 4, .splits = 6, .longest_cut = 40s}, 30s);
}

TEST(PathSimulation, FiftySitesWithLinksThatFlapAndLoseAndDelay) {
    PathWorld world{2, kSites};
    run_storm(world, {.cuts = 20, .one_way = 20, .flapping = 20, .quality = 40, .max_loss = 30}, 30s);
}

// Half of the sites reach relay 1 only, the other half relay 2 only.
TEST(PathSimulation, SitesWithoutACommonRelayTalkOverTheRelaysTunnel) {
    constexpr std::size_t kFew = 20;
    PathWorld world{3, kFew, true};
    world.run_for(20s);
    for (std::size_t site = 0; site < kFew; ++site) {
        for (std::size_t relay = 0; relay < PathWorld::kRelays; ++relay) {
            if (relay == site % 2) continue;
            PathWorld::Link link = world.link(site, relay);
            link.to_relay = link.to_site = false;
            world.set_link(site, relay, link);
        }
    }
    world.run_for(30s);
    EXPECT_GT(world.worst_transit, 2s) << "until the leases ended";
    for (const std::string& fault : world.faults) ADD_FAILURE() << fault;
    for (std::size_t site = 0; site < kFew; ++site) {
        EXPECT_EQ(world.choice(site).default_path().relay, site % 2 == 0 ? "r1" : "r2");
        EXPECT_TRUE(world.choice(site).exceptions().empty());
    }
}

TEST(PathSimulation, FiftySitesWithLinkedRelaysAndLinksThatDie) {
    PathWorld world{4, kSites, true};
    run_storm(world, {.cuts = 85, .relays = 4, .splits = 6, .longest_cut = 40s}, 20s);
    EXPECT_LT(world.worst_transit, PathWorld::kTransitBudget);
}

}  // namespace
}  // namespace ulagate::wg::control::path_simulation_test
