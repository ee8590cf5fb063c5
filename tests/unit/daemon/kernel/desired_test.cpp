// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/daemon/kernel/desired_story.h"

namespace ulagate::desired_test {
namespace {

using desired_story::addresses;
using desired_story::another_relay;
using desired_story::routes;
using fake::edge;
using fake::facts;
using fake::machine;
using fake::with_tunnels;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

std::string overlay_link(const Wanted& wanted) {
    const auto route = wanted.routes.find({prefix("fd12:3456:789a::/48"), kRouteMetric});
    return route == wanted.routes.end() ? "none" : route->second.link.value_or("unreachable");
}

const std::string kOwnAddress = "add address " +
                                net::to_string(net::with_interface_identifier(prefix("fd12:3456:789a:a::/64"),
                                                                              interface_identifier("a1"))) +
                                "/64 on eth0, checked";

// --- edge ---

TEST(DesiredEdge, OnAFreshMachine) {
    const Wanted wanted = desired(edge(), facts(edge()), machine());
    EXPECT_THAT(addresses(wanted), UnorderedElementsAre("add address fd12:3456:789a:a::1/64 on eth0",
                                                        kOwnAddress, "add address fd99::a1/128 on lo"));
    // The routes over the tunnel wait for its interface.
    EXPECT_THAT(routes(wanted), ElementsAre("add route fd12:3456:789a::/48 metric 65535 unreachable",
                                            "add route fd12:3456:789a:a::/64 metric 128 dev eth0"));
    EXPECT_THAT(wanted.sysctls, UnorderedElementsAre(Pair("net/ipv6/conf/all/forwarding", "1"),
                                                     Pair("net/ipv6/conf/eth0/forwarding", "1"),
                                                     Pair("net/ipv6/conf/eth1/accept_ra", "2")));
    ASSERT_TRUE(wanted.tunnels.contains("ulg-r1"));
    const TunnelLink& tunnel = wanted.tunnels.at("ulg-r1");
    EXPECT_EQ(tunnel.mtu, 1420U);
    ASSERT_TRUE(tunnel.device);
    EXPECT_EQ(tunnel.device->private_key, fake::private_key());
    EXPECT_EQ(tunnel.device->listen_port, 51820);
    ASSERT_EQ(tunnel.device->peers.size(), 1U);
    const auto& [peer_key, peer] = *tunnel.device->peers.begin();
    EXPECT_EQ(peer_key, edge().relays.front().public_key);
    EXPECT_EQ(peer.endpoint, fake::kRelay6);
    EXPECT_EQ(peer.keepalive_seconds, 25);
    EXPECT_THAT(peer.allowed_ips, UnorderedElementsAre(prefix("fd12:3456:789a::/48"), prefix("fd99::1/128")));
}

TEST(DesiredEdge, TheFirewallFollowsFromTheConfigurationAlone) {
    const firewall::Model model = desired(edge(), facts(edge()), machine()).firewall;
    EXPECT_EQ(model.mode, firewall::Mode::appliance);
    EXPECT_EQ(model.role, firewall::Role::edge);
    EXPECT_EQ(model.overlay, prefix("fd12:3456:789a::/48"));
    EXPECT_THAT(model.lans, ElementsAre(firewall::Lan{"eth0", prefix("fd12:3456:789a:a::/64"), false, {}}));
    EXPECT_THAT(model.tunnels, ElementsAre(firewall::Tunnel{"ulg-r1", 51820, 1420}));
    EXPECT_THAT(model.sites, IsEmpty());
    EXPECT_EQ(desired(edge(), facts(edge()), with_tunnels(machine(), {"ulg-r1"})).firewall, model);
    Have without_lan = machine();
    without_lan.links.erase("eth0");
    EXPECT_EQ(desired(edge(), facts(edge()), without_lan).firewall, model);
}

TEST(DesiredEdge, F04_TheFirewallKnowsEveryBridge) {
    Have have = machine();
    const net::MacAddress mac{{2, 0, 0, 0, 0, 0xb0}};
    have.links["docker0"] = Link{7, true, true, 1500, mac, 0, true};
    have.links["tap0"] = Link{8, true, true, 1500, mac, 0, false};
    EXPECT_THAT(desired(edge(), facts(edge()), machine()).firewall.bridges, IsEmpty());
    EXPECT_THAT(desired(edge(), facts(edge()), have).firewall.bridges,
                ElementsAre(firewall::Bridge{"docker0", mac}));
}

TEST(DesiredEdge, F05_TheFirewallKnowsWhoseAddressesLieBehindTunnels) {
    Config config = edge();
    config.relays.push_back(another_relay("r2", 2));
    EXPECT_THAT(desired(config, facts(config), machine()).firewall.peers,
                UnorderedElementsAre(address("fd99::a1"), address("fd99::1"), address("fd99::2")));
}

// All links share the table, and only the machine's first network namespace has its settings.
TEST(DesiredEdge, F08_TheNeighbourTableIsLargeEnoughAndNeverSmallerThanItWas) {
    const Wanted without = desired(edge(), facts(edge()), machine());
    EXPECT_FALSE(without.sysctls.contains(kMostNeighbours));
    EXPECT_EQ(without.firewall.neighbours, 1024U);
    Have have = machine();
    have.sysctls[kNeighboursKept] = "128";
    have.sysctls[kNeighboursAimedAt] = "512";
    have.sysctls[kMostNeighbours] = "1024";
    Wanted wanted = desired(edge(), facts(edge()), have);
    EXPECT_EQ(wanted.sysctls.at(kNeighboursKept), "1024");
    EXPECT_EQ(wanted.sysctls.at(kNeighboursAimedAt), "4096");
    EXPECT_EQ(wanted.sysctls.at(kMostNeighbours), "8192");
    EXPECT_EQ(wanted.firewall.neighbours, 8192U);
    have.sysctls[kNeighboursAimedAt] = "512";
    have.sysctls[kMostNeighbours] = "65536";
    wanted = desired(edge(), facts(edge()), have);
    EXPECT_EQ(wanted.sysctls.at(kNeighboursAimedAt), "4096");
    EXPECT_EQ(wanted.sysctls.at(kMostNeighbours), "65536");
    EXPECT_EQ(wanted.firewall.neighbours, 65536U);
    have.sysctls[kMostNeighbours] = "nonsense";
    EXPECT_FALSE(desired(edge(), facts(edge()), have).sysctls.contains(kMostNeighbours));
}

TEST(DesiredEdge, RoutesOverTheTunnelOnceItIsThere) {
    const Wanted wanted = desired(edge(), facts(edge()), with_tunnels(machine(), {"ulg-r1"}));
    EXPECT_THAT(routes(wanted), ElementsAre("add route fd12:3456:789a::/48 metric 128 dev ulg-r1",
                                            "add route fd12:3456:789a::/48 metric 65535 unreachable",
                                            "add route fd12:3456:789a:a::/64 metric 128 dev eth0",
                                            "add route fd99::1/128 metric 128 dev ulg-r1"));
}

TEST(DesiredEdge, AMissingLanAndOneThatIsDownWaitAndTheRestGoesOn) {
    Have missing = with_tunnels(machine(), {"ulg-r1"});
    missing.links.erase("eth0");
    Have down = with_tunnels(machine(), {"ulg-r1"});
    down.links["eth0"].up = false;
    for (const Have& have : {missing, down}) {
        const Wanted wanted = desired(edge(), facts(edge()), have);
        EXPECT_THAT(addresses(wanted), ElementsAre("add address fd99::a1/128 on lo"));
        EXPECT_FALSE(wanted.routes.contains({prefix("fd12:3456:789a:a::/64"), kRouteMetric}));
        EXPECT_EQ(overlay_link(wanted), "ulg-r1");
    }
    EXPECT_FALSE(desired(edge(), facts(edge()), missing).sysctls.contains("net/ipv6/conf/eth0/forwarding"));
    EXPECT_TRUE(desired(edge(), facts(edge()), down).sysctls.contains("net/ipv6/conf/eth0/forwarding"));
}

TEST(DesiredEdge, WithoutCarrierTheLanKeepsItsAddresses) {
    Have have = machine();
    have.links["eth0"].running = false;
    EXPECT_EQ(desired(edge(), facts(edge()), have).addresses.size(), 3U);
}

TEST(DesiredEdge, WithoutTheKeyTheInterfaceStaysAndItsDeviceIsLeftAlone) {
    Facts keyless = facts(edge());
    keyless.private_key.reset();
    const Wanted wanted = desired(edge(), keyless, with_tunnels(machine(), {"ulg-r1"}));
    ASSERT_TRUE(wanted.tunnels.contains("ulg-r1"));
    EXPECT_FALSE(wanted.tunnels.at("ulg-r1").device);
    EXPECT_EQ(overlay_link(wanted), "ulg-r1");
}

TEST(DesiredEdge, ARelayWithoutEndpointHasNoPeerUnlessItIsThereAlready) {
    Facts unresolved = facts(edge());
    unresolved.relays["r1"].endpoint.reset();
    Have have = with_tunnels(machine(), {"ulg-r1"});
    ASSERT_TRUE(desired(edge(), unresolved, have).tunnels.at("ulg-r1").device);
    EXPECT_THAT(desired(edge(), unresolved, have).tunnels.at("ulg-r1").device->peers, IsEmpty());

    const wg::PublicKey relay_key = edge().relays.front().public_key;
    have.tunnels["ulg-r1"].peers[relay_key].endpoint = fake::kRelay4;
    const auto device = desired(edge(), unresolved, have).tunnels.at("ulg-r1").device;
    ASSERT_TRUE(device->peers.contains(relay_key));
    EXPECT_EQ(device->peers.at(relay_key).endpoint, std::nullopt);  // the one it has is right

    Facts unheard_of = facts(edge());
    unheard_of.relays.clear();
    EXPECT_TRUE(desired(edge(), unheard_of, machine()).tunnels.at("ulg-r1").device->peers.empty());
}

// A peer that is there already has its session, or it had its chance before.
TEST(DesiredEdge, WhileTheClockIsBehindNoTunnelIsBegun) {
    Facts now = facts(edge());
    now.clock_behind = true;
    Have have = with_tunnels(machine(), {"ulg-r1"});
    EXPECT_THAT(desired(edge(), now, have).tunnels.at("ulg-r1").device->peers, IsEmpty());

    const wg::PublicKey relay_key = edge().relays.front().public_key;
    have.tunnels["ulg-r1"].peers[relay_key].endpoint = fake::kRelay4;
    EXPECT_TRUE(desired(edge(), now, have).tunnels.at("ulg-r1").device->peers.contains(relay_key));
}

TEST(DesiredEdge, TheMtuFollowsFromTheEgress) {
    struct Case {
        std::optional<unsigned> egress;
        net::Endpoint endpoint;
        std::optional<std::uint16_t> configured;
        unsigned expected;
    };
    for (const auto& [egress, endpoint, configured, expected] : std::vector<Case>{
             {1500, fake::kRelay6, {}, 1420},
             {1500, fake::kRelay4, {}, 1440},
             {1492, fake::kRelay6, {}, 1408},
             {1492, fake::kRelay4, {}, 1432},
             {1360, fake::kRelay6, {}, 1280},
             {1359, fake::kRelay6, {}, 1280},
             {1300, fake::kRelay4, {}, 1280},
             {60, fake::kRelay4, {}, 1280},
             {0, fake::kRelay6, {}, 1280},
             {9000, fake::kRelay6, {}, 8920},
             {65536, fake::kRelay4, {}, 65455},
             {std::nullopt, fake::kRelay6, {}, 1420},
             {std::nullopt, fake::kRelay4, {}, 1420},
             {1500, fake::kRelay6, 1380, 1380},
             {1300, fake::kRelay6, 1400, 1400},
             {std::nullopt, fake::kRelay6, 1380, 1380},
         }) {
        SCOPED_TRACE(fmt::format("egress {}, to {}", egress.value_or(1), net::to_string(endpoint)));
        Config config = edge();
        config.tunnel.mtu = configured;
        Facts now = facts(config);
        now.relays["r1"].endpoint = endpoint;
        now.relays["r1"].egress.reset();
        if (egress) now.relays["r1"].egress = Egress{"eth1", *egress};
        const Wanted wanted = desired(config, now, machine());
        EXPECT_EQ(wanted.tunnels.at("ulg-r1").mtu, expected);
        EXPECT_EQ(wanted.firewall.tunnels.front().mtu, expected);  // the MSS is clamped to the same
    }
}

TEST(DesiredEdge, WhileThereIsNoEgressATunnelKeepsTheMtuThatWeGaveIt) {
    Facts now = facts(edge());
    now.relays["r1"].egress.reset();
    Have have = fake::with_tunnels(machine(), {"ulg-r1"});
    have.links["ulg-r1"].mtu = 1392;
    EXPECT_EQ(desired(edge(), now, have).tunnels.at("ulg-r1").mtu, 1392U);
    have.links["ulg-r1"].up = false;  // just made, by somebody who will give it another one
    EXPECT_EQ(desired(edge(), now, have).tunnels.at("ulg-r1").mtu, 1420U);
}

TEST(DesiredEdge, AMeasuredPathNarrowsTheTunnelAndNeverWidensItBeyondTheKernelsBelief) {
    Facts now = facts(edge());
    RelayFacts& relay = now.relays["r1"];
    relay.endpoint = fake::kRelay6;
    relay.egress = Egress{"eth1", 1500};
    const auto mtu = [&] { return desired(edge(), now, machine()).tunnels.at("ulg-r1").mtu; };
    relay.path_mtu = 1480;
    EXPECT_EQ(mtu(), 1392U) << "1400 would reach the other end's padding to 1408";
    relay.path_mtu = 1300;
    EXPECT_EQ(mtu(), 1280U);
    relay.path_mtu = 1500;
    EXPECT_EQ(mtu(), 1420U);
    relay.egress = Egress{"eth1", 1400};
    EXPECT_EQ(mtu(), 1312U) << "the kernel would send fragments";
    Config fixed = edge();
    fixed.tunnel.mtu = 1420;
    relay.path_mtu = 1300;
    EXPECT_EQ(desired(fixed, now, machine()).tunnels.at("ulg-r1").mtu, 1420U);
}

TEST(DesiredEdge, EveryTunnelHasARouteAndASiteMayTakeAnotherRelay) {
    Config config = edge();
    config.relays.push_back(another_relay("r2", 2));
    Facts now = facts(config);
    now.default_relay = "r2";
    const net::Ipv6Prefix site = prefix("fd12:3456:789a:c::/64");
    now.relay_of_site = {{site, "r1"}, {prefix("fd12:3456:789a:d::/64"), "gone"}};
    const auto overlay_routes = [&](const Have& have) {
        Routes found;
        for (const auto& [key, target] : desired(config, now, have).routes) {
            if (config.overlay.contains(key.destination) && target.link && target.link->starts_with("ulg-r"))
                found.emplace(key, target);
        }
        return found;
    };
    const RouteTarget r1{"ulg-r1"};
    const RouteTarget r2{"ulg-r2"};
    EXPECT_EQ(overlay_routes(with_tunnels(machine(), {"ulg-r1", "ulg-r2"})),
              (Routes{{{config.overlay, 128}, r2},
                      {{config.overlay, 129}, r1},
                      {{config.overlay, 130}, r2},
                      {{site, 128}, r1}}));
    EXPECT_EQ(overlay_routes(with_tunnels(machine(), {"ulg-r2"})),
              (Routes{{{config.overlay, 128}, r2}, {{config.overlay, 130}, r2}}));
    config.relays.pop_back();
    EXPECT_EQ(overlay_routes(with_tunnels(machine(), {"ulg-r1"})), (Routes{{{config.overlay, 128}, r1}}));
}

TEST(DesiredEdge, TheChosenRelayCarries) {
    Config config = edge();
    config.relays.push_back(another_relay("r2", 2));
    config.relays.push_back(another_relay("r3", 3));
    const Have all = with_tunnels(machine(), {"ulg-r1", "ulg-r2", "ulg-r3"});
    const auto default_link = [&](const std::string& chosen, const Have& have) {
        Facts now = facts(config);
        now.default_relay = chosen;
        return overlay_link(desired(config, now, have));
    };
    EXPECT_EQ(default_link("r1", all), "ulg-r1");
    EXPECT_EQ(default_link("r3", all), "ulg-r3");
    EXPECT_EQ(default_link("", all), "ulg-r1");
    EXPECT_EQ(default_link("", with_tunnels(machine(), {"ulg-r2", "ulg-r3"})), "ulg-r2");
    EXPECT_EQ(default_link("r1", with_tunnels(machine(), {"ulg-r2"})), "ulg-r2");
    EXPECT_EQ(default_link("r1", machine()), "none");

    const Wanted wanted = desired(config, facts(config), all);
    EXPECT_EQ(wanted.tunnels.at("ulg-r1").device->listen_port, 51820);
    EXPECT_EQ(wanted.tunnels.at("ulg-r2").device->listen_port, 51821);
    EXPECT_EQ(wanted.tunnels.at("ulg-r3").device->listen_port, 51822);
    for (const char* to : {"fd99::1/128", "fd99::2/128", "fd99::3/128"}) {
        EXPECT_TRUE(wanted.routes.contains({prefix(to), kRouteMetric})) << to;
    }
}

// --- settings ---

Sysctls accept_ra(const Facts& facts, const Have& have) {
    Sysctls out = desired(edge(), facts, have).sysctls;
    std::erase_if(out, [](const auto& each) {
        return !each.first.ends_with("/accept_ra") || each.first.starts_with("net/ipv6/conf/ulg-");
    });
    return out;
}

TEST(Desired, F01_AcceptRaGoesFromOneToTwoWhereTheUplinkIsAndIsNeverSwitchedOn) {
    Have have = with_tunnels(machine(), {"ulg-r1"});
    Facts now = facts(edge());
    now.uplinks = {"eth0", "eth1", "eth2", "gone"};
    have.sysctls["net/ipv6/conf/eth0/accept_ra"] = "0";
    have.sysctls["net/ipv6/conf/eth1/accept_ra"] = "1";
    have.sysctls["net/ipv6/conf/eth2/accept_ra"] = "2";
    have.sysctls["net/ipv6/conf/lo/accept_ra"] = "1";
    have.sysctls["net/ipv6/conf/gone/accept_ra"] = "1";
    EXPECT_EQ(accept_ra(now, have), (Sysctls{{"net/ipv6/conf/eth1/accept_ra", "2"}}));
    // Neither a LAN that we serve nor a guest's interface, unless a default route leads there.
    now.uplinks = {"eth2"};
    EXPECT_EQ(accept_ra(now, machine()), (Sysctls{{"net/ipv6/conf/eth2/accept_ra", "2"}}));
    now.uplinks = {"eth0"};
    EXPECT_EQ(accept_ra(now, machine()), (Sysctls{{"net/ipv6/conf/eth0/accept_ra", "2"}}));
}

// A machine that forwarded before us believed nobody there, and shall not because of us.
TEST(Desired, F01_AcceptRaStaysWhereTheKernelWasDeafBeforeUs) {
    Have have = machine();
    for (const char* link : {"all", "eth0", "eth1", "eth2"})
        have.sysctls[fmt::format("net/ipv6/conf/{}/forwarding", link)] = "1";
    EXPECT_EQ(accept_ra(facts(edge()), have), Sysctls{});
    // Ours, however, is undone by a restart of the daemon as little as by time.
    have.changed_sysctls["net/ipv6/conf/eth1/forwarding"] = {"0", "1"};
    EXPECT_EQ(accept_ra(facts(edge()), have), (Sysctls{{"net/ipv6/conf/eth1/accept_ra", "2"}}));
}

// At boot the advertisement may be yet to come: on what is there already, and not on the LAN if it can be
// elsewhere.
TEST(Desired, F01_BeforeAnyUplinkIsKnownAcceptRaIsTwoWhereItMayCome) {
    Facts now = facts(edge());
    now.uplinks.clear();
    Have have = machine();
    EXPECT_EQ(accept_ra(now, have),
              (Sysctls{{"net/ipv6/conf/eth1/accept_ra", "2"}, {"net/ipv6/conf/eth2/accept_ra", "2"}}));
    for (const char* link : {"all", "eth0", "eth1", "eth2"})
        have.changed_sysctls[fmt::format("net/ipv6/conf/{}/forwarding", link)] = {"0", "1"};
    have.links["vnet0"] = {9, true, true, 1500, std::nullopt};  // comes later
    have.sysctls["net/ipv6/conf/vnet0/accept_ra"] = "1";
    for (const char* link : {"eth1", "eth2"}) {
        have.sysctls[fmt::format("net/ipv6/conf/{}/accept_ra", link)] = "2";
        have.changed_sysctls[fmt::format("net/ipv6/conf/{}/accept_ra", link)] = {"1", "2"};
    }
    EXPECT_EQ(accept_ra(now, have),
              (Sysctls{{"net/ipv6/conf/eth1/accept_ra", "2"}, {"net/ipv6/conf/eth2/accept_ra", "2"}}));
    // Now it is known. One that comes later counts when a default route leads there.
    now.uplinks = {"eth1"};
    EXPECT_EQ(accept_ra(now, have),
              (Sysctls{{"net/ipv6/conf/eth1/accept_ra", "2"}, {"net/ipv6/conf/eth2/accept_ra", "1"}}));
    now.uplinks = {"eth1", "vnet0"};
    EXPECT_EQ(accept_ra(now, have), (Sysctls{{"net/ipv6/conf/eth1/accept_ra", "2"},
                                             {"net/ipv6/conf/eth2/accept_ra", "1"},
                                             {"net/ipv6/conf/vnet0/accept_ra", "2"}}));
    // The LAN is all there is.
    Have small = machine();
    small.links.erase("eth1");
    small.links.erase("eth2");
    now.uplinks.clear();
    EXPECT_EQ(accept_ra(now, small), (Sysctls{{"net/ipv6/conf/eth0/accept_ra", "2"}}));
}

TEST(Desired, F10_InterfacesOfOursAreKeptAsWeMakeThem) {
    Have have = with_tunnels(machine(), {"ulg-r1"});
    const Sysctls wanted = desired(edge(), facts(edge()), have).sysctls;
    for (const auto& [path, value] : settings_of_ours("ulg-r1")) {
        ASSERT_TRUE(wanted.contains(path)) << path;
        EXPECT_EQ(wanted.at(path), value) << path;
    }
    EXPECT_EQ(wanted.at("net/ipv6/conf/ulg-r1/disable_ipv6"), "0");
    EXPECT_EQ(wanted.at("net/ipv6/conf/ulg-r1/addr_gen_mode"), "1");
    EXPECT_FALSE(wanted.contains("net/ipv6/conf/eth0/disable_ipv6"));  // the LAN is its owner's
}

TEST(Desired, NothingWantedIsWhatWasThereBeforeWhereOursStillStands) {
    Have have = machine();
    have.sysctls["net/ipv6/conf/all/forwarding"] = "1";
    have.sysctls["net/ipv6/conf/eth0/accept_ra"] = "0";  // a manager has taken it over
    have.sysctls["net/ipv6/conf/eth1/accept_ra"] = "2";
    have.sysctls["net/ipv6/conf/eth2/accept_ra"] = "2";
    have.changed_sysctls = {{"net/ipv6/conf/all/forwarding", {"0", "1"}},
                            {"net/ipv6/conf/eth0/accept_ra", {"1", "2"}},
                            {"net/ipv6/conf/eth1/accept_ra", {"1", "2"}},
                            {"net/ipv6/conf/eth2/accept_ra", {"1", ""}},  // an older version did not say
                            {"net/ipv6/conf/gone/accept_ra", {"1", "2"}}};
    const Wanted wanted = nothing_wanted(have);
    EXPECT_EQ(wanted.sysctls, (Sysctls{{"net/ipv6/conf/all/forwarding", "0"},
                                       {"net/ipv6/conf/eth1/accept_ra", "1"},
                                       {"net/ipv6/conf/eth2/accept_ra", "1"}}));
    EXPECT_EQ(wanted.firewall.mode, firewall::Mode::off);
    EXPECT_THAT(wanted.tunnels, IsEmpty());
    EXPECT_THAT(wanted.addresses, IsEmpty());
    EXPECT_THAT(wanted.routes, IsEmpty());
    EXPECT_THAT(wanted.rules, IsEmpty());
}

TEST(Desired, InterfaceNames) {
    EXPECT_EQ(tunnel_interface(edge().relays.front()), "ulg-r1");
    EXPECT_EQ(router_interface(0), "ulg-s1");
    EXPECT_EQ(router_interface(7), "ulg-s8");
}

}  // namespace
}  // namespace ulagate::desired_test
