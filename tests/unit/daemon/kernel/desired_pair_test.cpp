// SPDX-License-Identifier: GPL-2.0-or-later
// What should be in the kernel of one of two routers, and of a relay that serves both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/kernel/plan.h"
#include "daemon/kernel/reconciler.h"
#include "tests/unit/daemon/kernel/fake_kernel.h"

namespace ulagate::desired_pair_test {
namespace {

using fake::edge;
using fake::facts;
using fake::key;
using fake::machine;
using fake::relay;
using fake::with_tunnels;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::Not;

const AddressKey kVirtual{"eth0", {address("fe80::5eed"), 128}};
const AddressKey kSiteFirst{"eth0", prefix("fd12:3456:789a:a::1/64")};

Config pair(bool virtual_mac = false) {
    Config config = edge();
    VrrpConfig vrrp;
    vrrp.machine.vrid = 51;
    vrrp.machine.address = address("fe80::5eed");
    vrrp.virtual_mac = virtual_mac;
    config.lans.front().vrrp = vrrp;
    return config;
}

Facts active(const Config& config) {
    Facts now = facts(config);
    now.active_lans = {"eth0"};
    return now;
}

Have settled(const Config& config, const Facts& now, Have have) {
    for (int round = 0; round < 5; ++round) {
        for (const Step& step : plan(desired(config, now, have), have)) simulate(have, step);
    }
    return have;
}

TEST(DesiredPair, V22_ABackupHoldsNeitherTheVirtualAddressNorTheFirstOfTheSite) {
    const Wanted wanted = desired(pair(), facts(pair()), machine());
    EXPECT_FALSE(wanted.addresses.contains(kVirtual));
    EXPECT_FALSE(wanted.addresses.contains(kSiteFirst));
    // But it forwards: what still reaches it at a hand-over must not die.
    EXPECT_TRUE(wanted.routes.contains({prefix("fd12:3456:789a:a::/64"), kRouteMetric}));
}

TEST(DesiredPair, V44_TheActiveRouterHoldsBothLeasedAndWithoutDuplicateDetection) {
    const Wanted wanted = desired(pair(), active(pair()), machine());
    EXPECT_EQ(wanted.addresses.at(kVirtual), (AddressWish{false, true}));
    EXPECT_EQ(wanted.addresses.at(kSiteFirst), (AddressWish{false, true}));
}

TEST(DesiredPair, TheAddressThatHostsSendToIsPutFirst) {
    EXPECT_THAT(virtual_addresses(pair().lans.front()), ElementsAre(kVirtual, kSiteFirst));
    EXPECT_THAT(
        virtual_addresses(pair(true).lans.front()),
        ElementsAre(AddressKey{"ulg-v51", kVirtual.address}, AddressKey{"ulg-v51", kSiteFirst.address}));
}

TEST(DesiredPair, V49_AnAddressThatACrashHasLeftIsRemovedBeforeTheRouterIsABackup) {
    Have have = settled(pair(), active(pair()), machine());
    ASSERT_TRUE(have.addresses.contains(kVirtual));
    const auto steps = fake::described(plan(desired(pair(), facts(pair()), have), have));
    EXPECT_THAT(steps, Contains("remove address fe80::5eed/128 on eth0"));
    EXPECT_THAT(steps, Contains("remove address fd12:3456:789a:a::1/64 on eth0"));
}

TEST(DesiredPair, V40_TheVirtualMacIsOnAMacvlanThatIsUpOnTheActiveRouterOnly) {
    const Config config = pair(true);
    Have have = settled(config, facts(config), machine());
    ASSERT_TRUE(have.links.contains("ulg-v51"));
    EXPECT_EQ(have.links.at("ulg-v51").mac, (net::MacAddress{{0, 0, 0x5e, 0, 2, 51}}));
    EXPECT_FALSE(have.links.at("ulg-v51").up);

    have = settled(config, active(config), std::move(have));
    EXPECT_TRUE(have.links.at("ulg-v51").up);
    EXPECT_TRUE(have.addresses.contains({"ulg-v51", kVirtual.address}));
    EXPECT_TRUE(have.addresses.contains({"ulg-v51", kSiteFirst.address}));
    EXPECT_FALSE(have.addresses.contains(kVirtual));

    have = settled(config, facts(config), std::move(have));
    EXPECT_FALSE(have.links.at("ulg-v51").up);
    have = settled(pair(false), facts(pair()), std::move(have));
    EXPECT_FALSE(have.links.contains("ulg-v51"));
}

TEST(DesiredPair, AMacvlanIsNoTunnel) {
    EXPECT_TRUE(is_macvlan_name("ulg-v51"));
    EXPECT_FALSE(is_tunnel_name("ulg-v51"));
    for (const char* tunnel : {"ulg-r1", "ulg-v", "ulg-v5x", "ulg-s1"}) {
        EXPECT_FALSE(is_macvlan_name(tunnel)) << tunnel;
        EXPECT_TRUE(is_tunnel_name(tunnel)) << tunnel;
    }
    EXPECT_FALSE(is_tunnel_name("eth0"));
}

TEST(DesiredPair, AMacvlanWaitsForItsLan) {
    Have have = machine();
    have.links.erase("eth0");
    EXPECT_FALSE(settled(pair(true), active(pair(true)), have).links.contains("ulg-v51"));
}

TEST(DesiredPair, V37_TheFirewallClosesTheVirtualAddressUnlessAcceptIsOn) {
    Config config = pair(true);
    const auto lans = [&] { return desired(config, facts(config), machine()).firewall.lans; };
    const net::Ipv6Prefix lan = prefix("fd12:3456:789a:a::/64");
    EXPECT_THAT(lans(), ElementsAre(firewall::Lan{"eth0", lan, true, address("fe80::5eed")},
                                    firewall::Lan{"ulg-v51", lan, true, address("fe80::5eed")}));
    config.lans.front().vrrp->accept = true;
    EXPECT_THAT(lans(),
                ElementsAre(firewall::Lan{"eth0", lan, true, {}}, firewall::Lan{"ulg-v51", lan, true, {}}));
}

// A plain relay has one key for the site: two routers that use it at once would fight for it.
TEST(DesiredPair, OnlyTheActiveRouterTalksToAPlainRelay) {
    Config config = pair();
    config.relays.front().kind = RelayKind::plain;
    const auto peers = [&](const Facts& now) {
        return desired(config, now, machine()).tunnels.at("ulg-r1").device->peers.size();
    };
    EXPECT_EQ(peers(facts(config)), 0U);
    EXPECT_FALSE(may_use(config, facts(config), config.relays.front()));
    EXPECT_EQ(peers(active(config)), 1U);
    EXPECT_TRUE(may_use(config, active(config), config.relays.front()));
    config.lans.front().vrrp.reset();
    EXPECT_EQ(peers(facts(config)), 1U);
    EXPECT_TRUE(may_use(config, facts(config), config.relays.front()));
}

// What a plain relay still sends to the old router until the new one has shaken hands is forwarded; but the
// shared key may not be heard from the old one any more, or the relay would answer to there.
TEST(DesiredPair, ASharedKeyIsKeptWhileItsRouterHandsOverAndNotUsed) {
    Config config = pair();
    config.relays.front().kind = RelayKind::plain;
    const wg::PublicKey relay_key = config.relays.front().public_key;
    Facts now = active(config);
    Have have = with_tunnels(machine(), {"ulg-r1"});
    ASSERT_EQ(desired(config, now, have).tunnels.at("ulg-r1").device->peers.at(relay_key).keepalive_seconds,
              25);
    now.active_lans.clear();
    now.handing_over = true;
    const auto peers = [&] { return desired(config, now, have).tunnels.at("ulg-r1").device->peers; };
    EXPECT_FALSE(peers().contains(relay_key)) << "it was not there, and nothing is begun";
    have.tunnels["ulg-r1"].peers[relay_key] = {};
    EXPECT_EQ(peers().at(relay_key).keepalive_seconds, 0);
    config.relays.front().kind = RelayKind::ulagate;
    EXPECT_EQ(peers().at(relay_key).keepalive_seconds, 25);
    config.relays.front().kind = RelayKind::plain;
    now.handing_over = false;
    EXPECT_FALSE(peers().contains(relay_key));
}

TEST(DesiredPair, ARelaySendsASiteToTheRouterThatOwnsIt) {
    Config config = relay();
    SiteConfig& site = config.sites.front();
    site.prefixes = {prefix("fd12:3456:789a:a::/64"), prefix("fd12:3456:789a:aa::/64")};
    site.routers = {{"a1", address("fd99::a:1"), key(1), 200}, {"a2", address("fd99::a:2"), key(2), 100}};
    const Have have = with_tunnels(machine(), {"ulg-s1", "ulg-s2"});
    Facts now = facts(config);
    const auto interface_of = [&](std::size_t which) {
        return desired(config, now, have).routes.at({site.prefixes.at(which), kRouteMetric}).link;
    };
    EXPECT_EQ(interface_of(0), "ulg-s1");  // nobody has claimed it: the priority decides
    now.owners[site.prefixes.at(0)] = 1;
    EXPECT_EQ(interface_of(0), "ulg-s2");
    EXPECT_EQ(interface_of(1), "ulg-s1");
    now.owners[site.prefixes.at(0)] = 7;  // of a configuration that is gone
    EXPECT_EQ(interface_of(0), "ulg-s1");
    // Both routers may send at any time.
    const auto peers = desired(config, now, have).tunnels;
    EXPECT_TRUE(peers.at("ulg-s1").device->peers.at(key(1)).allowed_ips.contains(site.prefixes.at(0)));
    EXPECT_TRUE(peers.at("ulg-s2").device->peers.at(key(2)).allowed_ips.contains(site.prefixes.at(0)));
}

class LeaseStory : public testing::Test {
protected:
    Reconciler::Report run() {
        return reconciler_.run([&](const Have& have) { return desired(config_, facts_, have); }, now_);
    }
    Reconciler::Report renew() {
        return reconciler_.renew_leases([this] { return now_; });
    }
    // Each call into the kernel takes so long, as long as there are times left.
    void kernel_takes(std::vector<std::chrono::milliseconds> times) {
        kernel_.out = [this, times = std::move(times), call = std::size_t{0}](unsigned) mutable {
            if (call < times.size()) now_ += times.at(call++);
            return false;
        };
    }
    Config config_ = pair();
    Facts facts_ = active(config_);
    fake::FakeKernel kernel_;
    Reconciler reconciler_{kernel_};
    Reconciler::TimePoint now_{std::chrono::seconds{1000}};
};

TEST_F(LeaseStory, V51_LeasedAddressesAreRenewedWhileTheyAreWanted) {
    run();
    kernel_.applied.clear();
    EXPECT_THAT(renew().failed, testing::IsEmpty());
    EXPECT_THAT(kernel_.take_applied(), ElementsAre("add address fd12:3456:789a:a::1/64 on eth0",
                                                    "add address fe80::5eed/128 on eth0"));
    facts_.active_lans.clear();
    run();
    kernel_.applied.clear();
    renew();
    EXPECT_THAT(kernel_.applied, testing::IsEmpty());
}

TEST_F(LeaseStory, V51_LeasesThatWereRenewedFarApartAreRenewedTogether) {
    using namespace std::chrono_literals;
    run();
    kernel_.applied.clear();
    kernel_takes({7ms, 8ms});
    renew();
    EXPECT_EQ(kernel_.take_applied().size(), 2U) << "near enough";
    kernel_takes({1ms, 15ms});
    renew();
    EXPECT_EQ(kernel_.take_applied().size(), 4U) << "the kernel would take one away a second after the other";
    kernel_takes({1ms, 30ms, 1ms, 30ms, 1ms, 30ms, 1ms, 30ms});
    renew();
    EXPECT_EQ(kernel_.take_applied().size(), 6U) << "but the loop has other work";
}

TEST_F(LeaseStory, ARenewalThatFailsIsSaidAndTheAddressPutBack) {
    run();
    kernel_.refused["address fe80::5eed/128 on eth0"] = std::errc::no_buffer_space;
    const auto report = renew();
    EXPECT_THAT(report.failed,
                ElementsAre(Field(&Reconciler::Failed::what, "renew address fe80::5eed/128 on eth0")));
    kernel_.refused.clear();
    kernel_.have.addresses.erase(kVirtual);  // meanwhile it has run out
    now_ += std::chrono::seconds{1};
    run();
    EXPECT_TRUE(kernel_.have.addresses.contains(kVirtual));
    EXPECT_THAT(reconciler_.problems(),
                Not(Contains(testing::Pair("address fe80::5eed/128 on eth0", testing::_))));
}

TEST_F(LeaseStory, AStepAheadOfThePlanIsNotRepeated) {
    run();
    const RouteKey key{prefix("fd12:3456:789a:a::/64"), kRouteMetric};
    const auto report = reconciler_.apply_ahead(DeleteRoute{key, {"eth0"}}, now_);
    EXPECT_EQ(report.done.size(), 1U);
    EXPECT_FALSE(kernel_.have.routes.contains(key));
    run();  // it was not what the plan wants, so it is put back
    EXPECT_TRUE(kernel_.have.routes.contains(key));
}

}  // namespace
}  // namespace ulagate::desired_pair_test
