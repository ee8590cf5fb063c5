// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "firewall/elements.h"
#include "tests/unit/firewall/models.h"

namespace ulagate::firewall::render_test {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Protocol = Service::Protocol;

// ULAGATE_UPDATE_GOLDEN=1 writes the files anew; read the diff before you commit it.
void expect_golden(const std::string& name, const std::string& text) {
    const std::string path = std::string(ULAGATE_SOURCE_DIR "/tests/unit/firewall/golden/") + name + ".nft";
    if (std::getenv("ULAGATE_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
    std::ifstream file(path);
    ASSERT_TRUE(file) << path << " is missing";
    const std::string golden{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(text, golden) << "differs from " << path;
}

TEST(FirewallRender, Golden) {
    expect_golden("edge_appliance", render(edge_model()));
    expect_golden("edge_shared", render(edge_model(Mode::shared)));
    expect_golden("edge_lone", render(lone_edge_model()));
    expect_golden("gateway", render(gateway_model()));
    expect_golden("gateway_overlay", render(gateway_model(Mode::appliance, AccessScope::overlay)));
    expect_golden("gateway_anywhere", render(gateway_model(Mode::appliance, AccessScope::anywhere)));
    expect_golden("gateway_shared", render(gateway_model(Mode::shared)));
    expect_golden("bridge", render(bridge_model()));
    expect_golden("bridge_shared", render(bridge_model(Mode::shared)));
    expect_golden("relay", render(relay_model()));
    expect_golden("relay_shared", render(relay_model(Mode::shared)));
    Model any = relay_model();
    any.forward = {{Protocol::any, 0, 0}};
    any.sites.insert(prefix("fd12:3456:789a:c00::/56"));
    expect_golden("relay_any", render(any));
    expect_golden("relay_peers", render(linked_relay_model()));
    Model ports = relay_model();
    ports.forward = {{Protocol::tcp, 443, 443}, {Protocol::tcp, 8000, 8010}};
    expect_golden("relay_tcp", render(ports));
    expect_golden("off", render(edge_model(Mode::off)));
}

TEST(FirewallRender, TouchesNoTableButOurs) {
    for (const Mode mode : {Mode::appliance, Mode::shared, Mode::off}) {
        for (const Model& model :
             {edge_model(mode), lone_edge_model(mode), gateway_model(mode), relay_model(mode)}) {
            const std::string text = render(model);
            EXPECT_THAT(text, Not(HasSubstr("flush")));
            EXPECT_THAT(text, HasSubstr("table inet ulagate { }\ndelete table inet ulagate\n"));
        }
    }
}

TEST(FirewallRender, SharedModeHasNoDropPolicy) {
    EXPECT_THAT(render(edge_model(Mode::shared)), Not(HasSubstr("policy drop")));
    EXPECT_THAT(render(relay_model(Mode::shared)), Not(HasSubstr("policy drop")));
}

// The lines of a chain, without indentation.
std::vector<std::string> chain(const std::string& ruleset, const std::string& name) {
    std::vector<std::string> lines;
    std::istringstream in{ruleset};
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        line.erase(0, line.find_first_not_of('\t'));
        if (inside && line == "}") break;
        if (inside) lines.push_back(line);
        inside = inside || line == "chain " + name + " {";
    }
    return lines;
}

// The position of the first line that holds `text`; the number of lines when there is none.
std::size_t place(const std::vector<std::string>& lines, const std::string& text) {
    const auto found = std::find_if(lines.begin(), lines.end(), [&](const std::string& line) {
        return line.find(text) != std::string::npos;
    });
    return static_cast<std::size_t>(found - lines.begin());
}

// In the hook of what reaches this machine, and not before: behind a bridge of ours the address may be
// another router's.
TEST(FirewallRender, V37_V46_AClosedAddressIsDecidedBeforeConnectionsFromBefore) {
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        const std::string text = render(edge_model(mode));
        EXPECT_THAT(text,
                    HasSubstr("\t\t\t\"lan0\" . fe80::5eed,\n\t\t\t\"ulg-v51\" . fe80::5eed,\n\t\t}\n"));
        const auto input = chain(text, "input");
        EXPECT_LT(place(input, "jump input_outside"), place(input, "ct state established"));
        EXPECT_EQ(chain(text, "input_outside").back(), "iifname . ip6 daddr @closed jump closed_address");
        EXPECT_THAT(chain(text, "closed_address"),
                    ElementsAre("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 "
                                "counter accept",
                                // Dropped before, though it is Neighbor Discovery (RFC 9568 section 6.1).
                                "icmpv6 type nd-router-solicit ip6 hoplimit 255 limit rate 10/second burst "
                                "50 packets counter accept",
                                StartsWith("counter drop")));
    }
}

TEST(FirewallRender, F01_TheOtherRouterOfThePairIsNoDefaultRouterOfThisMachine) {
    const std::string rule =
        "iifname \"lan0\" ip6 saddr fe80::5eed icmpv6 type nd-router-advert counter drop";
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        Model model = edge_model(mode);
        EXPECT_THAT(render(model), Not(HasSubstr("nd-router-advert counter drop")));
        model.lans.front().no_default = address("fe80::5eed");
        EXPECT_THAT(chain(render(model), "input_outside"), testing::Contains(rule));
    }
}

TEST(FirewallRender, V37_AcceptModeOnClosesNothing) {
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        Model model = edge_model(mode);
        for (Lan& lan : model.lans) lan.closed.reset();
        EXPECT_THAT(render(model), Not(HasSubstr("closed")));
    }
}

