// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/daemon.h"

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
using ::testing::StartsWith;

class DaemonTest : public fake::DaemonStory {};

// --- start ---

TEST_F(DaemonTest, AnEdgeStartsWithOnePlanAndIsReady) {
    start(edge_text());
    EXPECT_THAT(host.said, ElementsAre("ready edge a1"));
    EXPECT_TRUE(kernel.have.tunnels.contains("ulg-r1"));
    EXPECT_TRUE(kernel.have.firewall);
    EXPECT_TRUE(holds("lo", "fd99::a1/128"));
    EXPECT_THAT(daemon->reconciler().problems(), IsEmpty());
    kernel.take_applied();
    loop.run_for(10s);
    EXPECT_GE(host.seconds, 10U);
    EXPECT_FALSE(daemon->status()->lans.empty());
}

// Its first turn leaves interfaces out, since making them takes longer than all the rest.
TEST_F(DaemonTest, ItIsReadyOnlyWhenItsInterfacesAreThereToo) {
    std::optional<bool> there;
    host.when_ready = [&] { there = kernel.have.tunnels.contains("ulg-s1"); };
    start(relay_text());
    EXPECT_EQ(there, true);
}

TEST_F(DaemonTest, WhatIsInPlaceIsNotTouchedAgain) {
    start(relay_text());
    loop.run_for(2s);
    kernel.take_applied();
    loop.run_for(3min);
    EXPECT_THAT(kernel.take_applied(), IsEmpty());
}

TEST_F(DaemonTest, ARouterAloneBecomesActiveHoldsTheAddressAndAdvertises) {
    start(edge_text());
    EXPECT_FALSE(holds("eth0", "fe80::51/128"));
    loop.run_for(5s);
    EXPECT_TRUE(holds("eth0", "fe80::51/128"));
    EXPECT_THAT(lan.vrrp, Not(IsEmpty()));
    EXPECT_THAT(lan.advertisements, Not(IsEmpty()));
    // And it stays so: the kernel is told each second, or it would take the address away.
    kernel.have.addresses.erase({"eth0", prefix("fe80::51/128")});
    daemon->on_kernel_change(RtnlChanges{false, true, false, false, false, false});
    loop.run_for(50ms);
    EXPECT_TRUE(holds("eth0", "fe80::51/128"));
}

// --- a kernel call that fails, whichever it is ---

TEST_F(DaemonTest, AnyCallOfTheKernelMayFailOnceAtTheStart) {
    start(edge_text());
    const unsigned calls = kernel.calls;
    const auto good = kernel.have.routes;
    for (unsigned n = 1; n <= calls; ++n) {
        daemon.reset();
        kernel.have = fake::machine();
        kernel.originals.clear();
        kernel.calls = 0;
        kernel.out = [n](unsigned call) { return call == n; };
        start(edge_text());
        kernel.out = nullptr;
        loop.run_for(3s);
        EXPECT_EQ(kernel.have.routes, good) << "call " << n;
        EXPECT_THAT(daemon->reconciler().problems(), IsEmpty()) << "call " << n;
    }
}

TEST_F(DaemonTest, AStepThatTheKernelRefusesIsNamedInTheStatusUntilItSucceeds) {
    const std::string tunnel = subject(Step{CreateTunnel{"ulg-r1"}});
    kernel.refused[tunnel] = std::errc::operation_not_supported;
    start(edge_text());
    loop.run_for(5s);
    EXPECT_THAT(daemon->status()->problems, Contains(HasSubstr("ulg-r1")));
    EXPECT_TRUE(holds("lo", "fd99::a1/128")) << "the rest is there";
    kernel.refused.clear();
    loop.run_for(31s);
    EXPECT_TRUE(kernel.have.tunnels.contains("ulg-r1"));
    EXPECT_THAT(daemon->reconciler().problems(), IsEmpty());
}

TEST_F(DaemonTest, AForeignHandIsUndone) {
    start(edge_text());
    loop.run_for(2s);
    kernel.foreign_remove_link("ulg-r1");
    daemon->on_kernel_change(RtnlChanges{true, true, true, false, false, false});
    loop.run_for(100ms);
    EXPECT_TRUE(kernel.have.tunnels.contains("ulg-r1"));
}

TEST_F(DaemonTest, WithoutAKeyNothingIsEncryptedAndTheFileIsReadAgain) {
    std::filesystem::rename(key_file(), key_file() + ".away");
    start(edge_text());
    loop.run_for(2s);
    EXPECT_THAT(daemon->status()->problems, Contains(HasSubstr("tunnel.key")));
    EXPECT_THAT(host.said, ElementsAre("ready edge a1"));
    std::filesystem::rename(key_file() + ".away", key_file());
    loop.run_for(6s);
    EXPECT_THAT(daemon->status()->problems, Not(Contains(HasSubstr("tunnel.key"))));
    EXPECT_THAT(kernel.have.tunnels.at("ulg-r1").peers, SizeIs(1));
}

// --- reload ---

