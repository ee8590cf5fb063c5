// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "tests/sim/site.h"
#include "tests/sim/world.h"

// Single events on a good wire, with the figures that they must keep: r1 (200) is Active, r2 (100) Backup.
namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

class Pair {
public:
    explicit Pair(vrrp::Centiseconds interval, bool virtual_mac = false)
        : world(7, site(interval, virtual_mac), 3) {
        for (const std::size_t i : {0U, 1U}) world.router(i).power(true, world.now());
        world.run_for(3s);
        for (const std::size_t i : {0U, 1U}) world.router(i).start(world.now());
        world.run_for(60s);
        EXPECT_TRUE(world.router(0).answers());
        EXPECT_FALSE(world.router(1).answers());
        world.forget();
    }
    ~Pair() { EXPECT_FALSE(world.offence()) << *world.offence(); }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    std::uint64_t lost() {
        std::uint64_t lost = 0;
        for (std::size_t i = 0; i < world.hosts(); ++i) lost += world.host(i).flow().lost;
        return lost;
    }
    Duration longest_gap() {
        Duration longest{0};
        for (std::size_t i = 0; i < world.hosts(); ++i)
            longest = std::max(longest, world.host(i).flow().longest_gap);
        return longest;
    }
    // All hosts send to this router.
    bool carried_by(std::size_t router) {
        for (std::size_t i = 0; i < world.hosts(); ++i) {
            if (world.host(i).next_hop() != world.router(router).sending_mac()) return false;
        }
        return world.answering() == std::vector{router};
    }

    World world;

private:
    static std::vector<LanConfig> site(vrrp::Centiseconds interval, bool virtual_mac) {
        std::vector<LanConfig> made{lan(200, interval), lan(100, interval)};
        for (LanConfig& each : made) each.vrrp->virtual_mac = virtual_mac;
        return made;
    }
};

TEST(SimStory, PowerOffCostsFourIntervals) {
    for (const int centiseconds : {1, 10, 100}) {
        const vrrp::Centiseconds interval{centiseconds};
        Pair pair{interval};
        pair.world.router(0).power(false, pair.world.now());
        pair.world.run_for(30s);
        EXPECT_TRUE(pair.carried_by(1));
        EXPECT_GT(pair.lost(), 0U);
        EXPECT_LE(pair.longest_gap(), 4 * Duration{interval} + 50ms);
        EXPECT_EQ(pair.world.seen().two, 0s);
        // It comes back, and takes over again.
        pair.world.forget();
        pair.world.router(0).power(true, pair.world.now());
        pair.world.run_for(3s);
        pair.world.router(0).start(pair.world.now());
        pair.world.run_for(30s);
        EXPECT_TRUE(pair.carried_by(0));
        EXPECT_EQ(pair.lost(), 0U);
        EXPECT_LE(pair.world.seen().none, 5ms) << "each kernel follows its process within 2 ms";
        EXPECT_LE(pair.world.seen().two, 5ms) << "as long as one advertisement needs, and two processes";
    }
}

TEST(SimStory, V51_AKilledRouterLosesTheAddressAndNoPacket) {
    Pair pair{vrrp::Centiseconds{10}};
    pair.world.router(0).kill();
    pair.world.run_for(30s);
    EXPECT_TRUE(pair.carried_by(1));
    EXPECT_EQ(pair.lost(), 0U) << "its kernel forwards what still comes";
    EXPECT_LE(pair.world.seen().two, Duration{kAddressLease});
}

TEST(SimStory, V49_V51_AKilledRouterThatIsStartedAgainStartsWithoutTheAddress) {
    Pair pair{vrrp::Centiseconds{10}};
    pair.world.router(0).kill();
    pair.world.run_for(100ms);  // long before the lease ends, or the other notices
    EXPECT_TRUE(pair.world.router(0).answers());
    pair.world.router(0).start(pair.world.now());
    EXPECT_FALSE(pair.world.router(0).answers());
    pair.world.run_for(30s);
    EXPECT_TRUE(pair.carried_by(0));
    EXPECT_EQ(pair.lost(), 0U);
}

TEST(SimStory, V51_AStoppedProcessLosesTheAddressAndNoPacket) {
    Pair pair{vrrp::Centiseconds{10}};
    pair.world.router(0).stall(pair.world.now() + 20s);
    pair.world.run_for(10s);
    EXPECT_TRUE(pair.carried_by(1));
    EXPECT_LE(pair.world.seen().two, Duration{kAddressLease});
    pair.world.run_for(30s);
    EXPECT_TRUE(pair.carried_by(0)) << "it goes on, and is the better one";
    EXPECT_EQ(pair.lost(), 0U);
    EXPECT_LE(pair.world.seen().two, Duration{kAddressLease});
}

