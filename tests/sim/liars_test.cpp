// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <tuple>

#include "tests/sim/liars_world.h"

// One who says anything at any rate, and the question whether anybody else is worse off than in the same
// world without it. The bounds are numbers of this referee: those of the program would move with its faults.
namespace ulagate::wg::control {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Not;

constexpr Duration kRun = 90s;
// Lists are compared in slices of 2,048, and a path is decided upon in one turn.
constexpr std::uint64_t kMostInATurn = 8'200;
// In a run. One who stays within the bounds of lists has them compared now and then.
constexpr std::uint64_t kMostWork = 500'000;
// Entries of messages that one machine reads in a run (of lists, which run for 45 s, a message each 15 ms),
// and by which its lists become others: a whole list at once, and then a few sites a second.
constexpr std::uint64_t kMostRead = 3'500'000;
constexpr std::uint64_t kMostChanged = 60'000;
// Of the log, that one machine writes because of a liar.
constexpr std::size_t kMostLinesAMinute = 250;
constexpr std::size_t kMostRoutes = 2 * 256 + 8;
// So often a router becomes Active in such a run, and is told by honest relays that another one was.
constexpr std::uint64_t kHonestEpoch = 2'000;

class Liars : public ::testing::TestWithParam<std::tuple<unsigned, unsigned>> {
protected:
    static LiarWorld::Setup setup(Liar liar, bool second_relay = true) {
        LiarWorld::Setup out;
        out.seed = std::get<0>(GetParam());
        out.lies = out.seed + 100;
        out.rate = std::get<1>(GetParam());
        out.liar = liar;
        out.second_relay = second_relay;
        return out;
    }
    // Nobody but the sites from `first` on is asked about.
    static void compare(const LiarWorld& world, const LiarWorld& honest, std::size_t first,
                        Duration patience = {}) {
        Duration worse{}, better{};
        for (std::size_t from = first; from < 8; ++from) {
            for (std::size_t to = first; to < 8; ++to) {
                if (from == to) continue;
                EXPECT_LE(world.lost(from, to) / 1ms, (honest.lost(from, to) + patience) / 1ms)
                    << "ms without a path from site " << from << " to " << to << " because of a liar";
                worse = std::max(worse, world.lost(from, to) - honest.lost(from, to));
                better = std::max(better, honest.lost(from, to) - world.lost(from, to));
            }
        }
        std::cout << world.lies_told() << " lies: others worse off by " << worse / 1ms
                  << " ms (and better by " << better / 1ms << ")\n";
    }
    static void judge(LiarWorld& world, LiarWorld& honest, std::size_t first, Duration run = kRun) {
        world.run_for(run);
        honest.run_for(run);
        compare(world, honest, first);
        LiarWorld::Cost most;
        const auto note = [&](const LiarWorld::Cost& cost, const LiarWorld::Cost& without) {
            most.lines_in_a_minute = std::max(most.lines_in_a_minute, cost.lines_in_a_minute);
            most.routes = std::max(most.routes, cost.routes);
            most.worst_turn = std::max(most.worst_turn, cost.worst_turn);
            most.work = std::max(most.work, cost.work);
            most.entries = std::max(most.entries, cost.entries);
            most.route_changes = std::max(most.route_changes, cost.route_changes);
            most.changed = std::max(most.changed, cost.changed);
            EXPECT_LE(cost.lines_in_a_minute, without.lines_in_a_minute + kMostLinesAMinute);
        };
        for (std::size_t site = 0; site < 8; ++site) {
            for (const std::size_t index : {0U, 1U})
                note(world.cost_of_router(site, index), honest.cost_of_router(site, index));
        }
        for (const std::size_t relay : {0U, 1U})
            note(world.cost_of_relay(relay), honest.cost_of_relay(relay));
        EXPECT_LE(most.routes, kMostRoutes);
        EXPECT_LE(most.worst_turn, kMostInATurn);
        EXPECT_LE(most.work, kMostWork);
        EXPECT_LE(most.entries, kMostRead);
        EXPECT_LE(most.changed, kMostChanged);
        for (const char* honest_one : {"r1", world.liar_is_r2() ? "r1" : "r2"})
            EXPECT_THAT(world.named(first), Not(Contains(honest_one)))
                << "who is honest is no liar to others";
        std::cout << "  lines a minute at most " << most.lines_in_a_minute << ", routes " << most.routes
                  << ", their changes " << most.route_changes << ", entries looked at in a turn "
                  << most.worst_turn << ", in all " << most.work << ", read " << most.entries
                  << ", lists changed by " << most.changed << "\n";
    }
    static std::uint64_t highest_epoch(const LiarWorld& world, std::size_t relay) {
        std::uint64_t highest = 0;
        for (std::size_t site = 0; site < 8; ++site) {
            for (const std::size_t index : {0U, 1U})
                highest = std::max(highest, world.epoch(site, index, relay));
        }
        return highest;
    }
};

// The same world without a relay that lies is one in which it is not there.
TEST_P(Liars, F06_ARelayThatLiesToRoutersCostsNobodyTheOtherRelay) {
    LiarWorld world{setup(Liar::relay)}, honest{setup(Liar::none, false)};
    judge(world, honest, 0);
    EXPECT_THAT(world.named(), Contains("r2"));
    EXPECT_LT(highest_epoch(world, 0), kHonestEpoch)
        << "what one relay says of epochs is not told to another";
    // It takes a step for each time that the file is written, every 5 s.
    EXPECT_LT(highest_epoch(world, 1), std::uint64_t{1} << 40U) << "nor is it believed without bound";
}

// What it has made of epochs weighs little when it is honest again, and the only relay: of two routers whose
// epochs it has driven apart by more than a step, the lower one waits for the other's lease to end.
TEST_P(Liars, F06_ARelayThatHasLiedServesAsWellAsOneThatNeverDid) {
    LiarWorld world{setup(Liar::relay)}, honest{setup(Liar::none)};
    for (LiarWorld* each : {&world, &honest}) {
        each->run_for(kRun);
        each->repent();
        each->run_for(70s);  // for as long a relay may be distrusted
        each->power_off_first_relay();
        each->run_for(10s);
        each->count_anew();
        each->run_for(kRun);
    }
    compare(world, honest, 0, 2 * kLease);
}

TEST_P(Liars, F06_ListsWithoutEndCostNobodyAnything) {
    LiarWorld world{setup(Liar::lists)}, honest{setup(Liar::none, false)};
    judge(world, honest, 0);
    EXPECT_THAT(world.named(), Contains("r2"));
}

TEST_P(Liars, F06_ListsThatAreOthersAllTheTimeCostNobodyAnything) {
    LiarWorld world{setup(Liar::short_lists)}, honest{setup(Liar::none, false)};
    judge(world, honest, 0, 45s);
}

TEST_P(Liars, F06_ListsThatAreOthersAllTheTimeCostTheirHearerLittle) {
    LiarWorld world{setup(Liar::one_hearer)}, honest{setup(Liar::none, false)};
    judge(world, honest, 0, 45s);
}

TEST_P(Liars, F06_NoEpochFollowsWhatIsSaidOfPrefixesOfOthers) {
    LiarWorld world{setup(Liar::gossip)}, honest{setup(Liar::none, false)};
    judge(world, honest, 0);
    for (const std::size_t relay : {0U, 1U}) EXPECT_LT(highest_epoch(world, relay), kHonestEpoch);
}

TEST_P(Liars, F06_ARelayThatLiesToARelayCostsNobodyAnything) {
    LiarWorld world{setup(Liar::peer_relay)}, honest{setup(Liar::none, false)};
    judge(world, honest, 0);
}

TEST_P(Liars, F06_ARouterThatLiesCostsOtherSitesNothing) {
    LiarWorld world{setup(Liar::router)}, honest{setup(Liar::none)};
    judge(world, honest, 1);
    EXPECT_THAT(world.named(), Contains("s0"));
    EXPECT_GT(world.epochs_refused(), 0U)
        << "a claim with an epoch that cannot be counts as none, and is named";
}

TEST_P(Liars, F05_AHostThatForgesRelaysIsNotHeard) {
    LiarWorld world{setup(Liar::lan)}, honest{setup(Liar::none)};
    judge(world, honest, 1);
    EXPECT_EQ(world.forgeries_heard(), 0U);
    for (const std::size_t relay : {0U, 1U}) EXPECT_LT(highest_epoch(world, relay), 1'000'000U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Liars,
                         ::testing::Combine(::testing::Values(1U), ::testing::Values(20U, 200U)));

}  // namespace
}  // namespace ulagate::wg::control