TEST(FirewallRender, V45_NoRedirectsWhereThereIsAVirtualRouter) {
    const std::string rule = R"(oifname { "lan0", "lan1", "ulg-v51" } icmpv6 type nd-redirect counter drop)";
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        const auto output = chain(render(edge_model(mode)), "output");
        EXPECT_LT(place(output, rule), output.size());
        EXPECT_THAT(render(lone_edge_model(mode)), Not(HasSubstr("nd-redirect")));
        EXPECT_THAT(render(relay_model(mode)), Not(HasSubstr("nd-redirect")));
    }
}

TEST(FirewallRender, R45_LinkProtocolsAreAcceptedBeforeConnectionTrackingJudges) {
    const auto input = chain(render(edge_model()), "input");
    const std::size_t invalid = place(input, "ct state invalid");
    EXPECT_LT(invalid, input.size());
    for (const char* accepted : {R"(iifname { "lan0", "lan1", "ulg-v51" } meta l4proto 112)",
                                 "type nd-router-solicit ip6 hoplimit 255", "nd-neighbor-solicit",
                                 "nd-router-advert", "mld2-listener-report"}) {
        EXPECT_LT(place(input, accepted), invalid) << accepted;
    }
    EXPECT_THAT(render(lone_edge_model()), Not(HasSubstr("l4proto 112")));
}

// Shared mode judges what comes out of a tunnel or says so, packets to a closed address, and how many new
// neighbours there may be; nothing else.
TEST(FirewallRender, R45_SharedModeLeavesLinkProtocolsAlone) {
    const std::string text = render(edge_model(Mode::shared));
    EXPECT_THAT(chain(text, "input"),
                ElementsAre(HasSubstr("policy accept"), "iifname @tunnels goto input_tunnel",
                            "udp dport @wireguard accept", "iifname != \"lo\" jump input_outside"));
    EXPECT_THAT(chain(text, "input_outside"),
                ElementsAre(StartsWith("meta nfproto ipv6 udp dport { 51818, 51819 } counter drop"),
                            StartsWith("ip6 saddr @peers counter drop"), HasSubstr("update @known"),
                            AllOf(StartsWith("iifname @lans "),
                                  HasSubstr("@nh,64,128 != @known @nh,64,128 != @heard jump newcomer")),
                            HasSubstr("@closed")));
    for (const std::string& rule : chain(text, "newcomer"))
        EXPECT_THAT(rule,
                    AnyOf("ip6 saddr :: return", HasSubstr(" limit rate over "), "add @heard { @nh,64,128 }",
                          "ip6 saddr fe80::756c:672d:7072:6f62 icmpv6 type nd-neighbor-solicit return"));
}

