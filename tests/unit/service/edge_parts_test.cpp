// SPDX-License-Identifier: GPL-2.0-or-later
// LANs, the choice between relays, and the clock, as an edge joins them.
#include "daemon/service/edge_parts.h"

#include "tests/unit/service/daemon_story.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class EdgePartsTest : public fake::DaemonStory {
protected:
    [[nodiscard]] std::string two_relays() const {
        return edge_text(
            fmt::format("[[relay]]\nname = \"r2\"\naddress = \"fd99::2\"\npublic_key = \"{}\"\n"
                        "endpoint = \"192.0.2.2:51820\"\n",
                        wg::to_string(fake::key(8))));
    }
    void shakes_hands(const std::string& relay, std::uint8_t key) {
        wg::Peer& peer = kernel.have.tunnels.at("ulg-" + relay).peers.at(fake::key(key));
        peer.last_handshake = loop.wall_clock();
        peer.rx_bytes += 100;
    }
    [[nodiscard]] std::string overlay_by() const {
        const auto route = kernel.have.routes.find({prefix("fd12:3456:789a::/48"), kRouteMetric});
        return route == kernel.have.routes.end() ? "" : route->second.link.value_or("unreachable");
    }
    // Both tunnels shake hands each second, but for those that are dead.
    void seconds(int count, const std::set<std::string>& dead = {}) {
        for (int i = 0; i < count; ++i) {
            if (!dead.contains("r1")) shakes_hands("r1", 9);
            if (!dead.contains("r2")) shakes_hands("r2", 8);
            loop.run_for(1s);
        }
    }
    EdgeParts& parts() { return dynamic_cast<EdgeParts&>(daemon->parts()); }
};

// --- site routing ---

TEST_F(EdgePartsTest, TheOverlayGoesThroughARelayThatWorks) {
    start(two_relays());
    seconds(3, {"r1"});
    EXPECT_EQ(overlay_by(), "ulg-r2");
    EXPECT_THAT(daemon->reconciler().problems(), IsEmpty());
}

TEST_F(EdgePartsTest, WhenARelayDiesTheRouteMovesAheadOfThePlan) {
    start(two_relays());
    seconds(3);
    const std::string first = overlay_by();
    const bool was_r1 = first == "ulg-r1";
    seconds(23, {was_r1 ? "r1" : "r2"});
    kernel.take_applied();
    seconds(5, {was_r1 ? "r1" : "r2"});
    EXPECT_NE(overlay_by(), first) << "nothing was received from it for 25 s";
    const auto applied = kernel.take_applied();
    EXPECT_THAT(applied, Contains(HasSubstr("fd12:3456:789a::/48")));
}

TEST_F(EdgePartsTest, AfterARestartTheRouteThatIsThereGoesOn) {
    start(two_relays());
    seconds(3, {"r1"});
    ASSERT_EQ(overlay_by(), "ulg-r2");
    daemon.reset();
    kernel.take_applied();
    start(two_relays());
    EXPECT_EQ(overlay_by(), "ulg-r2");
    EXPECT_THAT(kernel.take_applied(), Not(Contains(HasSubstr("fd12:3456:789a::/48"))));
}

TEST_F(EdgePartsTest, ARouteMoveThatTheKernelRefusesIsTriedAgain) {
    start(two_relays());
    seconds(3, {"r1"});
    ASSERT_EQ(overlay_by(), "ulg-r2");
    const std::string route =
        subject(Step{PutRoute{{prefix("fd12:3456:789a::/48"), kRouteMetric}, {"ulg-r1"}}});
    kernel.refused[route] = std::errc::no_buffer_space;
    seconds(190, {"r2"});
    EXPECT_EQ(overlay_by(), "ulg-r2");
    EXPECT_THAT(daemon->status()->problems, Contains(HasSubstr("fd12:3456:789a::/48")));
    kernel.refused.clear();
    seconds(32, {"r2"});
    EXPECT_EQ(overlay_by(), "ulg-r1");
}

// --- LANs ---

