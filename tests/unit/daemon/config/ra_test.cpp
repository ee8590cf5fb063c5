// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "daemon/config/config.h"
#include "tests/unit/daemon/config/text.h"
#include "tests/unit/text_values.h"

// [lan.ra]: the options that not every site uses, and what hosts are told when the tunnel is down.
namespace ulagate::config_ra_test {
namespace {

using namespace std::chrono_literals;
using config_text::findings;
using config_text::kEdge;
using config_text::with_line;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

// The smallest file with these lines in [lan.ra]; the first of them is line 10.
std::string ra(std::string_view lines) {
    return with_line(kEdge, 8, fmt::format("{}\n[lan.ra]\n{}", kEdge[7], lines));
}

LanConfig lan(std::string_view lines) {
    const auto result = load_config(ra(lines));
    EXPECT_TRUE(result.config) << lines;
    return result.config ? result.config->lans.at(0) : LanConfig{};
}
std::vector<ra::Option> options(std::string_view lines) { return lan(lines).ra.advertisement.options; }

struct Case {
    std::string_view lines;
    std::string_view expected;  // how the only finding begins; empty: there is none
};

void expect(const std::vector<Case>& cases) {
    for (const auto& [lines, expected] : cases) {
        SCOPED_TRACE(lines);
        if (expected.empty()) {
            EXPECT_THAT(findings(ra(lines)), IsEmpty());
        } else {
            EXPECT_THAT(findings(ra(lines)), ElementsAre(StartsWith(std::string{expected})));
        }
    }
}

TEST(RaOptionConfig, EveryKeyArrives) {
    const LanConfig config = lan(R"(snac_router = true
pd_preferred = true
autonomous = false
prefix_valid_until = "2027-06-30T12:30:15Z"
prefix_preferred_until = "2027-06-29T00:00:00Z"
route_when_isolated = "withdraw"
isolated_after = "2m"
rdnss = ["fd12:3456:789a:a::53", "fe80::53"]
dnssl = ["site.example", "example.net"]
dns_lifetime = "10m"
pref64 = "64:ff9b::/96"
pref64_lifetime = "20m"
captive_portal = "https://portal.example.net/api"
source_link_layer_address = false
mtu = 1420
[[lan.ra.route]]
prefix = "fd99:1::/48"
lifetime = "1h"
preference = "low"
[[lan.ra.route]]
prefix = "2001:db8::1/128"
)");
    EXPECT_TRUE(config.withdraw_when_isolated);
    EXPECT_EQ(config.isolated_after, 2min);
    EXPECT_FALSE(config.ra.source_link_layer_address);
    EXPECT_EQ(config.ra.valid_until,
              std::chrono::sys_days{std::chrono::June / 30 / 2027} + 12h + 30min + 15s);
    EXPECT_EQ(config.ra.preferred_until, std::chrono::sys_days{std::chrono::June / 29 / 2027});
    EXPECT_TRUE(config.ra.advertisement.snac_router);
    ra::PrefixInformation pio{prefix("fd12:3456:789a:a::/64")};
    pio.autonomous = false;
    pio.pd_preferred = true;
    EXPECT_THAT(
        config.ra.advertisement.options,
        ElementsAre(
            ra::Option{pio},
            ra::Option{ra::RouteInformation{prefix("fd12:3456:789a::/48"), ra::Preference::high}},
            ra::Option{ra::Mtu{1420}},
            ra::Option{ra::RecursiveDnsServers{{address("fd12:3456:789a:a::53"), address("fe80::53")},
                                               ra::Seconds{600}}},
            ra::Option{ra::DnsSearchList{{"site.example", "example.net"}, ra::Seconds{600}}},
            ra::Option{ra::Pref64{prefix("64:ff9b::/96"), ra::Seconds{1200}}},
            ra::Option{ra::CaptivePortal{"https://portal.example.net/api"}},
            ra::Option{ra::RouteInformation{prefix("fd99:1::/48"), ra::Preference::low, ra::Seconds{3600}}},
            ra::Option{
                ra::RouteInformation{prefix("2001:db8::1/128"), ra::Preference::medium, ra::Seconds{1800}}}));
}

TEST(RaOptionConfig, R30_R31_LifetimesOfNames) {
    const auto lifetimes = [](std::string_view lines) {
        std::vector<std::uint32_t> out;
        for (const auto& option :
             options(fmt::format("rdnss = [\"fd00::53\"]\npref64 = \"64:ff9b::/96\"\n{}", lines))) {
            if (const auto* dns = std::get_if<ra::RecursiveDnsServers>(&option))
                out.push_back(dns->lifetime.count());
            if (const auto* nat64 = std::get_if<ra::Pref64>(&option)) out.push_back(nat64->lifetime.count());
        }
        return out;
    };
    // Three times max_interval, and never less than Android takes.
    EXPECT_THAT(lifetimes("max_interval = \"600s\""), ElementsAre(1800, 1800));
    EXPECT_THAT(lifetimes(""), ElementsAre(180, 180));
    EXPECT_THAT(lifetimes("max_interval = \"30000s\"\nmin_interval = \"3s\"\nroute_lifetime = \"1d\"\n"
                          "prefix_preferred_lifetime = \"1d\""),
                ElementsAre(90000, 65528));
    EXPECT_THAT(lifetimes("dns_lifetime = \"0s\"\npref64_lifetime = \"0s\""), ElementsAre(0, 0));
    expect({
        {"rdnss = [\"fd00::53\"]\ndns_lifetime = \"infinite\"", ""},
        {"rdnss = [\"fd00::53\"]\ndns_lifetime = \"29s\"",
         "t:11: warning: lan.ra.dns_lifetime: 29s is shorter than max_interval 30s"},
        {"dns_lifetime = \"5m\"", "t:10: warning: lan.ra.dns_lifetime: has no effect without rdnss or dnssl"},
        {"pref64 = \"64:ff9b::/96\"\npref64_lifetime = \"65528s\"", ""},
        {"pref64 = \"64:ff9b::/96\"\npref64_lifetime = \"65529s\"",
         "t:11: lan.ra.pref64_lifetime: 65529s is out of range; choose 0s to 65528s"},
        {"pref64_lifetime = \"5m\"", "t:10: warning: lan.ra.pref64_lifetime: has no effect without pref64"},
    });
}

TEST(RaOptionConfig, DnsServers) {
    expect({
        {"rdnss = []", ""},
        {"rdnss = \"fd00::53\"",
         "t:10: lan.ra.rdnss: a text stands where a list of texts belongs; for example "
         "rdnss = [\"fd12:3456:789a:a::53\"]"},
        {"rdnss = [\"dns.example\"]", "t:10: lan.ra.rdnss: \"dns.example\" is not an IPv6 address"},
        {"rdnss = [\"192.0.2.53\"]", "t:10: lan.ra.rdnss: \"192.0.2.53\" is not an IPv6 address"},
        {"rdnss = [\"ff02::53\"]", "t:10: lan.ra.rdnss: ff02::53 cannot be the address of a DNS server"},
        {"rdnss = [\"::\"]", "t:10: lan.ra.rdnss: :: cannot be"},
        {"rdnss = [\"::1\"]", "t:10: lan.ra.rdnss: ::1 cannot be"},
        {"rdnss = [\n\"fd00::53\",\n\"fd00:0::53\"]", "t:12: lan.ra.rdnss: has the same server twice"},
    });
    std::string many;
    for (int i = 1; i <= 17; ++i) many += fmt::format("\"fd00::{}\",\n", i);
    EXPECT_THAT(
        findings(ra("rdnss = [\n" + many + "]")),
        ElementsAre(StartsWith("t:27: lan.ra.rdnss: has more than 16 servers, but hosts keep about")));
}

TEST(RaOptionConfig, SearchDomains) {
    expect({
        {"dnssl = [\"example.net.\"]",
         "t:10: lan.ra.dnssl: \"example.net.\" is not a domain name; write one without a dot at the end"},
        {"dnssl = [\"\"]", "t:10: lan.ra.dnssl: \"\" is not a domain name"},
        {"dnssl = [\"exa mple.net\"]", "t:10: lan.ra.dnssl: \"exa mple.net\" is not"},
        {"dnssl = [\"a.example\", \"a.example\"]", "t:10: lan.ra.dnssl: has the same domain twice"},
        {"dnssl = [\"a\", \"b\", \"c\", \"d\", \"e\"]", "t:10: lan.ra.dnssl: has more than 4 domains"},
    });
}

TEST(RaOptionConfig, Pref64) {
    expect({
        {"pref64 = \"2001:db8:64::/48\"", ""},
        {"pref64 = \"64:ff9b::/95\"",
         "t:10: lan.ra.pref64: 64:ff9b::/95 is not a /32, /40, /48, /56, /64 or /96"},
        {"pref64 = \"64:ff9b::1/96\"", "t:10: lan.ra.pref64: 64:ff9b::1/96 has bits set behind its length"},
        {"pref64 = \"64:ff9b:0:0:100::/96\"",
         "t:10: lan.ra.pref64: 64:ff9b:0:0:100::/96 cannot be a NAT64 prefix"},
        {"pref64 = \"ff00::/32\"", "t:10: lan.ra.pref64: ff00::/32 cannot be"},
        {"pref64 = \"64:ff9b::\"", "t:10: lan.ra.pref64: \"64:ff9b::\" is not an IPv6 prefix"},
    });
}

TEST(RaOptionConfig, CaptivePortal) {
    expect({
        {"captive_portal = \"urn:ietf:params:capport:unrestricted\"", ""},
        {"captive_portal = \"http://portal.example.net\"",
         "t:10: lan.ra.captive_portal: \"http://portal.example.net\" is not the URI of a captive portal's "
         "API, which "
         "is reached by HTTPS only (RFC 8908)"},
        {"captive_portal = \"https://\"", "t:10: lan.ra.captive_portal: \"https://\" is not"},
        {"captive_portal = \"https:///api\"", "t:10: lan.ra.captive_portal: \"https:///api\" is not"},
        {"captive_portal = \"https://a b\"", "t:10: lan.ra.captive_portal: \"https://a b\" is not"},
    });
    const std::string longest = "https://" + std::string(247, 'x');
    EXPECT_THAT(findings(ra("captive_portal = \"" + longest + "\"")), IsEmpty());
    EXPECT_THAT(findings(ra("captive_portal = \"" + longest + "x\"")),
                ElementsAre(StartsWith("t:10: lan.ra.captive_portal: has 256 characters, but at most 255")));
}

TEST(RaOptionConfig, R26_FurtherRoutes) {
    const auto route = [](std::string_view lines) { return ra(fmt::format("[[lan.ra.route]]\n{}", lines)); };
    for (const auto& [lines, expected] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"prefix = \"fd99::/48\"\nlifetime = \"infinite\"", ""},
             {"prefix = \"::/0\"", ""},
             {"prefix = \"fd99::1/128\"", ""},
             {"", "t:10: lan.ra.route.prefix: is missing; add prefix = \"fd99:1::/48\""},
             {"prefix = \"fd99::1/48\"",
              "t:11: lan.ra.route.prefix: fd99::1/48 has bits set behind its length"},
             {"prefix = \"fe80::/64\"",
              "t:11: lan.ra.route.prefix: fe80::/64 cannot be reached through a router"},
             {"prefix = \"ff00::/8\"", "t:11: lan.ra.route.prefix: ff00::/8 cannot be"},
             {"prefix = \"fd12:3456:789a::/48\"",
              "t:11: lan.ra.route.prefix: fd12:3456:789a::/48 is already advertised, and an advertisement "
              "may contain a route only once (RFC 4191); remove it, and see route_lifetime for the overlay"},
             {"prefix = \"fd99::/48\"\nlifetime = \"179s\"",
              "t:12: warning: lan.ra.route.lifetime: 179s is less than 3m, which Android"},
             {"prefix = \"fd99::/48\"\npreference = \"highest\"",
              "t:12: lan.ra.route.preference: \"highest\" is not"},
             {"prefix = \"fd99::/48\"\nmetric = 1", "t:12: lan.ra.route: \"metric\" is not a known key"},
         }) {
        SCOPED_TRACE(lines);
        if (expected.empty()) {
            EXPECT_THAT(findings(route(lines)), IsEmpty());
        } else {
            EXPECT_THAT(findings(route(lines)), ElementsAre(StartsWith(std::string{expected})));
        }
    }
    EXPECT_THAT(
        findings(ra("[[lan.ra.route]]\nprefix = \"fd99::/48\"\n[[lan.ra.route]]\nprefix = \"fd99::/48\"")),
        ElementsAre(StartsWith("t:13: lan.ra.route.prefix: fd99::/48 is already advertised")));
    // With a lifetime of their own or the overlay's.
    EXPECT_THAT(options("route_lifetime = \"1h\"\n[[lan.ra.route]]\nprefix = \"fd99::/48\""),
                Contains(ra::Option{
                    ra::RouteInformation{prefix("fd99::/48"), ra::Preference::medium, ra::Seconds{3600}}}));
    std::string many;
    for (int i = 1; i <= 17; ++i) many += fmt::format("[[lan.ra.route]]\nprefix = \"fd99:{}::/48\"\n", i);
    EXPECT_THAT(
        findings(ra(many)),
        ElementsAre(StartsWith("t:43: warning: lan.ra.route.prefix: exceeds the 17 routes that hosts")));
}