// Who speaks as a peer, or to where only peers speak, and not out of a tunnel, is not heard; what connection
// tracking knows of it comes later.
TEST(FirewallRender, F05_OnlyTunnelsSpeakAsOurPeers) {
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        for (const Model& model :
             {edge_model(mode), lone_edge_model(mode), gateway_model(mode), relay_model(mode)}) {
            const std::string text = render(model);
            const auto input = chain(text, "input");
            const auto jump = place(input, "jump input_outside");
            ASSERT_LT(jump, input.size());
            EXPECT_LT(place(input, "iifname @tunnels goto input_tunnel"), jump);
            EXPECT_LE(jump, place(input, "ct state"));
            const auto outside = chain(text, "input_outside");
            EXPECT_THAT(outside.at(0),
                        StartsWith("meta nfproto ipv6 udp dport { 51818, 51819 } counter drop"));
            EXPECT_THAT(outside.at(1), StartsWith("ip6 saddr @peers counter drop"));
            EXPECT_THAT(text,
                        HasSubstr("set peers {\n\t\ttype ipv6_addr\n\t\telements = {\n\t\t\tfd99::1,\n"));
        }
    }
}

TEST(FirewallRender, F04_SharedModeTracksWhatPassesAndNotTheFloodsOfStrangers) {
    for (const Model& model :
         {edge_model(Mode::shared), bridge_model(Mode::shared), relay_model(Mode::shared)}) {
        for (const std::string& rule : chain(render(model), "prerouting")) {
            EXPECT_THAT(rule, AnyOf(Not(HasSubstr("notrack")), HasSubstr("meta l4proto 112 notrack")))
                << rule;
        }
    }
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        for (const Model& model : {edge_model(mode), relay_model(mode)}) {
            EXPECT_THAT(
                chain(render(model), "wireguard"),
                ElementsAre("ip saddr . udp sport @contacted4 return",
                            "ip6 saddr . udp sport @contacted6 return", "fib daddr type != local return",
                            AllOf(StartsWith("limit rate over "), HasSubstr(" notrack"))));
            EXPECT_EQ(chain(render(model), "output").at(1), "udp sport @wireguard goto wireguard_out");
        }
    }
}

// Before anything else is said about a frame that did not come out of a tunnel or that leaves by one.
TEST(FirewallRender, F04_WhatABridgeOnlySwitchesIsNobodysToFilter) {
    const std::string rule = R"(iifname . oifname @switched accept comment "only switched")";
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        Model relay = relay_model(mode);
        relay.bridges = {{"docker0", net::MacAddress{{2, 0, 0, 0, 0, 0xd0}}}};
        for (const Model& model : {bridge_model(mode), relay}) {
            const std::string text = render(model);
            const auto forward = chain(text, "forward");
            EXPECT_LT(place(forward, rule), place(forward, "spoofed"));
            EXPECT_EQ(chain(text, "mss").at(0), rule);
        }
        const std::string text = render(bridge_model(mode));
        EXPECT_EQ(chain(text, "forward_lan").at(1), rule);
        const auto prerouting = chain(text, "prerouting");
        const auto skip = place(prerouting, "iifname @bridges iifname . ether daddr != @routed accept");
        ASSERT_LT(skip, prerouting.size());
        EXPECT_LT(skip, place(prerouting, "iifname @lans"));
        EXPECT_LT(skip, place(prerouting, "2000::/3"));
        EXPECT_THAT(text, HasSubstr("\"br0\" . \"br0\",\n"));
        EXPECT_THAT(text, HasSubstr("\"br0\" . 02:00:00:00:00:b0,\n"));
        EXPECT_THAT(render(edge_model(mode)), Not(HasSubstr("switched")));
    }
}

