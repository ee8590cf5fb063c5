// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/router_registry.h"

#include <fstream>

#include "daemon/service/replay_recovery.h"
#include "tests/unit/service/story.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using fake::FakeControlLink;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using wg::control::Claim;
using wg::control::ClaimAck;
using wg::control::Goodbye;
using wg::control::Hello;

const net::Ipv6Prefix kSite = prefix("fd12:3456:789a:a::/64");
const net::Ipv6Address kA1 = address("fd99::a1");
const net::Ipv6Address kA2 = address("fd99::a2");

// A relay with one site and its two routers, of which a1 has the higher priority.
class RouterRegistryTest : public fake::PartStory {
protected:
    RouterRegistryTest() : PartStory(fake::two_routers_a_site()) {}
    ~RouterRegistryTest() override { files.finish(); }

    // As after a start of the daemon; a second time, as after a restart.
    void start() {
        recovery.reset();
        registry.reset();
        wire = {};
        registry = std::make_unique<RouterRegistry>(context, std::make_unique<FakeControlLink>(loop, wire));
        recovery = std::make_unique<ReplayRecovery>(context, *registry);
        registry->load();
        registry->set_config();
        registry->adopt();
        facts = fake::facts(config);
        planned_once = false;
        changed();
        kernel.take_applied();
    }
    bool contribute(Facts& into) override {
        const bool one = registry->contribute(into);
        return recovery->contribute(into) || one;
    }
    void observe() override { registry->remember_endpoints(); }
    void settled() override {
        if (recovery->taken_away()) reconcile_next();
        registry->find_silent();
    }
    // As the daemon's second: reads the tunnels, and tells the parts.
    void seconds(int count) {
        for (int i = 0; i < count; ++i) {
            loop.run_for(1s);
            changed();
            registry->tick();
            recovery->tick();
            loop.settle();
        }
    }
    [[nodiscard]] std::string route() const {
        const auto found = kernel.have.routes.find({kSite, kRouteMetric});
        return found == kernel.have.routes.end() ? "" : found->second.link.value_or("unreachable");
    }
    void claims(const net::Ipv6Address& router, std::uint64_t epoch) {
        wire.hear(router, Claim{{kSite}, epoch, 100});
    }
    wg::Peer& peer(std::size_t router_index) {
        return kernel.have.tunnels.at(router_interface(router_index))
            .peers.at(fake::key(router_index == 0 ? 1 : 2));
    }
    void shakes_hands(std::size_t router_index, const net::Endpoint& from) {
        peer(router_index).endpoint = from;
        peer(router_index).last_handshake = loop.wall_clock();
    }

    FakeControlLink::Wire wire;
    std::unique_ptr<RouterRegistry> registry;
    std::unique_ptr<ReplayRecovery> recovery;
};

TEST_F(RouterRegistryTest, AtTheStartASiteIsActiveOnItsRouterWithTheHighestPriority) {
    start();
    EXPECT_EQ(wire.bound, config.tunnel.address);
    EXPECT_EQ(route(), "ulg-s1");
    EXPECT_THAT(reconciler.problems(), IsEmpty());
}

TEST_F(RouterRegistryTest, AClaimMovesTheRouteAheadOfThePlanAndBeforeTheRouterHearsOfIt) {
    start();
    claims(kA2, 1);
    EXPECT_THAT(kernel.take_applied(), ElementsAre(AllOf(HasSubstr("route"), HasSubstr("ulg-s2"))));
    EXPECT_EQ(route(), "ulg-s2");
    const auto acks = wire.sent_to<ClaimAck>(kA2);
    ASSERT_THAT(acks, Not(IsEmpty()));
    EXPECT_EQ(acks.back().owners.front().router, kA2);
    // The plan that follows wants the same.
    loop.run_for(20ms);
    EXPECT_TRUE(planned);
    EXPECT_THAT(kernel.take_applied(), IsEmpty());
}

TEST_F(RouterRegistryTest, ARouteThatTheKernelRefusesIsTriedAgainByThePlan) {
    start();
    const Step step = PutRoute{{kSite, kRouteMetric}, {"ulg-s2"}};
    kernel.refused[subject(step)] = std::errc::no_buffer_space;
    claims(kA2, 1);
    EXPECT_EQ(route(), "ulg-s1");
    EXPECT_TRUE(reconciler.problems().contains(subject(step)));
    kernel.refused.clear();
    loop.run_for(600ms);
    reconcile();
    EXPECT_EQ(route(), "ulg-s2");
    EXPECT_THAT(reconciler.problems(), IsEmpty());
}

TEST_F(RouterRegistryTest, AfterARestartTheRouteThatIsThereCountsUntilTheRoutersHadTimeToClaim) {
    start();
    claims(kA2, 1);
    loop.run_for(20ms);
    start();
    EXPECT_EQ(route(), "ulg-s2") << "nobody has claimed yet";
    EXPECT_THAT(wire.sent_to<Goodbye>(kA2), IsEmpty());
    loop.run_for(4900ms);
    EXPECT_EQ(route(), "ulg-s2");
    loop.run_for(200ms);
    EXPECT_EQ(route(), "ulg-s1") << "nobody has claimed";
}

TEST_F(RouterRegistryTest, AfterARestartAClaimInTimeKeepsTheRoute) {
    start();
    claims(kA2, 1);
    loop.run_for(20ms);
    start();
    for (int i = 0; i < 10; ++i) {
        claims(kA2, 2);
        loop.run_for(1s);
        EXPECT_EQ(route(), "ulg-s2");
    }
    EXPECT_THAT(kernel.take_applied(), Not(Contains(HasSubstr("delete route"))));
}

