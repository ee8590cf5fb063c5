// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/cli/show.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/unit/daemon/kernel/fake_kernel.h"

namespace ulagate::show_test {
namespace {

using fake::edge;
using fake::relay;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Show, ThePlanOfTheEdge) {
    EXPECT_THAT(show_plan(edge()),
                AllOf(StartsWith("apply firewall, mode appliance\n"
                                 "set sysctl net/ipv6/conf/eth0/accept_ra = 2\n"
                                 "set sysctl net/ipv6/conf/all/forwarding = 1\n"),
                      HasSubstr("add address fd12:3456:789a:a::1/64 on eth0\n"),
                      HasSubstr("add address fd99::a1/128 on lo\n"), HasSubstr("create interface ulg-r1\n"),
                      HasSubstr("configure interface ulg-r1: private key, listen port 51820\n"),
                      HasSubstr("set interface ulg-r1 up, MTU 1420\n"),
                      HasSubstr("add route fd12:3456:789a::/48 metric 65535 unreachable\n"),
                      HasSubstr("add route fd12:3456:789a::/48 metric 128 dev ulg-r1\n"),
                      EndsWith("add route fd99::1/128 metric 128 dev ulg-r1\n")));
    EXPECT_THAT(show_plan(edge()), Not(HasSubstr("remove")));
    EXPECT_EQ(show_plan(edge()), show_plan(edge()));
}

TEST(Show, ThePlanWithALiteralEndpointHasThePeer) {
    Config config = edge();
    config.relays.front().host = "192.0.2.1";
    EXPECT_THAT(show_plan(config), HasSubstr("listen port 51820, peer YW4gZXhh"));
}

TEST(Show, ThePlanOfTheRelay) {
    EXPECT_THAT(show_plan(relay()),
                AllOf(HasSubstr("create interface ulg-s1\n"), HasSubstr("add address fd99::1/128 on lo\n"),
                      HasSubstr("add route fd12:3456:789a:a::/64 metric 128 dev ulg-s1\n"),
                      HasSubstr("add route fd99::a1/128 metric 128 dev ulg-s1\n")));
}

TEST(Show, TheRouterAdvertisementOfTheEdge) {
    EXPECT_EQ(
        show_ra(edge()),
        "eth0: every 10000 to 30000 ms, from the interface's own link-local address\n"
        "  hop limit 64, managed no, other no, preference medium\n"
        "  router lifetime 0 s, reachable time 0 ms, retransmit timer 0 ms\n"
        "  prefix fd12:3456:789a:a::/64: on-link yes, autonomous yes, router address no, valid 86400 s, "
        "preferred 14400 s\n"
        "  route fd12:3456:789a::/48: preference high, lifetime 1800 s\n"
        "  source link-layer address of the interface\n");
}

TEST(Show, TheRouterAdvertisementWithEverythingElse) {
    Config config = edge();
    LanConfig& lan = config.lans.front();
    lan.advertise = false;
    lan.ra.advertisement.managed = true;
    lan.ra.advertisement.preference = ra::Preference::low;
    lan.ra.advertisement.options = {
        ra::Mtu{1400}, ra::PrefixInformation{lan.prefix, false, false, true, ra::kInfinity, ra::Seconds{0}},
        ra::SourceLinkLayerAddress{net::MacAddress{{2, 0, 0, 0, 0, 1}}},
        ra::UnknownOption{25, std::vector<std::byte>(6)}};
    EXPECT_THAT(
        show_ra(config),
        AllOf(StartsWith("eth0: SWITCHED OFF; would be every"), HasSubstr("managed yes"),
              HasSubstr("preference low"), HasSubstr("  MTU 1400\n"),
              HasSubstr("on-link no, autonomous no, router address yes, valid infinite, preferred 0 s"),
              HasSubstr("address 02:00:00:00:00:01\n"), HasSubstr("  option 25, 6 bytes\n")));
}

TEST(Show, ARelaySendsNoRouterAdvertisements) {
    EXPECT_EQ(show_ra(relay()), "a relay sends no Router Advertisements\n");
}

TEST(Show, TheFirewall) {
    EXPECT_THAT(show_firewall(edge()), AllOf(HasSubstr("table inet"), HasSubstr("ulg-r1"),
                                             HasSubstr("fd12:3456:789a:a::/64"), HasSubstr("51820")));
    EXPECT_THAT(show_firewall(relay()), AllOf(HasSubstr("ulg-s1"), HasSubstr("58000-60000")));
    Config off = edge();
    off.firewall.mode = firewall::Mode::off;
    EXPECT_THAT(show_firewall(off), Not(HasSubstr("51820")));
}

// 32 bytes in base64, as keys are written everywhere.
TEST(Show, NoKeyIsEverShown) {
    const std::regex whole_key{"[A-Za-z0-9+/]{43}="};
    for (const Config& config : {edge(), relay()}) {
        for (const std::string& text : {show_plan(config), show_ra(config), show_firewall(config)}) {
            EXPECT_FALSE(std::regex_search(text, whole_key)) << text;
        }
    }
}

TEST(ShowRa, OfOneOfTwoRoutersNamesTheVirtualAddress) {
    Config config = fake::edge();
    VrrpConfig vrrp;
    vrrp.machine.vrid = 51;
    vrrp.machine.address = address("fe80::5eed");
    config.lans.front().vrrp = vrrp;
    EXPECT_THAT(show_ra(config),
                testing::HasSubstr("from fe80::5eed while this router is Active (VRRP 51)\n"));
}

}  // namespace
}  // namespace ulagate::show_test