TEST(FirewallRender, F08_NewNeighboursHaveARateThatFollowsFromTheTable) {
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        Model model = edge_model(mode);
        for (const auto& [table, limit] : {std::pair{1024U, "limit rate over 17/second burst 42 packets"},
                                           {8192U, "limit rate over 136/second burst 341 packets"}}) {
            model.neighbours = table;
            const std::string text = render(model);
            for (const char* type :
                 {"nd-router-solicit", "nd-neighbor-solicit", "nd-router-advert", "echo-request"})
                EXPECT_THAT(text, HasSubstr(fmt::format("icmpv6 type {} {} counter drop", type, limit)));
            for (const char* name : {"forward_lan", "forward_tunnel"}) {
                const auto rules = chain(text, name);
                EXPECT_LT(
                    place(rules, "oifname @lans meta nfproto ipv6 @nh,192,128 != @known jump unknown_host"),
                    place(rules, "counter accept"));
            }
            EXPECT_THAT(chain(text, "unknown_host").at(1), StartsWith(limit));
        }
    }
}

TEST(FirewallRender, TheMacvlanOfAVirtualMacIsALanAndNoTunnel) {
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        const std::string text = render(edge_model(mode));
        EXPECT_THAT(text, HasSubstr("\t\t\t\"lan0\",\n\t\t\t\"lan1\",\n\t\t\t\"ulg-v51\",\n"));
        EXPECT_THAT(text, HasSubstr("elements = {\n\t\t\t\"ulg-r1\",\n\t\t\t\"ulg-r2\",\n\t\t}\n"));
        EXPECT_THAT(text,
                    HasSubstr("iifname \"ulg-v51\" ip6 saddr fd12:3456:789a:a::/64 goto forward_lan\n"));
        EXPECT_THAT(text, HasSubstr("oifname \"ulg-v51\" ip6 daddr fd12:3456:789a:a::/64 ip6 saddr "
                                    "fd12:3456:789a::/48 counter accept"));
    }
}

TEST(FirewallRender, PrefixesOfASiteMayLieInsideEachOther) {
    const std::set<net::Ipv6Prefix> nested = {prefix("fd12::/48"), prefix("fd12:0:0:a::/64"),
                                              prefix("fd12:0:1::/64")};
    EXPECT_THAT(prefix_elements(nested, false), ElementsAre("fd12::/48", "fd12:0:1::/64"));
    // The bits behind the prefix do not count.
    EXPECT_THAT(prefix_elements({prefix("fd12::1/64"), prefix("fd12::2/64")}, true), ElementsAre("fd12::"));
}

TEST(FirewallRender, PortRangesAreMerged) {
    const std::vector<Service> services = {{Protocol::udp, 100, 200}, {Protocol::udp, 201, 300},
                                           {Protocol::udp, 22, 0},    {Protocol::udp, 150, 160},
                                           {Protocol::tcp, 0, 0},     {Protocol::tcp, 5, 5}};
    EXPECT_THAT(ports_of(services, Protocol::udp).ranges, ElementsAre("22", "100-300"));
    EXPECT_TRUE(ports_of(services, Protocol::tcp).all);
    EXPECT_TRUE(ports_of({{Protocol::udp, 65535, 65535}, {Protocol::udp, 1, 65535}}, Protocol::udp).ranges ==
                std::vector<std::string>{"1-65535"});
}

TEST(FirewallRender, NamesThatWouldLeaveTheirQuotesAreBugs) {
    for (const char* name : {"", "a\"b", "eth*", "a b", "a\\", "a\n"}) {
        Model model = edge_model();
        model.lans.front().interface = name;
        EXPECT_THROW(static_cast<void>(render(model)), std::invalid_argument) << name;
    }
}

TEST(FirewallRender, NothingConfiguredStillRenders) {
    Model model;
    model.overlay = prefix("fd12:3456:789a::/48");
    EXPECT_THAT(render(model), Not(HasSubstr("{  }")));
    model.role = Role::relay;
    EXPECT_THAT(render(model), Not(HasSubstr("{  }")));
}