TEST(RaOptionConfig, R29_PointsInTime) {
    expect({
        {"prefix_valid_until = \"2028-02-29T23:59:59Z\"", ""},
        {"prefix_valid_until = \"2027-02-29T00:00:00Z\"",
         "t:10: lan.ra.prefix_valid_until: \"2027-02-29T00:00:00Z\" is not a point in time; write one in "
         "UTC, like "
         "\"2027-06-30T00:00:00Z\""},
        {"prefix_valid_until = \"2027-06-30\"", "t:10: lan.ra.prefix_valid_until: \"2027-06-30\" is not"},
        {"prefix_valid_until = \"2027-06-30T24:00:00Z\"", "t:10: lan.ra.prefix_valid_until: "},
        {"prefix_valid_until = \"2027-06-30T00:60:00Z\"", "t:10: lan.ra.prefix_valid_until: "},
        {"prefix_valid_until = \"2027-06-30T00:00:00+01:00\"", "t:10: lan.ra.prefix_valid_until: "},
        {"prefix_valid_until = \"1969-12-31T00:00:00Z\"", "t:10: lan.ra.prefix_valid_until: "},
        {"prefix_valid_until = \"20a7-06-30T00:00:00Z\"", "t:10: lan.ra.prefix_valid_until: "},
        {"prefix_valid_until = \"2027-06-30T00:00:00Z\"\nprefix_preferred_until = \"2027-06-30T00:00:01Z\"",
         "t:11: lan.ra.prefix_preferred_until: is later than prefix_valid_until"},
        {"prefix_preferred_until = \"2027-06-30T00:00:00Z\"", ""},
    });
    EXPECT_EQ(lan("").ra.valid_until, std::nullopt);
    EXPECT_EQ(lan("").ra.preferred_until, std::nullopt);
}

TEST(RaOptionConfig, WhenIsolated) {
    EXPECT_FALSE(lan("").withdraw_when_isolated);
    EXPECT_FALSE(lan("route_when_isolated = \"keep\"").withdraw_when_isolated);
    EXPECT_EQ(lan("route_when_isolated = \"withdraw\"").isolated_after, 30s);
    expect({
        {"route_when_isolated = \"remove\"",
         "t:10: lan.ra.route_when_isolated: \"remove\" is not one of \"keep\", \"withdraw\""},
        {"route_when_isolated = \"withdraw\"\nisolated_after = \"4s\"",
         "t:11: lan.ra.isolated_after: 4s is out of range; choose 5s to 1h"},
    });
}

}  // namespace
}  // namespace ulagate::config_ra_test