TEST(SimStory, V51_AFrozenMachineYieldsWithTheFirstWordThatItHears) {
    for (const bool clock_went_on : {true, false}) {
        Pair pair{vrrp::Centiseconds{10}};
        pair.world.router(0).deduct(150, pair.world.now());  // r2 is the better one now
        pair.world.run_for(10s);
        ASSERT_TRUE(pair.carried_by(1));
        pair.world.forget();
        pair.world.router(1).freeze(pair.world.now());
        pair.world.router(0).deduct(0, pair.world.now());
        pair.world.run_for(60s);
        EXPECT_TRUE(pair.carried_by(0));
        pair.world.router(1).thaw(clock_went_on, pair.world.now());
        pair.world.run_for(60s);
        EXPECT_TRUE(pair.carried_by(0));
        EXPECT_LE(pair.world.seen().two, 100ms + 1ms) << "an interval";
    }
}

TEST(SimStory, R34_AHandOverLosesNothing) {
    for (const int centiseconds : {1, 10, 100}) {
        Pair pair{vrrp::Centiseconds{centiseconds}};
        pair.world.router(0).hand_over(pair.world.now());
        pair.world.run_for(10s);
        EXPECT_EQ(pair.world.router(0).lan_router(), nullptr);
        EXPECT_TRUE(pair.carried_by(1));
        pair.world.router(0).start(pair.world.now());
        pair.world.run_for(30s);
        EXPECT_TRUE(pair.carried_by(0));
        EXPECT_EQ(pair.lost(), 0U);
    }
}

// The address leaves at once, the virtual MAC only when another router speaks with it.
TEST(SimStory, V40_WithAVirtualMacAHandOverLosesNothing) {
    Pair pair{vrrp::Centiseconds{10}, true};
    pair.world.router(0).hand_over(pair.world.now());
    pair.world.run_for(30s);
    EXPECT_TRUE(pair.carried_by(1));
    EXPECT_EQ(pair.lost(), 0U) << "its macvlan stays, and forwards what still comes";
    pair.world.forget();
    pair.world.router(0).start(pair.world.now());
    pair.world.run_for(30s);
    EXPECT_TRUE(pair.carried_by(0));
    EXPECT_EQ(pair.lost(), 0U) << "whoever takes over has it first";
}

TEST(SimStory, R34_HostsForgetASiteOnlyWhenItsLastRouterLeaves) {
    Pair pair{vrrp::Centiseconds{10}};
    pair.world.router(0).withdraw(pair.world.now());
    pair.world.run_for(30s);
    EXPECT_TRUE(pair.carried_by(1));
    EXPECT_EQ(pair.lost(), 0U);
    pair.world.router(1).withdraw(pair.world.now());
    pair.world.run_for(30s);
    for (std::size_t i = 0; i < pair.world.hosts(); ++i)
        EXPECT_FALSE(pair.world.host(i).has_route(pair.world.now()));
    EXPECT_EQ(pair.world.router(1).lan_router(), nullptr);
}

TEST(SimStory, V50_AfterASplitAllHostsFindTheOneThatStays) {
    Pair pair{vrrp::Centiseconds{10}};
    pair.world.wire.set_segment(1, 1);
    pair.world.wire.set_segment(pair.world.station_of_host(2), 1);
    pair.world.run_for(60s);
    EXPECT_TRUE(pair.world.router(0).answers());
    EXPECT_TRUE(pair.world.router(1).answers());
    EXPECT_LE(pair.longest_gap(), 450ms) << "each side has its router";
    EXPECT_EQ(pair.world.host(2).next_hop(), pair.world.router(1).sending_mac());
    pair.world.forget();
    pair.world.wire.set_segment(1, 0);
    pair.world.wire.set_segment(pair.world.station_of_host(2), 0);
    pair.world.run_for(30s);
    EXPECT_TRUE(pair.carried_by(0));
    EXPECT_EQ(pair.lost(), 0U);
    EXPECT_LE(pair.world.seen().two, 100ms + 1ms) << "an interval";
}

TEST(SimStory, AllStartedTogetherServeTheHostsWithinThreeSeconds) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        World world{seed, {lan(200, vrrp::Centiseconds{10}), lan(100, vrrp::Centiseconds{10})}, 3};
        for (const std::size_t i : {0U, 1U}) {
            world.router(i).power(true, world.now());
            world.router(i).start(world.now());
        }
        world.run_for(3s);
        for (std::size_t i = 0; i < world.hosts(); ++i)
            EXPECT_TRUE(world.host(i).has_route(world.now())) << seed;
        world.run_for(1s);
        EXPECT_EQ(world.answering().size(), 1U);
        EXPECT_FALSE(world.offence()) << *world.offence();
    }
}

}  // namespace
}  // namespace ulagate::sim
