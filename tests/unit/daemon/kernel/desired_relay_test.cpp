// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/daemon/kernel/desired_story.h"

namespace ulagate::desired_relay_test {
namespace {

using desired_story::addresses;
using desired_story::another_relay;
using desired_story::routes;
using fake::edge;
using fake::facts;
using fake::key;
using fake::machine;
using fake::relay;
using fake::with_tunnels;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

RouterConfig router(const std::string& node, std::uint8_t n, std::uint8_t priority) {
    return {node, address(fmt::format("fd99::a:{:x}", n)), key(n), priority};
}

TEST(DesiredRelay, OnAFreshMachineAndWithItsInterface) {
    const Wanted wanted = desired(relay(), facts(relay()), machine());
    EXPECT_THAT(addresses(wanted), ElementsAre("add address fd99::1/128 on lo"));
    EXPECT_THAT(routes(wanted), ElementsAre("add route fd12:3456:789a::/48 metric 65535 unreachable"));
    const TunnelLink& tunnel = wanted.tunnels.at("ulg-s1");
    EXPECT_EQ(tunnel.mtu, 1420U);
    EXPECT_EQ(tunnel.device->listen_port, 51820);
    const wg::PeerConfig& peer = tunnel.device->peers.begin()->second;
    EXPECT_EQ(peer.endpoint, std::nullopt);
    EXPECT_EQ(peer.keepalive_seconds, 0);
    EXPECT_THAT(peer.allowed_ips,
                UnorderedElementsAre(prefix("fd12:3456:789a:a::/64"), prefix("fd99::a1/128")));
    EXPECT_THAT(wanted.firewall.sites, ElementsAre(prefix("fd12:3456:789a:a::/64")));
    EXPECT_EQ(wanted.firewall.role, firewall::Role::relay);

    EXPECT_THAT(routes(desired(relay(), facts(relay()), with_tunnels(machine(), {"ulg-s1"}))),
                ElementsAre("add route fd12:3456:789a::/48 metric 65535 unreachable",
                            "add route fd12:3456:789a:a::/64 metric 128 dev ulg-s1",
                            "add route fd99::a1/128 metric 128 dev ulg-s1"));
}

TEST(DesiredRelay, EachRouterOfASiteHasAnInterfaceAndTheHighestPriorityOwns) {
    Config config = relay();
    config.sites = {
        {"a", {prefix("fd12:3456:789a:a::/64")}, {router("a1", 1, 50), router("a2", 2, 100)}},
        {"b",
         {prefix("fd12:3456:789a:b::/64"), prefix("fd12:3456:789a:c::/64")},
         {router("b1", 3, 100), router("b2", 4, 100), router("b3", 5, 99)}},
    };
    const Wanted wanted =
        desired(config, facts(config), with_tunnels(machine(), {"ulg-s1", "ulg-s2", "ulg-s3"}));
    ASSERT_EQ(wanted.tunnels.size(), 3U);
    EXPECT_EQ(wanted.tunnels.at("ulg-s1").device->peers.size(), 2U);
    EXPECT_EQ(wanted.tunnels.at("ulg-s2").device->peers.size(), 2U);
    EXPECT_EQ(wanted.tunnels.at("ulg-s3").device->peers.size(), 1U);
    EXPECT_EQ(wanted.tunnels.at("ulg-s3").device->listen_port, 51822);
    // Every router may send from every prefix of its site: which one carries is a matter of routes.
    EXPECT_THAT(wanted.tunnels.at("ulg-s2").device->peers.at(key(4)).allowed_ips,
                UnorderedElementsAre(prefix("fd12:3456:789a:b::/64"), prefix("fd12:3456:789a:c::/64"),
                                     prefix("fd99::a:4/128")));
    const auto link_to = [&](const char* to) { return wanted.routes.at({prefix(to), kRouteMetric}).link; };
    EXPECT_EQ(link_to("fd12:3456:789a:a::/64"), "ulg-s2");
    EXPECT_EQ(link_to("fd12:3456:789a:b::/64"), "ulg-s1");  // the first listed of equals
    EXPECT_EQ(link_to("fd12:3456:789a:c::/64"), "ulg-s1");
    EXPECT_EQ(link_to("fd99::a:5/128"), "ulg-s3");
}

TEST(DesiredRelay, ATunnelToAnotherRelayCarriesTheSitesThatAreNotConnectedHere) {
    Config config = relay();
    config.sites = {{"a", {prefix("fd12:3456:789a:a::/64")}, {router("a1", 1, 50)}},
                    {"b", {prefix("fd12:3456:789a:b::/64")}, {router("b1", 2, 50)}}};
    config.relays = {another_relay("r2", 0x12), another_relay("r3", 0x13)};
    Facts now = facts(config);
    now.transit = {{prefix("fd12:3456:789a:b::/64"), "r3"},
                   {prefix("fd12:3456:789a:d::/64"), "r2"}};  // not in the configuration any more
    now.relays["r3"].path_mtu = 1400;
    const Wanted wanted = desired(config, now, with_tunnels(machine(), {"ulg-s1", "ulg-r2", "ulg-r3"}));
    EXPECT_THAT(routes(wanted), ElementsAre("add route fd12:3456:789a::/48 metric 65535 unreachable",
                                            "add route fd12:3456:789a:a::/64 metric 128 dev ulg-s1",
                                            "add route fd12:3456:789a:b::/64 metric 128 dev ulg-r3",
                                            "add route fd99::12/128 metric 128 dev ulg-r2",
                                            "add route fd99::13/128 metric 128 dev ulg-r3",
                                            "add route fd99::a:1/128 metric 128 dev ulg-s1",
                                            "add route fd99::a:2/128 metric 128 dev ulg-s1"));
    const TunnelLink& tunnel = wanted.tunnels.at("ulg-r3");
    EXPECT_EQ(tunnel.mtu, 1312U);
    EXPECT_EQ(tunnel.device->listen_port, 51829);
    const wg::PeerConfig& peer = tunnel.device->peers.at(key(0x13));
    EXPECT_EQ(peer.endpoint, fake::kRelay6);
    EXPECT_THAT(peer.allowed_ips,
                UnorderedElementsAre(prefix("fd12:3456:789a::/48"), prefix("fd99::13/128")));
    std::vector<std::string> to_relays;
    for (const auto& each : wanted.firewall.tunnels) {
        if (each.to_relay) to_relays.push_back(each.interface);
    }
    EXPECT_THAT(to_relays, ElementsAre("ulg-r2", "ulg-r3"));
    // The route to the router waits for the tunnel.
    const Wanted without = desired(config, now, with_tunnels(machine(), {"ulg-s1"}));
    EXPECT_EQ(without.routes.at({prefix("fd12:3456:789a:b::/64"), kRouteMetric}).link, "ulg-s1");
}

TEST(DesiredRelay, EachRouteWaitsForItsInterface) {
    Config config = relay();
    config.sites = {{"a", {prefix("fd12:3456:789a:a::/64")}, {router("a1", 1, 50), router("a2", 2, 100)}}};
    EXPECT_THAT(routes(desired(config, facts(config), with_tunnels(machine(), {"ulg-s1"}))),
                ElementsAre("add route fd12:3456:789a::/48 metric 65535 unreachable",
                            "add route fd99::a:1/128 metric 128 dev ulg-s1"));
}

TEST(DesiredRelay, WithoutSitesOrKeyAndTheMtuOfItsUplink) {
    Config config = relay();
    config.sites.clear();
    EXPECT_EQ(desired(config, facts(config), machine()).tunnels.size(), 1U);

    Facts now = facts(relay());
    now.private_key.reset();
    EXPECT_FALSE(desired(relay(), now, machine()).tunnels.at("ulg-s1").device);
    now.uplink = Egress{"eth1", 1400};
    EXPECT_EQ(desired(relay(), now, machine()).tunnels.at("ulg-s1").mtu, 1312U);
    now.uplink.reset();
    EXPECT_EQ(desired(relay(), now, machine()).tunnels.at("ulg-s1").mtu, 1420U);
}

// After its device was lost, the relay knows where its routers were, and reaches out to one after the other.
TEST(DesiredRelay, ANewPeerHasTheLastEndpointOfItsRouterAndAKeepaliveWhenItIsItsTurn) {
    const wg::PublicKey router_key = relay().sites[0].routers[0].public_key;
    Facts now = facts(relay());
    now.last_endpoints[router_key] = fake::kRelay4;
    const auto peer = [&](const Have& have) {
        return desired(relay(), now, have).tunnels.at("ulg-s1").device->peers.at(router_key);
    };
    Have have = with_tunnels(machine(), {"ulg-s1"});
    EXPECT_EQ(peer(have).endpoint, fake::kRelay4);
    EXPECT_EQ(peer(have).keepalive_seconds, 0);

    wg::Peer& there = have.tunnels["ulg-s1"].peers[router_key];
    there.endpoint = fake::kRelay4;
    EXPECT_EQ(peer(have).endpoint, std::nullopt) << "what the device has learnt is newer";
    EXPECT_EQ(peer(have).keepalive_seconds, 0);
    now.reconnecting = {router_key};
    EXPECT_EQ(peer(have).keepalive_seconds, 25);
    there.keepalive_seconds = 25;
    now.reconnecting.clear();
    EXPECT_EQ(peer(have).keepalive_seconds, 0);

    now.last_endpoints.clear();
    EXPECT_EQ(peer(machine()).endpoint, std::nullopt);
    EXPECT_EQ(peer(machine()).keepalive_seconds, 0);
}

// WireGuard forgets with the peer what it held against a router whose clock went back.
TEST(DesiredRelay, APeerToBeRenewedIsGoneForOneRunAndComesBackWithItsEndpoint) {
    const Config config = relay();
    const wg::PublicKey router_key = config.sites[0].routers[0].public_key;
    const net::Ipv6Prefix tunnel{config.sites[0].routers[0].address, 128};
    Facts now = facts(config);
    now.last_endpoints[router_key] = fake::kRelay4;
    Have have = with_tunnels(machine(), {"ulg-s1"});
    have.tunnels["ulg-s1"].peers[router_key].endpoint = fake::kRelay4;

    now.renew_peers = {router_key};
    const Wanted without = desired(config, now, have);
    EXPECT_FALSE(without.tunnels.at("ulg-s1").device->peers.contains(router_key));
    EXPECT_TRUE(without.routes.contains({tunnel, kRouteMetric})) << "its routes stay";
    for (const Step& step : plan(without, have)) simulate(have, step);
    EXPECT_FALSE(have.tunnels.at("ulg-s1").peers.contains(router_key));

    now.renew_peers.clear();
    const wg::PeerConfig again = desired(config, now, have).tunnels.at("ulg-s1").device->peers.at(router_key);
    EXPECT_TRUE(again.allowed_ips.contains(tunnel));
    EXPECT_EQ(again.endpoint, fake::kRelay4);
}

TEST(DesiredRelay, ErrorsToHostsAreNotStarvedByRedirects) {
    EXPECT_EQ(desired(relay(), facts(relay()), machine()).sysctls.at(kIcmpRateLimit), "20");
    EXPECT_FALSE(desired(edge(), facts(edge()), machine()).sysctls.contains(kIcmpRateLimit));
}

}  // namespace
}  // namespace ulagate::desired_relay_test