TEST_F(EdgePartsTest, TheAddressIsThereAtTheTakeOverAndThePlanHasNothingLeftToDo) {
    start(edge_text());
    while (!holds("eth0", "fe80::51/128") && host.seconds < 10) {
        kernel.take_applied();
        loop.run_for(1ms);
    }
    ASSERT_TRUE(holds("eth0", "fe80::51/128"));
    EXPECT_THAT(kernel.take_applied(), Contains(HasSubstr("fe80::51")));
    EXPECT_THAT(parts().lans().active(), ElementsAre("eth0"));
    loop.run_for(25ms);
    EXPECT_THAT(kernel.take_applied(), Not(Contains(HasSubstr("fe80::51"))));
}

TEST_F(EdgePartsTest, AnAddressThatTheKernelRefusesAtTheTakeOverComesWithAPlan) {
    const AddressKey key{"eth0", prefix("fe80::51/128")};
    kernel.refused[subject(Step{PutAddress{key, {false, true}}})] = std::errc::no_buffer_space;
    start(edge_text());
    loop.run_for(3s);
    EXPECT_FALSE(holds("eth0", "fe80::51/128"));
    EXPECT_THAT(lan.advertisements, IsEmpty());
    kernel.refused.clear();
    loop.run_for(31s);
    EXPECT_TRUE(holds("eth0", "fe80::51/128"));
    EXPECT_THAT(lan.advertisements, Not(IsEmpty()));
}

TEST_F(EdgePartsTest, ALanWhoseSocketsCannotBeOpenedIsTriedAgainInEachTurn) {
    lan.broken = true;
    start(edge_text());
    loop.run_for(3s);
    EXPECT_THAT(daemon->status()->problems, Contains(HasSubstr("eth0")));
    EXPECT_FALSE(holds("eth0", "fe80::51/128"));
    lan.broken = false;
    loop.run_for(5s);
    EXPECT_TRUE(holds("eth0", "fe80::51/128"));
}

TEST_F(EdgePartsTest, WhatHostsWereToldIsKnownAfterARestart) {
    start(edge_text());
    loop.run_for(5s);
    ASSERT_THAT(lan.advertisements, Not(IsEmpty()));
    daemon->finish();
    const auto text = read_file(paths.advertised_file(), 10000);
    ASSERT_TRUE(text) << text.error().text();
    EXPECT_THAT(*text, HasSubstr("eth0 from fe80::51"));
    daemon.reset();
    std::ofstream{paths.advertised_file(), std::ios::app} << "nobody can read this\n";
    start(edge_text());
    EXPECT_THAT(daemon->reconciler().problems(), IsEmpty());
}

TEST_F(EdgePartsTest, ALanThatIsNoLongerConfiguredTellsItsHostsAndGivesItsAddressUp) {
    start(edge_text("[[lan]]\ninterface = \"eth2\"\nprefix = \"fd12:3456:789a:b::/64\"\n"));
    loop.run_for(5s);
    EXPECT_THAT(daemon->status()->lans, SizeIs(2));
    write_config(edge_text());
    daemon->reload();
    loop.run_for(5s);
    EXPECT_THAT(daemon->status()->lans, SizeIs(1));
    EXPECT_THAT(
        kernel.have.routes,
        Not(Contains(testing::Pair(RouteKey{prefix("fd12:3456:789a:b::/64"), kRouteMetric}, testing::_))));
}

TEST_F(EdgePartsTest, ARouterWithoutARelayIsWorthLess) {
    start(edge_text());
    relay_answers();
    loop.run_for(5s);
    ASSERT_THAT(parts().lans().all(), SizeIs(1));
    const auto deductions = [&] { return parts().lans().all().front()->router().deductions(); };
    EXPECT_THAT(deductions(), IsEmpty());
    loop.run_for(200s);
    ASSERT_THAT(deductions(), Not(IsEmpty()));
    EXPECT_EQ(deductions().front().reason, "no relay can be reached");
}

// --- the clock ---

TEST_F(EdgePartsTest, AClockThatIsBehindKeepsTheTunnelsSilentUntilItIsRight) {
    std::ofstream{paths.clock_file()}
        << std::chrono::floor<std::chrono::seconds>(loop.wall_clock() + 24h).time_since_epoch().count()
        << "\n";
    synchronised = false;
    start(edge_text());
    loop.run_for(2s);
    EXPECT_THAT(daemon->status()->problems, Contains(HasSubstr(paths.clock_file())));
    loop.step_wall_clock(25h);
    loop.run_for(2s);
    EXPECT_THAT(daemon->status()->problems, Not(Contains(HasSubstr(paths.clock_file()))));
}

}  // namespace
}  // namespace ulagate
