// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/kernel/reconciler_story.h"

namespace ulagate::reconciler_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::Field;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

TEST_F(ReconcilerStory, OneRunBringsEverythingUp) {
    const auto report = run();
    EXPECT_TRUE(reconciler_.settled());
    EXPECT_THAT(report.failed, IsEmpty());
    EXPECT_EQ(done(report), kernel_.applied);  // reported as done what was done, and nothing as restored
    EXPECT_EQ(kernel_.have.routes.at(kOverlay).link, "ulg-r1");
    EXPECT_EQ(reconciler_.have().routes, kernel_.have.routes);
    EXPECT_EQ(reconciler_.deadline(), std::nullopt);
    EXPECT_THAT(reconciler_.problems(), IsEmpty());
}

TEST_F(ReconcilerStory, NothingStaleNothingReadNothingDone) {
    settle();
    const unsigned calls = kernel_.calls;
    EXPECT_THAT(run().done, IsEmpty());
    EXPECT_EQ(kernel_.calls, calls);
    EXPECT_TRUE(reconciler_.settled());

    Stale routes;
    routes.routes = true;
    reconciler_.mark(routes);
    EXPECT_THAT(run().done, IsEmpty());
    EXPECT_EQ(kernel_.calls, calls + 2);
    mark_all();
    EXPECT_THAT(run().done, IsEmpty());
    EXPECT_EQ(kernel_.calls, calls + 10);
}

TEST_F(ReconcilerStory, RefreshSaysWhetherAnythingIsOther) {
    settle();
    EXPECT_EQ(reconciler_.refresh().value(), false);
    mark_all();
    EXPECT_EQ(reconciler_.refresh().value(), false);
    kernel_.have.links["eth0"].running = false;
    EXPECT_EQ(reconciler_.refresh().value(), false);  // nobody said that it may be
    mark_all();
    EXPECT_TRUE(reconciler_.settled());
    EXPECT_EQ(reconciler_.refresh().value(), true);
    EXPECT_FALSE(reconciler_.settled());  // nobody has looked at the change yet
    EXPECT_EQ(reconciler_.refresh().value(), false);
    EXPECT_FALSE(reconciler_.settled());
    run();
    EXPECT_TRUE(reconciler_.settled());
}

// --- a foreign hand ---

TEST_F(ReconcilerStory, WhatAForeignHandRemovesIsRestoredAndReportedOnce) {
    settle();
    const Have before = kernel_.have;
    const std::vector<std::pair<std::function<void(Have&)>, std::vector<std::string>>> hands{
        {[](Have& have) { have.routes.erase(kOverlay); },
         {"add route fd12:3456:789a::/48 metric 128 dev ulg-r1, restored"}},
        {[](Have& have) { have.routes[kOverlay] = {}; },
         {"add route fd12:3456:789a::/48 metric 128 dev ulg-r1, restored"}},
        {[](Have& have) {
             have.addresses.erase({"lo", prefix("fd99::a1/128")});
         },
         {"add address fd99::a1/128 on lo, restored"}},
        {[](Have& have) { have.firewall.reset(); }, {"apply firewall, mode appliance, restored"}},
        {[](Have& have) { have.sysctls["net/ipv6/conf/all/forwarding"] = "0"; },
         {"set sysctl net/ipv6/conf/all/forwarding = 1, restored"}},
    };
    for (const auto& [hand, expected] : hands) {
        hand(kernel_.have);
        mark_all();
        EXPECT_EQ(done(run()), expected);
        expect_same(kernel_.have, before);
        mark_all();
        EXPECT_THAT(run().done, IsEmpty());
    }
}

TEST_F(ReconcilerStory, ATunnelThatAForeignHandRemovesIsRestored) {
    settle();
    const Have before = kernel_.have;
    kernel_.foreign_remove_link("ulg-r1");
    mark_all();
    const auto report = run();
    EXPECT_THAT(done(report), ElementsAre("create interface ulg-r1, restored",
                                          AllOf(StartsWith("configure interface ulg-r1: private key"),
                                                EndsWith(", restored")),
                                          "set interface ulg-r1 up, MTU 1420, restored",
                                          "add route fd12:3456:789a::/48 metric 128 dev ulg-r1, restored",
                                          "add route fd99::1/128 metric 128 dev ulg-r1, restored"));
    expect_same(kernel_.have, before);
}

TEST_F(ReconcilerStory, APeerThatIsMadeAnewIsNoForeignHand) {
    settle();
    facts_.relays.at("r1").renew_peer = true;
    EXPECT_THAT(done(run()), ElementsAre(StartsWith("configure interface ulg-r1: ")));
    EXPECT_THAT(kernel_.have.tunnels["ulg-r1"].peers, IsEmpty());
    facts_.relays.at("r1").renew_peer = false;
    EXPECT_THAT(done(run()), ElementsAre(AllOf(StartsWith("configure interface ulg-r1: peer"),
                                               Not(EndsWith(", restored")))));
    EXPECT_THAT(kernel_.have.tunnels["ulg-r1"].peers, SizeIs(1));
    kernel_.have.tunnels["ulg-r1"].peers.clear();
    mark_all();
    EXPECT_THAT(done(run()), ElementsAre(EndsWith(", restored")));  // the next time it was not us
}