TEST_F(RouterRegistryTest, ALeaseThatEndsGivesTheSiteToALiveRouter) {
    start();
    claims(kA2, 1);
    for (int i = 0; i < 5; ++i) {
        wire.hear(kA1, Hello{});
        loop.run_for(1s);
    }
    EXPECT_EQ(route(), "ulg-s1") << "3 s after the only claim";
}

// A reload in which the routers change places: the claim goes on at the other index.
TEST_F(RouterRegistryTest, AReloadThatReordersTheRoutersKeepsTheClaim) {
    start();
    claims(kA2, 1);
    loop.run_for(20ms);
    std::swap(config.sites.front().routers[0], config.sites.front().routers[1]);
    registry->set_config();
    planned_once = false;
    changed();
    EXPECT_EQ(route(), "ulg-s1") << "a2 is the first now";
}

TEST_F(RouterRegistryTest, AReloadForgetsRoutersThatTheNewConfigurationDoesNotHave) {
    start();
    shakes_hands(1, endpoint("203.0.113.2:40000"));
    seconds(1);
    EXPECT_THAT(registry->last_endpoints(), SizeIs(1));
    config.sites.front().routers.pop_back();
    registry->set_config();
    EXPECT_THAT(registry->last_endpoints(), IsEmpty());
}

TEST_F(RouterRegistryTest, AFileThatSaysSomethingElseIsIgnoredLineByLine) {
    registry.reset();
    {
        std::ofstream file{paths.routers_file()};
        file << "what is this\n" << wg::to_string(fake::key(2)) << " 203.0.113.2:40000 1795255267\n";
    }
    start();
    EXPECT_THAT(registry->last_endpoints(), SizeIs(1));
}

// The relay's devices are gone, and with them where its routers are: it knows from before, and reconnects.
TEST_F(RouterRegistryTest, ARelayThatLostItsTunnelsReachesOutToTheRoutersThatWereConnected) {
    start();
    shakes_hands(1, endpoint("203.0.113.2:40000"));
    seconds(1);
    registry->stop();
    files.finish();
    kernel.have = fake::machine();
    reconciler.mark(Stale::all());
    start();
    EXPECT_EQ(peer(1).endpoint, endpoint("203.0.113.2:40000"));
    EXPECT_EQ(peer(1).keepalive_seconds, kReconnectKeepalive);
    EXPECT_EQ(peer(0).keepalive_seconds, 0) << "never connected";
    // It answers: from now on it speaks first again.
    shakes_hands(1, endpoint("203.0.113.2:40000"));
    seconds(2);
    peer(1).rx_bytes += 100;  // whatever makes the next plan: that the keepalive ends is in no hurry
    seconds(1);
    EXPECT_EQ(peer(1).keepalive_seconds, 0);
}

TEST_F(RouterRegistryTest, TheEndSaysGoodbyeToWhoIsThereAndWritesWhereTheyAre) {
    start();
    wire.hear(kA1, Hello{});
    shakes_hands(0, endpoint("203.0.113.1:40000"));
    seconds(1);
    registry->stop();
    EXPECT_THAT(wire.sent_to<Goodbye>(kA1), Not(IsEmpty()));
    files.finish();
    const auto text = read_file(paths.routers_file(), 1000);
    ASSERT_TRUE(text) << text.error().text();
    EXPECT_THAT(*text, HasSubstr("203.0.113.1:40000"));
    const auto sent = wire.out.size();
    loop.run_for(10s);
    claims(kA2, 1);
    EXPECT_EQ(wire.out.size(), sent) << "nothing any more";
}

TEST_F(RouterRegistryTest, TwoMachinesWithOneKeyAreNamed) {
    start();
    for (int i = 0; i < 6; ++i) {
        shakes_hands(1, endpoint(i % 2 == 0 ? "203.0.113.2:40000" : "203.0.113.3:40000"));
        seconds(1);
    }
    ASSERT_THAT(obstacles.all(), SizeIs(1));
    EXPECT_THAT(obstacles.all().front().sentence, HasSubstr("a2 (fd99::a2) of site a"));
    EXPECT_EQ(registry->endpoint_changes(fake::key(2)), 5U);
}

// --- a router whose clock went back ---

TEST_F(RouterRegistryTest, APeerWhoseHandshakesAreIgnoredIsTakenAwayAndComesAnew) {
    start();
    shakes_hands(1, endpoint("203.0.113.2:40000"));
    wire.hear(kA2, Hello{});
    seconds(1);
    loop.run_for(10s);  // no hello any more: it is gone, though its session would live on
    kernel.take_applied();
    recovery->on_initiation(endpoint("203.0.113.2:40000"), 1);
    seconds(5);
    EXPECT_EQ(peer(1).endpoint, endpoint("203.0.113.2:40000"));
    EXPECT_TRUE(peer(1).ever_connected()) << "one try says nothing";
    recovery->on_initiation(endpoint("203.0.113.2:40000"), 1);
    seconds(2);
    EXPECT_FALSE(peer(1).ever_connected()) << "made anew";
    EXPECT_THAT(kernel.take_applied(), Contains(HasSubstr("ulg-s2")));
    EXPECT_TRUE(facts.renew_peers.empty());
}

TEST_F(RouterRegistryTest, ALivePeerIsNotDisturbedByInitiations) {
    start();
    shakes_hands(1, endpoint("203.0.113.2:40000"));
    for (int i = 0; i < 12; ++i) {
        wire.hear(kA2, Hello{});
        recovery->on_initiation(endpoint("203.0.113.2:40001"), 1);
        seconds(1);
        EXPECT_TRUE(peer(1).ever_connected());
    }
}

}  // namespace
}  // namespace ulagate