TEST_F(DaemonTest, AReloadTakesTheNewConfiguration) {
    start(edge_text());
    loop.run_for(2s);
    write_config(
        edge_text(fmt::format("[[relay]]\nname = \"r2\"\naddress = \"fd99::2\"\npublic_key = \"{}\"\n"
                              "endpoint = \"192.0.2.2:51820\"\n",
                              wg::to_string(fake::key(8)))));
    host.said.clear();
    daemon->reload();
    EXPECT_THAT(host.said, ElementsAre("reloading", "ready done"));
    EXPECT_TRUE(kernel.have.tunnels.contains("ulg-r1"));
    EXPECT_TRUE(kernel.have.tunnels.contains("ulg-r2"));
    EXPECT_EQ(daemon->status()->last_reload, "done");
}

TEST_F(DaemonTest, AFileWithAnErrorChangesNothing) {
    start(edge_text());
    loop.run_for(2s);
    kernel.take_applied();
    write_config(edge_text("[nonsense]\n"));
    host.said.clear();
    daemon->reload();
    ASSERT_THAT(host.said, SizeIs(2));
    EXPECT_THAT(host.said.back(), StartsWith("ready refused, keeping the old configuration: "));
    EXPECT_THAT(kernel.take_applied(), IsEmpty());
    EXPECT_THAT(daemon->status()->last_reload, HasSubstr("nonsense"));
}

TEST_F(DaemonTest, AnotherRoleIsRefused) {
    start(edge_text());
    write_config(relay_text());
    daemon->reload();
    EXPECT_THAT(daemon->status()->last_reload, HasSubstr("role cannot change"));
    EXPECT_EQ(daemon->config().role, Role::edge);
}

// The new relay's tunnel is made, the overlay's second LAN is not: all of it goes back.
TEST_F(DaemonTest, AReloadThatFailsInTheMiddleGoesBackToWhatWas) {
    start(edge_text());
    loop.run_for(5s);
    const Have before = kernel.have;
    write_config(
        edge_text(fmt::format("[[relay]]\nname = \"r2\"\naddress = \"fd99::2\"\npublic_key = \"{}\"\n"
                              "endpoint = \"192.0.2.2:51820\"\n"
                              "[[lan]]\ninterface = \"eth2\"\nprefix = \"fd12:3456:789a:b::/64\"\n",
                              wg::to_string(fake::key(8)))));
    for (const Step& step : plan(
             [&] {
                 Facts facts = fake::facts(read_config(read_file(paths.config_file, 10000).value()));
                 return desired(read_config(read_file(paths.config_file, 10000).value()), facts, kernel.have);
             }(),
             kernel.have)) {
        if (const auto* route = std::get_if<PutRoute>(&step);
            route != nullptr && route->target.link == "eth2")
            kernel.refused[subject(step)] = std::errc::no_buffer_space;
    }
    ASSERT_THAT(kernel.refused, Not(IsEmpty()));
    host.said.clear();
    daemon->reload();
    ASSERT_THAT(host.said, SizeIs(2));
    EXPECT_THAT(host.said.back(), StartsWith("ready refused, keeping the old configuration: "));
    EXPECT_FALSE(kernel.have.tunnels.contains("ulg-r2"));
    EXPECT_EQ(kernel.have.routes, before.routes);
    EXPECT_EQ(kernel.have.addresses, before.addresses);
    EXPECT_EQ(daemon->config().relays.size(), 1U);
}

TEST_F(DaemonTest, AReloadWhoseStepsGoOnInTheBackgroundEndsWithThem) {
    start(edge_text());
    loop.run_for(2s);
    write_config(
        edge_text(fmt::format("[[relay]]\nname = \"r2\"\naddress = \"fd99::2\"\npublic_key = \"{}\"\n"
                              "endpoint = \"192.0.2.2:51820\"\n",
                              wg::to_string(fake::key(8)))));
    const std::string place = place_of(CreateTunnel{"ulg-r2"});
    kernel.slow.insert(place);
    host.said.clear();
    daemon->reload();
    EXPECT_THAT(host.said, ElementsAre("reloading"));
    daemon->reload();  // meanwhile: it comes after this one
    kernel.slow.clear();
    kernel.finish(place);
    daemon->on_background_end();
    loop.settle();
    EXPECT_THAT(host.said, ElementsAre("reloading", "ready done", "reloading", "ready done"));
    EXPECT_TRUE(kernel.have.tunnels.contains("ulg-r2"));
}

// --- the end ---

TEST_F(DaemonTest, ABackupThatStopsTakesAllDownAtOnce) {
    start(edge_text());
    daemon->hand_over();
    loop.run_for(50ms);
    EXPECT_TRUE(exited());
    EXPECT_TRUE(host.clean);
    EXPECT_THAT(left_over(), IsEmpty());
    EXPECT_FALSE(kernel.have.tunnels.contains("ulg-r1"));
}

