// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "daemon/config/config.h"
#include "tests/unit/daemon/config/text.h"
#include "tests/unit/text_values.h"

// [[lan]] and [lan.ra].
namespace ulagate::config_lan_test {
namespace {

using namespace std::chrono_literals;
using config_text::expect;
using config_text::findings;
using config_text::kEdge;
using config_text::with_end;
using config_text::with_line;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

// The smallest file with these lines in [lan.ra]; the first of them is line 10.
std::string ra(std::string_view lines) {
    return with_line(kEdge, 8, fmt::format("{}\n[lan.ra]\n{}", kEdge[7], lines));
}

ra::Config loaded(std::string_view lines) {
    const auto result = load_config(ra(lines));
    EXPECT_TRUE(result.config) << lines;
    return result.config ? result.config->lans.at(0).ra : ra::Config{};
}

struct RaCase {
    std::string_view lines;
    std::string_view expected;  // how the only finding begins; empty: there is none
};

void expect_ra(const std::vector<RaCase>& cases) {
    for (const auto& [lines, expected] : cases) {
        SCOPED_TRACE(lines);
        if (expected.empty()) {
            EXPECT_THAT(findings(ra(lines)), IsEmpty());
        } else {
            EXPECT_THAT(findings(ra(lines)), ElementsAre(StartsWith(std::string{expected})));
        }
    }
}

TEST(LanConfig, Interface) {
    expect(kEdge,
           {
               {7, R"(interface = "")", R"(t:7: lan.interface: "" cannot be the name of an interface)"},
               {7, R"(interface = "sixteen-letters.")", "t:7: lan.interface: "},
               {7, R"(interface = "a/b")", "t:7: lan.interface: "},
               {7, R"(interface = "a b")", "t:7: lan.interface: "},
               {7, R"(interface = "a:b")", "t:7: lan.interface: "},
               {7, R"(interface = "eth*")", R"(t:7: lan.interface: "eth*" cannot be)"},
               {7, R"(interface = "a\"b")", "t:7: lan.interface: "},
               {7, R"(interface = ".")", "t:7: lan.interface: "},
               {7, R"(interface = "..")", "t:7: lan.interface: "},
               {7, R"(interface = "all")", "t:7: lan.interface: "},
               {7, R"(interface = "default")", "t:7: lan.interface: "},
               {7, R"(interface = "lo")", R"(t:7: lan.interface: "lo" has no neighbours)"},
               {7, R"(interface = "ulg-r1")",
                R"(t:7: lan.interface: "ulg-r1" has the name of one of ulagate's own)"},
               {7, R"(interface = "br-lan.10@x")", ""},
               {7, R"(interface = "fifteen-letters")", ""},
               {7, "", R"(t:6: lan.interface: is missing; add interface = "eth0")"},
           });
}

TEST(LanConfig, Prefix) {
    expect(
        kEdge,
        {
            {8, R"(prefix = "fd12:3456:789b:a::/64")",
             "t:8: lan.prefix: fd12:3456:789b:a::/64 is outside overlay.prefix fd12:3456:789a::/48; choose a "
             "/64 "
             "inside it"},
            {8, R"(prefix = "fd12:3456:789a:a::1/64")",
             R"(t:8: lan.prefix: fd12:3456:789a:a::1/64 has bits set behind its length; write "fd12:3456:789a:a::/64")"},
            {8, R"(prefix = "fd12:3456:789a:a::/63")", "t:8: lan.prefix: fd12:3456:789a:a::/63 is not a /64"},
            {8, R"(prefix = "fd12:3456:789a:a::/65")", "t:8: lan.prefix: fd12:3456:789a:a::/65 is not a /64"},
            {8, R"(prefix = "fe80::/64")", "t:8: lan.prefix: fe80::/64 is outside overlay.prefix"},
            {8, R"(prefix = true)",
             R"(t:8: lan.prefix: true or false stands where a text in quotes belongs; for example prefix = "fd12)"},
            {8, "", "t:6: lan.prefix: is missing"},
        });
}

TEST(LanConfig, SeveralLans) {
    const auto second = [](std::string_view lines) {
        return with_end(kEdge, "[[lan]]\n" + std::string{lines});
    };
    const auto two = load_config(second("interface = \"eth1\"\nprefix = \"fd12:3456:789a:b::/64\""));
    ASSERT_TRUE(two.config);
    EXPECT_EQ(two.config->lans.at(1).interface, "eth1");
    EXPECT_EQ(two.config->lans.at(1).prefix, prefix("fd12:3456:789a:b::/64"));
    EXPECT_THAT(
        findings(second("interface = \"eth0\"\nprefix = \"fd12:3456:789a:a::/64\"")),
        ElementsAre(StartsWith("t:18: lan.interface: \"eth0\" is already lan.interface in line 7; "),
                    StartsWith("t:19: lan.prefix: fd12:3456:789a:a::/64 overlaps fd12:3456:789a:a::/64 "
                               "(lan.prefix in line 8); ")));
    EXPECT_THAT(
        findings(with_line(kEdge, 6, "[lan]")),
        ElementsAre("t:6: lan: a single table stands where a list of tables belongs; write [[lan]] in double "
                    "brackets"));
    EXPECT_THAT(findings(with_line(kEdge, 6, "lan = []\n[x]")),
                testing::Contains("t: lan: is missing; add a [[lan]] table for each LAN of this site"));
    EXPECT_THAT(findings(with_line(kEdge, 3, "site = \"a\"\nlan = 7\n[x]")),
                testing::Contains(StartsWith("t:")));
}

TEST(RaConfig, Defaults) {
    const auto lan = load_config(with_line(kEdge, 0, "")).config->lans.at(0);
    EXPECT_TRUE(lan.advertise);
    ra::Config expected;
    expected.min_interval = 10s;
    expected.max_interval = 30s;
    expected.unicast_replies = true;
    expected.advertisement.options = {
        ra::PrefixInformation{prefix("fd12:3456:789a:a::/64"), true, true, false, ra::Seconds{86400},
                              ra::Seconds{14400}},
        ra::RouteInformation{prefix("fd12:3456:789a::/48"), ra::Preference::high, ra::Seconds{1800}}};
    EXPECT_EQ(lan.ra, expected);
    EXPECT_EQ(loaded(""), expected);
}

TEST(RaConfig, TheValuesOfTheSourceDesign) {
    // What its radvd configuration and the listing under "Troubleshooting" say.
    const std::string text = ra(R"(min_interval = "10s"
max_interval = "30s"
router_lifetime = "0s"
reachable_time = "600s"
hop_limit = 64
prefix_valid_lifetime = "86400s"
prefix_preferred_lifetime = "14400s"
on_link = true
autonomous = true
router_address = true
route_lifetime = "90s"
route_preference = "high"
)");
    const auto result = load_config(text);
    EXPECT_THAT(findings(text),
                ElementsAre(StartsWith("t:20: warning: lan.ra.route_lifetime: 90s is less than 3m")));
    ASSERT_TRUE(result.config);
    const auto& message = result.config->lans.at(0).ra.advertisement;
    EXPECT_EQ(message.hop_limit, 64);
    EXPECT_EQ(message.router_lifetime, 0s);
    EXPECT_EQ(message.preference, ra::Preference::medium);
    EXPECT_EQ(message.reachable_time, 600'000ms);
    EXPECT_EQ(message.retrans_timer, 0ms);
    net::Ipv6Prefix complete = prefix("fd12:3456:789a:a::/64");
    complete.address = with_interface_identifier(complete, interface_identifier("a1"));
    EXPECT_THAT(message.options,
                ElementsAre(ra::Option{ra::PrefixInformation{complete, true, true, true, ra::Seconds{86400},
                                                             ra::Seconds{14400}}},
                            ra::Option{ra::RouteInformation{prefix("fd12:3456:789a::/48"),
                                                            ra::Preference::high, ra::Seconds{90}}}));
}

TEST(RaConfig, EveryKeyArrives) {
    const auto config = loaded(R"(min_interval = "4s"
max_interval = "8s"
router_lifetime = "30m"
router_preference = "low"
reachable_time = "1500ms"
retrans_timer = "250ms"
hop_limit = 0
managed = true
other_config = true
prefix_valid_lifetime = "infinite"
prefix_preferred_lifetime = "infinite"
on_link = false
autonomous = false
route_lifetime = "infinite"
route_preference = "low"
mtu = 1400
unicast_replies = false
)");
    EXPECT_EQ(config.min_interval, 4s);
    EXPECT_EQ(config.max_interval, 8s);
    EXPECT_FALSE(config.unicast_replies);
    const auto& message = config.advertisement;
    EXPECT_EQ(message.router_lifetime, 30min);
    EXPECT_EQ(message.preference, ra::Preference::low);
    EXPECT_EQ(message.reachable_time, 1500ms);
    EXPECT_EQ(message.retrans_timer, 250ms);
    EXPECT_EQ(message.hop_limit, 0);
    EXPECT_TRUE(message.managed);
    EXPECT_TRUE(message.other_config);
    EXPECT_THAT(message.options,
                ElementsAre(ra::Option{ra::PrefixInformation{prefix("fd12:3456:789a:a::/64"), false, false,
                                                             false, ra::kInfinity, ra::kInfinity}},
                            ra::Option{ra::RouteInformation{prefix("fd12:3456:789a::/48"),
                                                            ra::Preference::low, ra::kInfinity}},
                            ra::Option{ra::Mtu{1400}}));
    EXPECT_FALSE(load_config(ra("advertise = false")).config->lans.at(0).advertise);
}

TEST(RaConfig, R11_IntervalsKeepTheBoundsOfTheRfc) {
    expect_ra({
        {"max_interval = \"3s\"", "t:10: lan.ra.max_interval: 3s is out of range; choose 4s to 65535s"},
        {"max_interval = \"4s\"", ""},
        {"max_interval = \"65535s\"\nroute_lifetime = \"1d\"\nprefix_preferred_lifetime = \"1d\"", ""},
        {"max_interval = \"65536s\"", "t:10: lan.ra.max_interval: 65536s is out of range"},
        {"min_interval = \"2999ms\"", "t:10: lan.ra.min_interval: 2999ms is out of range; choose 3s to"},
        {"min_interval = \"3s\"", ""},
        {"min_interval = \"22500ms\"", ""},
        {"min_interval = \"22501ms\"",
         "t:10: lan.ra.min_interval: 22501ms is more than three quarters of max_interval 30s (RFC 4861); "
         "choose at "
         "most 22500ms"},
        {"min_interval = \"4s\"\nmax_interval = \"5s\"", "t:10: lan.ra.min_interval: 4s is more than"},
        // One mistake, one message: a broken maximum is not compared with.
        {"min_interval = \"60s\"\nmax_interval = \"1 hour\"",
         "t:11: lan.ra.max_interval: \"1 hour\" is not a duration"},
        {"min_interval = 10",
         "t:10: lan.ra.min_interval: a number stands where a text in quotes belongs; for example "
         "min_interval = \"10s\""},
    });
    EXPECT_EQ(loaded("max_interval = \"4s\"").min_interval, 3s);
    EXPECT_EQ(loaded("max_interval = \"9s\"").min_interval, 3s);
    EXPECT_EQ(loaded("max_interval = \"600s\"").min_interval, 200s);
}

TEST(RaConfig, R11_RouterLifetime) {
    expect_ra({
        {"router_lifetime = \"65535s\"", ""},
        {"router_lifetime = \"65536s\"",
         "t:10: lan.ra.router_lifetime: 65536s is out of range; choose 0s to 65535s"},
        {"router_lifetime = \"1500ms\"",
         "t:10: lan.ra.router_lifetime: 1500ms is not a whole number of seconds"},
        {"router_lifetime = \"180s\"\nmax_interval = \"181s\"",
         "t:10: lan.ra.router_lifetime: 3m is shorter than max_interval 181s"},
        {"router_lifetime = \"179s\"",
         "t:10: warning: lan.ra.router_lifetime: 179s is less than 3m, which Android"},
        {"router_lifetime = \"180s\"", ""},
        {"router_lifetime = \"30m\"\nrouter_preference = \"high\"", ""},
        {"router_preference = \"high\"", "t:10: warning: lan.ra.router_preference: is not sent"},
        {"router_preference = \"medium\"", ""},
        {"router_preference = \"reserved\"", "t:10: lan.ra.router_preference: \"reserved\" is not one of"},
    });
    // RFC 4191 section 2.2.
    EXPECT_EQ(loaded("router_preference = \"high\"").advertisement.preference, ra::Preference::medium);
}

TEST(RaConfig, R12_NumbersFitTheWire) {
    expect_ra({
        {"reachable_time = \"1h\"", ""},
        {"reachable_time = \"3600001ms\"", "t:10: lan.ra.reachable_time: 3600001ms is out of range"},
        {"retrans_timer = \"4294967295ms\"", ""},
        {"retrans_timer = \"4294967296ms\"", "t:10: lan.ra.retrans_timer: 4294967296ms is out of range"},
        {"hop_limit = 255", ""},
        {"hop_limit = 256", "t:10: lan.ra.hop_limit: 256 is out of range; choose 0 to 255"},
        {"hop_limit = -1", "t:10: lan.ra.hop_limit: -1 is out of range"},
        {"hop_limit = \"64\"",
         "t:10: lan.ra.hop_limit: a text stands where a whole number belongs; for example "
         "hop_limit = 64"},
        {"mtu = 1279", "t:10: lan.ra.mtu: 1279 is out of range; choose 1280 to 65535"},
        {"mtu = 1280", ""},
        {"mtu = 65536", "t:10: lan.ra.mtu: 65536 is out of range"},
        {"managed = 1",
         "t:10: lan.ra.managed: a number stands where true or false belongs; for example managed = false"},
        {"route_lifetime = \"4294967294s\"", ""},
        {"route_lifetime = \"4294967295s\"", "t:10: lan.ra.route_lifetime: 4294967295s is out of range"},
        {"route_lifetime = \"200500ms\"",
         "t:10: lan.ra.route_lifetime: 200500ms is not a whole number of seconds"},
        {"router_lifetime = \"infinite\"", "t:10: lan.ra.router_lifetime: \"infinite\" is not a duration"},
        {"route_preference = \"hihg\"",
         "t:10: lan.ra.route_preference: \"hihg\" is not one of \"low\", \"medium\", "
         "\"high\"; did you mean \"high\"?"},
    });
}

TEST(RaConfig, R12_R44_Lifetimes) {
    expect_ra({
        {"route_lifetime = \"0s\"", ""},
        {"route_lifetime = \"179s\"",
         "t:10: warning: lan.ra.route_lifetime: 179s is less than 3m, which Android 15"},
        {"route_lifetime = \"180s\"", ""},
        {"prefix_preferred_lifetime = \"179s\"",
         "t:10: warning: lan.ra.prefix_preferred_lifetime: 179s is less"},
        {"prefix_preferred_lifetime = \"0s\"", ""},
        {"prefix_preferred_lifetime = \"1d\"", ""},
        {"prefix_preferred_lifetime = \"86401s\"", "t:10: lan.ra.prefix_preferred_lifetime: is longer than"},
        {"prefix_preferred_lifetime = \"infinite\"",
         "t:10: lan.ra.prefix_preferred_lifetime: is longer than"},
        {"prefix_valid_lifetime = \"infinite\"", ""},
        {"prefix_valid_lifetime = \"3h\"", "t:9: lan.ra.prefix_preferred_lifetime: is longer than"},
        {"route_lifetime = \"10m\"\nmax_interval = \"601s\"",
         "t:10: warning: lan.ra.route_lifetime: 10m is shorter than max_interval 601s, so it expires between "
         "two"},
        {"route_lifetime = \"10m\"\nmax_interval = \"600s\"", ""},
    });
}

TEST(RaConfig, UnknownKeys) {
    expect_ra({
        {"nopreemt = true",
         "t:10: lan.ra: \"nopreemt\" is not a known key; known here: advertise, min_interval, "},
        {"route_lifetme = \"30m\"",
         "t:10: lan.ra: \"route_lifetme\" is not a known key; did you mean route_lifetime?"},
        {"AdvSendAdvert = true", "t:10: lan.ra: \"AdvSendAdvert\" is not a known key"},
    });
}

}  // namespace
}  // namespace ulagate::config_lan_test
