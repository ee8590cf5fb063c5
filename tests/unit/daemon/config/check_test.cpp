// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <utility>
// The cross checks on values alone, without a file.
namespace ulagate::config_file::config_check_test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

std::vector<Finding> findings_of(const Facts& facts) {
    Findings findings;
    check(facts, findings);
    return std::move(findings).take();
}

Located<net::Ipv6Prefix> prefix(std::string_view text, unsigned line) {
    return {net::parse_ipv6_prefix(text).value(), "lan.prefix", line};
}

TEST(ConfigCheck, NothingSaidIsNothingWrong) { EXPECT_THAT(findings_of({}), IsEmpty()); }

TEST(ConfigCheck, WithoutAnOverlayTheRestIsStillChecked) {
    Facts facts;
    facts.prefixes = {prefix("fd00:0:0:1::/64", 3), prefix("fd00:0:0:1::/64", 9)};
    EXPECT_THAT(findings_of(facts), SizeIs(1));
}

TEST(ConfigCheck, TheLaterOfTwoIsTheWrongOne) {
    Facts facts;
    facts.prefixes = {prefix("fd00:0:0:10::/60", 9), prefix("fd00:0:0:11::/64", 3)};
    const auto findings = findings_of(facts);
    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].line, 9U);
    EXPECT_THAT(findings[0].text,
                StartsWith("lan.prefix: fd00:0:0:10::/60 overlaps fd00:0:0:11::/64 (lan.prefix in "
                           "line 3)"));
}

// The sweep over sorted prefixes against the definition, on random small prefixes.
TEST(ConfigCheck, DisjointMeansThatNoTwoOverlap) {
    std::mt19937 random{1};  // fixed, so that a failure can be repeated
    unsigned disjoint = 0;
    for (int round = 0; round < 2000; ++round) {
        Facts facts;
        for (unsigned i = 0; i < 4; ++i) {
            net::Ipv6Prefix value;
            value.length = static_cast<std::uint8_t>(4 + random() % 5);
            value.address.bytes[0] = static_cast<std::uint8_t>(random());
            facts.prefixes.push_back({value.network(), "site.prefixes", i + 1});
        }
        bool overlap = false;
        for (std::size_t i = 0; i < 4; ++i) {
            for (std::size_t j = 0; j < i; ++j) {
                overlap = overlap || facts.prefixes[i].value.overlaps(facts.prefixes[j].value);
            }
        }
        EXPECT_EQ(findings_of(facts).empty(), !overlap);
        disjoint += overlap ? 0 : 1;
    }
    EXPECT_GT(disjoint, 100U);
    EXPECT_LT(disjoint, 1900U);
}

TEST(ConfigCheck, OfManyEqualOnesAllButTheFirstAreReported) {
    Facts facts;
    for (const unsigned line : {7U, 3U, 5U}) facts.nodes.push_back({"a1", "node", line});
    const auto findings = findings_of(facts);
    ASSERT_THAT(findings, SizeIs(2));
    EXPECT_EQ(findings[0].line, 5U);
    EXPECT_EQ(findings[1].line, 7U);
    EXPECT_THAT(findings[1].text, StartsWith("node: \"a1\" is already node in line 3"));
}

// Hosts follow one virtual router each; that two LANs have the same number matters only where it names an
// interface.
TEST(ConfigCheck, InterfacesOfVirtualMacsHaveNamesOfTheirOwn) {
    Facts facts;
    facts.virtual_macs = {{51, "lan.vrrp.id", 9}, {52, "lan.vrrp.id", 19}};
    facts.names = {{"v5x", "relay.name", 30}, {"w051", "relay.name", 40}, {"s51", "relay.name", 50}};
    EXPECT_THAT(findings_of(facts), IsEmpty());
    // A tunnel with the name of a virtual MAC's is not a tunnel anywhere, whether or not that is in use.
    Facts others;
    others.names = {{"v5", "relay.name", 30}, {"v051", "relay.name", 40}};
    EXPECT_THAT(findings_of(others), SizeIs(2));
    facts.virtual_macs.push_back({51, "lan.vrrp.id", 29});
    facts.names.push_back({"v52", "relay.name", 60});
    const auto findings = findings_of(facts);
    ASSERT_THAT(findings, SizeIs(2));
    EXPECT_EQ(findings[0].line, 29U);
    EXPECT_EQ(findings[0].text,
              "lan.vrrp.id: 51 is already lan.vrrp.id in line 9; with virtual_mac each is an interface named "
              "after it; choose another id");
    EXPECT_EQ(findings[1].line, 60U);
    EXPECT_EQ(
        findings[1].text,
        "relay.name: \"v52\" makes the interface \"ulg-v52\", which is the virtual MAC's of lan.vrrp.id "
        "in line 19; choose another name");
}

}  // namespace
}  // namespace ulagate::config_file::config_check_test