TEST_F(DaemonTest, AnActiveRouterWithoutASuccessorForwardsForTheWholeLimit) {
    start(edge_text());
    relay_answers();
    loop.run_for(5s);
    ASSERT_TRUE(holds("eth0", "fe80::51/128"));
    daemon->hand_over();
    EXPECT_FALSE(holds("eth0", "fe80::51/128")) << "the address is for the next one";
    EXPECT_TRUE(kernel.have.tunnels.contains("ulg-r1"));
    loop.run_for(1900ms);
    EXPECT_FALSE(exited()) << "somebody may still send to us";
    EXPECT_TRUE(kernel.have.tunnels.contains("ulg-r1"));
    loop.run_for(8s);
    EXPECT_TRUE(exited());
    EXPECT_THAT(left_over(), IsEmpty());
    EXPECT_THAT(host.said, Contains("stopping"));
}

// What was on its way here when the other one took over still arrives within 300 ms.
TEST_F(DaemonTest, AHandOverEndsSoonAfterAnotherRouterWasHeardAsActive) {
    start(edge_text());
    relay_answers();
    loop.run_for(5s);
    ASSERT_TRUE(holds("eth0", "fe80::51/128"));
    daemon->hand_over();
    loop.run_for(200ms);
    hear_active_router("fe80::2", 100);
    loop.run_for(250ms);
    EXPECT_FALSE(exited());
    EXPECT_TRUE(kernel.have.tunnels.contains("ulg-r1")) << "it forwards";
    loop.run_for(100ms);
    EXPECT_TRUE(exited());
    EXPECT_THAT(left_over(), IsEmpty());
}

TEST_F(DaemonTest, ATakeDownWaitsForWhatIsUnderWayButNotForEver) {
    start(edge_text());
    kernel.slow.insert(place_of(RemoveTunnel{"ulg-r1"}));
    daemon->hand_over();
    loop.run_for(4s);
    EXPECT_FALSE(exited());
    loop.run_for(2s);
    EXPECT_TRUE(exited());
    EXPECT_FALSE(host.clean) << "something is still there";
}

TEST_F(DaemonTest, AStepThatFailsWhileTakingDownDoesNotKeepTheRest) {
    start(edge_text());
    kernel.refused[subject(Step{RemoveTunnel{"ulg-r1"}})] = std::errc::device_or_resource_busy;
    daemon->hand_over();
    loop.run_for(6s);
    EXPECT_TRUE(exited());
    EXPECT_FALSE(host.clean);
    EXPECT_FALSE(holds("lo", "fd99::a1/128"));
}

TEST_F(DaemonTest, AWithdrawalTellsTheHostsThenAnswersThenExits) {
    start(edge_text());
    loop.run_for(5s);
    std::vector<std::string> answers;
    daemon->withdraw([&](const std::string& error) { answers.push_back(error); });
    daemon->withdraw([&](const std::string& error) { answers.push_back("second: " + error); });
    EXPECT_THAT(answers, ElementsAre("second: already withdrawing"));
    write_config(edge_text());
    daemon->reload();
    EXPECT_THAT(host.said, Not(Contains("reloading"))) << "not any more";
    loop.run_for(61s);
    EXPECT_THAT(answers, ElementsAre("second: already withdrawing", ""));
    EXPECT_TRUE(exited());
    EXPECT_THAT(left_over(), IsEmpty());
    ASSERT_THAT(lan.advertisements, Not(IsEmpty()));
}

// --- a relay ---

TEST_F(DaemonTest, ARelayMovesASiteToTheRouterThatClaimsItAndSaysGoodbye) {
    start(relay_text());
    EXPECT_THAT(host.said, ElementsAre("ready relay r1"));
    const RouteKey site{prefix("fd12:3456:789a:a::/64"), kRouteMetric};
    EXPECT_EQ(kernel.have.routes.at(site).link, "ulg-s1");
    wire.hear(address("fd99::a2"), wg::control::Claim{{site.destination}, 1, 100});
    EXPECT_EQ(kernel.have.routes.at(site).link, "ulg-s2");
    loop.run_for(1s);
    EXPECT_EQ(daemon->status()->routers.size(), 2U);
    daemon->hand_over();
    EXPECT_THAT(wire.sent_to<wg::control::Goodbye>(address("fd99::a2")), Not(IsEmpty()));
    loop.run_for(450ms);
    EXPECT_FALSE(exited()) << "it forwards until the routers have moved";
    EXPECT_EQ(kernel.have.routes.at(site).link, "ulg-s2");
    loop.run_for(200ms);
    EXPECT_TRUE(exited());
    EXPECT_THAT(left_over(), IsEmpty());
}

TEST_F(DaemonTest, ARelayWithdrawsAtOnce) {
    start(relay_text());
    std::vector<std::string> answers;
    daemon->withdraw([&](const std::string& error) { answers.push_back(error); });
    EXPECT_THAT(answers, ElementsAre(""));
    EXPECT_FALSE(exited()) << "the answer still has to leave";
    loop.run_for(100ms);
    EXPECT_TRUE(exited());
    EXPECT_THAT(left_over(), IsEmpty());
}

}  // namespace
}  // namespace ulagate