TEST(FirewallUpdate, OneSiteMoreIsOneCommand) {
    const Model from = relay_with_sites(10000);
    Model to = from;
    to.sites.insert(prefix("fd12:3456:789a:ffff::/64"));
    to.sites.erase(prefix("fd12:3456:789a:7::/64"));
    EXPECT_EQ(render_update(from, to),
              "delete element inet ulagate sites { fd12:3456:789a:7:: }\n"
              "add element inet ulagate sites { fd12:3456:789a:ffff:: }\n");
    EXPECT_EQ(render_update(from, from), "");
}

TEST(FirewallUpdate, IntervalsMakeRoomBeforeTheyAreFilled) {
    Model from = relay_model();
    from.sites = {prefix("fd12:3456:789a::/56")};
    Model to = from;
    to.sites = {prefix("fd12:3456:789a::/60"), prefix("fd12:3456:789a:80::/64")};
    EXPECT_EQ(render_update(from, to),
              "delete element inet ulagate sites { fd12:3456:789a::/56 }\n"
              "add element inet ulagate sites { fd12:3456:789a::/60, fd12:3456:789a:80::/64 }\n");
}

TEST(FirewallUpdate, F04_ABridgeMoreIsAFewElements) {
    const Model from = bridge_model();
    Model to = from;
    to.bridges.insert({"docker0", net::MacAddress{{2, 0, 0, 0, 0, 0xd0}}});
    EXPECT_EQ(render_update(from, to),
              "add element inet ulagate bridges { \"docker0\" }\n"
              "add element inet ulagate routed { \"docker0\" . 02:00:00:00:00:d0 }\n"
              "add element inet ulagate switched { \"docker0\" . \"docker0\" }\n");
    to = from;
    to.bridges = {
        {"br0", net::MacAddress{{2, 0, 0, 0, 0, 0xb1}}}};  // a port more, and it takes that one's address
    EXPECT_EQ(render_update(from, to),
              "delete element inet ulagate routed { \"br0\" . 02:00:00:00:00:b0 }\n"
              "add element inet ulagate routed { \"br0\" . 02:00:00:00:00:b1 }\n");
    to.bridges.clear();
    EXPECT_EQ(render_update(from, to), std::nullopt);
}

TEST(FirewallUpdate, F05_APeerMoreIsOneElement) {
    const Model from = relay_model();
    Model to = from;
    to.peers.insert(net::parse_ipv6("fd99::c").value());
    EXPECT_EQ(render_update(from, to), "add element inet ulagate peers { fd99::c }\n");
}

TEST(FirewallUpdate, AnythingElseNeedsTheWholeTable) {
    const Model from = relay_model();
    Model to = from;
    to.forward.clear();
    EXPECT_EQ(render_update(from, to), std::nullopt);
    to = from;
    to.mode = Mode::off;
    EXPECT_EQ(render_update(from, to), std::nullopt);
    EXPECT_EQ(render_update(to, from), std::nullopt);
    EXPECT_EQ(render_update(to, to), std::nullopt);
    to = from;
    to.sites.insert(prefix("fd12:3456:789a:c00::/56"));  // another kind of set
    EXPECT_EQ(render_update(from, to), std::nullopt);
    to = from;
    to.tunnels.front().mtu = 1300;
    EXPECT_EQ(render_update(from, to), std::nullopt);
}

TEST(FirewallRender, TenThousandSites) {
    const Model model = relay_with_sites(10000);
    const auto start = std::chrono::steady_clock::now();
    const std::string text = render(model);
    const auto took = std::chrono::steady_clock::now() - start;
    RecordProperty("milliseconds",
                   static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
    EXPECT_THAT(text, HasSubstr("fd12:3456:789a:270f::,"));
    EXPECT_LT(took, std::chrono::seconds(5));
}

}  // namespace
}  // namespace ulagate::firewall::render_test