TEST_F(ReconcilerStory, APeerThatRoamsIsNoForeignHand) {
    settle();
    for (auto& [key, peer] : kernel_.have.tunnels["ulg-r1"].peers) peer.endpoint = fake::kRelay4;
    mark_all();
    const auto report = run();
    ASSERT_THAT(report.done, SizeIs(1));
    EXPECT_FALSE(report.done[0].restored);
}

TEST_F(ReconcilerStory, ARouteThatIsOnlyToldToBeStaleElsewhereIsNotMissed) {
    settle();
    kernel_.have.routes.erase(kOverlay);
    Stale links;
    links.links = true;
    reconciler_.mark(links);
    EXPECT_THAT(run().done, IsEmpty());
    EXPECT_FALSE(kernel_.have.routes.contains(kOverlay));
    mark_all();
    EXPECT_THAT(run().done, SizeIs(1));
}

TEST_F(ReconcilerStory, ChangesOfOursAreNotCalledRestored) {
    settle();
    config_.lans.front().prefix = prefix("fd12:3456:789a:b::/64");
    facts_.relays["r1"].egress = Egress{"eth1", 1492};
    const auto report = run();
    EXPECT_THAT(report.done, Not(IsEmpty()));
    EXPECT_THAT(report.done, Each(Field(&Reconciler::Done::restored, false)));

    kernel_.have.links["eth0"].up = false;
    mark_all();
    run();
    kernel_.have.links["eth0"].up = true;
    mark_all();
    const auto up = run();
    EXPECT_THAT(done(up), Contains("add address fd12:3456:789a:b::1/64 on eth0"));
    EXPECT_THAT(up.done, Each(Field(&Reconciler::Done::restored, false)));
}

// --- limits ---

TEST_F(ReconcilerStory, SlowStepsWaitUntilThereIsTimeForThem) {
    const auto quick = run(false);
    EXPECT_THAT(done(quick), Contains("add address fd12:3456:789a:a::1/64 on eth0"));
    EXPECT_THAT(done(quick), Not(Contains("create interface ulg-r1")));
    EXPECT_FALSE(reconciler_.settled());
    EXPECT_EQ(reconciler_.deadline(), std::nullopt);
    EXPECT_THAT(run(false).done, IsEmpty());
    EXPECT_THAT(done(run()), Contains("create interface ulg-r1"));
    EXPECT_TRUE(reconciler_.settled());
}

TEST_F(ReconcilerStory, TheEndRemovesAllOfOursAndPutsTheSettingsBack) {
    settle();
    mark_all();
    ASSERT_TRUE(reconciler_.refresh());
    const Wanted nothing = nothing_wanted(reconciler_.have());
    reconciler_.run([&](const Have&) { return nothing; }, now_);
    EXPECT_TRUE(reconciler_.settled());
    EXPECT_EQ(kernel_.have.sysctls, fake::machine().sysctls);
    EXPECT_EQ(kernel_.have.links, fake::machine().links);
    EXPECT_EQ(kernel_.have.addresses, fake::machine().addresses);
    EXPECT_THAT(kernel_.have.routes, IsEmpty());
    EXPECT_THAT(kernel_.have.tunnels, IsEmpty());
}

// Ten thousand of them are not read again each time that something is sent to a few.
TEST_F(ReconcilerStory, WhatIsDoneToAPeerAsKnownIsNotReadAgain) {
    settle();
    const wg::PublicKey relay = config_.relays.front().public_key;
    wg::DeviceChange change;
    wg::PeerChange& peer = change.peers.emplace_back();
    peer.key = relay;
    peer.update_only = true;
    peer.keepalive_seconds = 7;
    const unsigned calls = kernel_.calls;
    const auto report = reconciler_.apply_as_known(ConfigureTunnel{"ulg-r1", change}, now_);
    EXPECT_EQ(report.done.size(), 1U);
    EXPECT_EQ(kernel_.have.tunnels.at("ulg-r1").peers.at(relay).keepalive_seconds, 7);
    EXPECT_EQ(reconciler_.have().tunnels.at("ulg-r1").peers.at(relay).keepalive_seconds, 7);
    EXPECT_EQ(reconciler_.refresh().value(), false);
    EXPECT_EQ(kernel_.calls, calls + 1);
}

TEST_F(ReconcilerStory, ButWhatFailedIs) {
    settle();
    wg::DeviceChange change;
    change.listen_port = 7;
    const Step step = ConfigureTunnel{"ulg-r1", change};
    kernel_.refused[subject(step)] = std::errc::no_such_device;
    const auto report = reconciler_.apply_as_known(step, now_);
    EXPECT_EQ(report.failed.size(), 1U);
    EXPECT_NE(reconciler_.have().tunnels.at("ulg-r1").listen_port, 7);
    const unsigned calls = kernel_.calls;
    EXPECT_TRUE(reconciler_.refresh().has_value());
    EXPECT_EQ(kernel_.calls, calls + 1) << "the tunnels are read";
}

}  // namespace
}  // namespace ulagate::reconciler_test
