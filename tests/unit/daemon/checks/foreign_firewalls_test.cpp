// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/foreign_firewalls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/text_values.h"

namespace ulagate::foreign_firewalls_test {
namespace {

using firewall::Chain;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Need forward() {
    Need need;
    need.overlay = prefix("fd12:3456:789a::/48");
    return need;
}

Need of(Need::Kind kind) {
    Need need = forward();
    need.kind = kind;
    need.lan = "eth0";
    need.tunnels = {"ulg-s1", "ulg-s2"};
    need.first_port = 51820;
    need.last_port = 51821;
    return need;
}

Chain base(const std::string& family, const std::string& table, const std::string& name,
           const std::string& hook, bool drop) {
    return {family, table, name, hook, 0, drop};
}

Chain inner(const std::string& family, const std::string& table, const std::string& name) {
    return {family, table, name, "", 0, false};
}

auto is(const std::string& name, const std::string& line) {
    return AllOf(Field(&Suspect::name, HasSubstr(name)), Field(&Suspect::line, HasSubstr(line)));
}

ForeignFilters with(std::vector<Chain> chains) { return {std::move(chains), {}, {}, false}; }

ForeignFilters ufw() {
    return with({base("ip6", "filter", "FORWARD", "forward", true),
                 base("ip6", "filter", "INPUT", "input", true),
                 inner("ip6", "filter", "ufw6-before-forward")});
}

TEST(ForeignFirewalls, F03_NobodyIsBlamedWhereNobodyFilters) {
    EXPECT_THAT(suspects({}, forward()), IsEmpty());
}

TEST(ForeignFirewalls, F03_UfwInItsOwnWords) {
    EXPECT_THAT(suspects(ufw(), forward()), ElementsAre(is("ufw", "ufw route allow to fd12:3456:789a::/48")));
    EXPECT_THAT(suspects(ufw(), of(Need::Kind::vrrp)),
                ElementsAre(is("ufw", "ufw allow in on eth0 proto vrrp")));
    EXPECT_THAT(suspects(ufw(), of(Need::Kind::wireguard)),
                ElementsAre(is("ufw", "ufw allow 51820:51821/udp")));
    EXPECT_THAT(suspects(ufw(), of(Need::Kind::control)),
                ElementsAre(is("ufw", "in on ulg-s1 to any port 51819 proto udp && ufw allow in on ulg-s2")));
}

TEST(ForeignFirewalls, F03_FirewalldWhosePolicyIsAccept) {
    const auto filters = with({base("inet", "firewalld", "filter_FORWARD", "forward", false)});
    EXPECT_THAT(suspects(filters, forward()),
                ElementsAre(is("firewalld", "firewall-cmd --permanent --new-policy")));
}

TEST(ForeignFirewalls, F03_FirewalldInPanicIsToldApart) {
    auto filters = with({base("inet", "firewalld", "filter_FORWARD", "forward", false),
                         base("inet", "firewalld_policy_drop", "filter_PREROUTING", "prerouting", true)});
    Need need = forward();
    need.before_routing = true;
    EXPECT_THAT(suspects(filters, need), ElementsAre(is("panic", "firewall-cmd --panic-off")));
}

TEST(ForeignFirewalls, F03_FirewalldThatLoadsItsRulesIsInNoPanic) {
    auto filters = with({base("inet", "firewalld_policy_drop", "filter_input", "input", true),
                         base("inet", "firewalld_policy_drop", "filter_forward", "forward", true),
                         base("inet", "firewalld", "filter_INPUT", "input", false)});
    EXPECT_THAT(suspects(filters, of(Need::Kind::vrrp)), ElementsAre(is("firewalld", "--add-rich-rule")));
    EXPECT_THAT(suspects(filters, forward()), ElementsAre(is("firewalld", "--new-policy ulagate")));
}

TEST(ForeignFirewalls, F03_DockerBesideUfwAreBothNamed) {
    auto filters = ufw();
    filters.chains.push_back(inner("ip6", "filter", "DOCKER-USER"));
    EXPECT_THAT(suspects(filters, forward()),
                ElementsAre(is("ufw", ""),
                            is("Docker", "ip6tables -I DOCKER-USER -d fd12:3456:789a::/48 -j ACCEPT")));
    EXPECT_THAT(suspects(filters, of(Need::Kind::vrrp)), ElementsAre(is("ufw", "")))
        << "Docker filters no input";
}

TEST(ForeignFirewalls, F03_WhatDockerLeavesIsItsPolicyAlone) {
    const auto filters = with({base("ip6", "filter", "FORWARD", "forward", true)});
    EXPECT_THAT(suspects(filters, forward()),
                ElementsAre(is("ip6tables", "ip6tables -I FORWARD -d fd12:3456:789a::/48 -j ACCEPT")));
}

TEST(ForeignFirewalls, F03_ShorewallFoomuuriAndAnybody) {
    EXPECT_THAT(suspects(with({base("ip6", "filter", "FORWARD", "forward", true),
                               inner("ip6", "filter", "logflags")}),
                         forward()),
                ElementsAre(is("Shorewall6", "shorewall6 restart")));
    EXPECT_THAT(suspects(with({base("inet", "foomuuri", "forward", "forward", false)}), forward()),
                ElementsAre(is("foomuuri", "foomuuri reload")));
    // It runs the last of several hooks alone, so a second line must not undo the first.
    EXPECT_THAT(suspects(with({base("inet", "foomuuri", "forward", "forward", false)}), forward()),
                ElementsAre(is("foomuuri", "accept' >>/etc/foomuuri/ulagate.sh && printf 'hook {")));
    EXPECT_THAT(suspects(with({base("inet", "mine", "fwd", "forward", true)}), forward()),
                ElementsAre(is("chain fwd of nftables' table inet mine",
                               "nft insert rule inet mine fwd ip6 daddr fd12:3456:789a::/48 accept")));
}

TEST(ForeignFirewalls, F03_ItsOwnOtherTablesAreNoFurtherSuspects) {
    const std::vector<Chain> others{base("ip6", "nat", "POSTROUTING", "postrouting", false),
                                    base("ip6", "mangle", "FORWARD", "forward", false)};
    auto filters = with(others);
    EXPECT_THAT(suspects(filters, forward()), ElementsAre(is("table ip6 mangle", "")))
        << "nothing else is there";
    filters.chains.push_back(base("ip6", "filter", "FORWARD", "forward", true));
    filters.chains.push_back(inner("ip6", "filter", "logflags"));
    EXPECT_THAT(suspects(filters, forward()), ElementsAre(is("Shorewall6", "shorewall6 restart")));
}

TEST(ForeignFirewalls, F03_TheOldTablesThatNftDoesNotShow) {
    ForeignFilters filters;
    filters.legacy = {"filter"};
    EXPECT_THAT(suspects(filters, forward()),
                ElementsAre(is("ip6tables-legacy", "ip6tables-legacy -I FORWARD")));
    filters.ferm = true;
    EXPECT_THAT(suspects(filters, forward()),
                ElementsAre(is("ferm", "domain ip6 table filter chain FORWARD daddr")));
    filters.legacy_chains = {"in_world", "out_world"};
    EXPECT_THAT(suspects(filters, forward()), ElementsAre(is("FireHOL", "firehol start")));
    filters.legacy = {"nat"};
    EXPECT_THAT(suspects(filters, forward()), IsEmpty());
}

// ip6tables' table filter has no PREROUTING.
TEST(ForeignFirewalls, F03_BeforeRoutingTheTableIsRaw) {
    Need need = forward();
    need.before_routing = true;
    ForeignFilters filters;
    filters.legacy = {"filter", "raw"};
    EXPECT_THAT(suspects(filters, need),
                ElementsAre(is("ip6tables-legacy in table raw",
                               "ip6tables-legacy -t raw -I PREROUTING -d fd12:3456:789a::/48 -j ACCEPT")));
    filters.ferm = true;
    EXPECT_THAT(suspects(filters, need),
                ElementsAre(is("ferm", "domain ip6 table raw chain PREROUTING daddr fd12:3456:789a::/48")));
    filters.legacy_chains = {"in_world", "out_world"};
    EXPECT_THAT(suspects(filters, need),
                ElementsAre(is("FireHOL", "'-t raw -I PREROUTING -d fd12:3456:789a::/48'")));
    EXPECT_THAT(suspects({{base("netdev", "mine", "in", "ingress", false)}, {}, {}, false}, need),
                ElementsAre(is("chain in of nftables' table netdev mine",
                               "nft insert rule netdev mine in ip6 daddr fd12:3456:789a::/48 accept")));
}

TEST(ForeignFirewalls, F03_TheOldTablesBesideFilterAreNamedToo) {
    ForeignFilters filters;
    filters.legacy = {"mangle", "raw"};
    EXPECT_THAT(suspects(filters, forward()),
                ElementsAre(is("ip6tables-legacy in table mangle",
                               "ip6tables-legacy -t mangle -I FORWARD -d fd12:3456:789a::/48 -j ACCEPT")));
    filters.legacy = {"filter", "mangle"};
    EXPECT_THAT(suspects(filters, of(Need::Kind::vrrp)),
                ElementsAre(is("table filter", "ip6tables-legacy -I INPUT -i eth0 -p 112 -j ACCEPT"),
                            is("table mangle", "ip6tables-legacy -t mangle -I INPUT -i eth0 -p 112")));
}

TEST(ForeignFirewalls, F03_WhoDropsNeighborDiscoveryMayDoSoBothWays) {
    const Need need = of(Need::Kind::resolution);
    EXPECT_THAT(
        suspects(with({base("inet", "a", "in", "input", false), base("inet", "b", "out", "output", false),
                       base("inet", "c", "fwd", "forward", true)}),
                 need),
        ElementsAre(is("table inet a", "iifname eth0 icmpv6 type nd-neighbor-solicit accept"),
                    is("table inet b", "oifname eth0 icmpv6 type nd-neighbor-advert accept")));
    ForeignFilters filters;
    filters.legacy = {"filter"};
    EXPECT_THAT(
        suspects(filters, need),
        ElementsAre(is("ip6tables-legacy",
                       "ip6tables-legacy -I INPUT -i eth0 -p icmpv6 --icmpv6-type neighbour-solicitation -j "
                       "ACCEPT && ip6tables-legacy -I OUTPUT -o eth0 -p icmpv6 --icmpv6-type "
                       "neighbour-advertisement -j ACCEPT")));
}

TEST(ForeignFirewalls, F03_ThoseThatDropByPolicyAreNamedFirstAndFewInAll) {
    std::vector<Chain> chains{base("inet", "quiet", "forward", "forward", false)};
    for (const char* table : {"a", "b", "c"})
        chains.push_back(base("inet", table, "forward", "forward", true));
    const auto found = suspects(with(chains), forward());
    ASSERT_THAT(found, SizeIs(3));
    EXPECT_THAT(found.front().name, HasSubstr("inet a"));
}

TEST(ForeignFirewalls, F03_ChainsOfOtherHooksAndOfIpv4AreInNobodysWay) {
    EXPECT_THAT(suspects(with({base("ip", "filter", "FORWARD", "forward", true),
                               base("inet", "mine", "in", "input", true), inner("inet", "mine", "x")}),
                         forward()),
                IsEmpty());
}

}  // namespace
}  // namespace ulagate::foreign_firewalls_test
