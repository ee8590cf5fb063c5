// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/forward_check.h"

#include <gmock/gmock.h>
#include <linux/rtnetlink.h>

#include "daemon/kernel/plan.h"
#include "tests/unit/daemon/kernel/fake_kernel.h"

namespace ulagate::forward_check_test {
namespace {

using fake::machine;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const net::Ipv6Prefix kOverlay = prefix("fd12:3456:789a::/48");

Have settled(const Config& config) {
    Have have = machine();
    for (int round = 0; round < 5; ++round) {
        for (const Step& step : plan(desired(config, fake::facts(config), have), have)) simulate(have, step);
    }
    return have;
}

// What the kernel does when nobody is in the way: the longest prefix, then the lowest metric.
Forwarded way(const Have& have, const Forwarding& packet) {
    Forwarded best{ENETUNREACH, {}, {}};
    for (const auto& [key, target] : have.routes) {
        if (!key.destination.contains(packet.destination)) continue;
        const bool longer = best.error != 0 || key.destination.length > best.route.destination.length;
        const bool cheaper =
            best.error == 0 && key.destination == best.route.destination && key.metric < best.route.metric;
        if (longer || cheaper)
            best = {0, target.link.value_or("lo"), key, kRouteProtocol,
                    target.link ? std::uint8_t{RTN_UNICAST} : std::uint8_t{RTN_UNREACHABLE}};
    }
    return best;
}

class ForwardCheckStory : public testing::Test {
protected:
    void use(const Config& config) {
        config_ = config;
        have_ = settled(config);
    }
    std::vector<Obstacle> look() {
        asked_.clear();
        return check_.look(config_, have_, active_prefixes_,
                           [this](const Forwarding& packet) -> Result<Forwarded> {
                               asked_.push_back(packet);
                               for (const auto& [match, answer] : foreign_) {
                                   if (match(packet)) return answer;
                               }
                               return way(have_, packet);
                           });
    }
    void add_rule(std::size_t at, Rule rule) {
        have_.rules.insert(have_.rules.begin() + static_cast<std::ptrdiff_t>(at), std::move(rule));
    }
    void answer(const std::function<bool(const Forwarding&)>& match, const Forwarded& what) {
        foreign_ = {{match, what}};
    }

    Config config_;
    Have have_;
    std::vector<net::Ipv6Prefix> active_prefixes_;
    std::vector<Forwarding> asked_;
    std::vector<std::pair<std::function<bool(const Forwarding&)>, Forwarded>> foreign_;
    ForwardCheck check_;
};

const auto kFromLan = [](const Forwarding& packet) { return packet.from == "eth0"; };
const Forwarded kByVpn{0, "ts0", {prefix("::/0"), 1024, 52}, RTPROT_STATIC, RTN_UNICAST};

TEST_F(ForwardCheckStory, F01_AnEdgeAsksForBothDirections) {
    use(fake::edge());
    EXPECT_THAT(look(), IsEmpty());
    ASSERT_THAT(asked_, SizeIs(2));
    EXPECT_EQ(asked_.at(0).from, "eth0");
    EXPECT_TRUE(prefix("fd12:3456:789a:a::/64").contains(asked_.at(0).source));
    EXPECT_TRUE(kOverlay.contains(asked_.at(0).destination));
    EXPECT_FALSE(prefix("fd12:3456:789a:a::/64").contains(asked_.at(0).destination));
    EXPECT_EQ(asked_.at(1).from, "ulg-r1");
    EXPECT_TRUE(prefix("fd12:3456:789a:a::/64").contains(asked_.at(1).destination));
    active_prefixes_ = {prefix("fd12:3456:789a:b::/64")};
    look();
    ASSERT_THAT(asked_, SizeIs(3));
    EXPECT_TRUE(active_prefixes_.front().contains(asked_.at(2).destination));
}

TEST_F(ForwardCheckStory, F01_ARuleThatIsAskedBeforeOursIsNamed) {
    use(fake::edge());
    add_rule(
        1,
        {{0, 52}, false, RTPROT_STATIC, "from all iif eth0 lookup 52", Rule::Kind::look_up, false, "eth0"});
    answer(kFromLan, kByVpn);
    const auto found = look();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(
        found.front().sentence,
        testing::AllOf(
            HasSubstr("packets from eth0 to fd12:3456:789a:"),
            HasSubstr("do not go to ulg-r1 but to ts0: rule 0 (from all iif eth0 lookup 52) is evaluated "
                      "before ours and finds the route default dev ts0 metric 1024 table 52"),
            HasSubstr("ip -6 rule del pref 0 from all iif eth0 lookup 52")));
    EXPECT_TRUE(found.front().cuts);
    EXPECT_EQ(found.front().reason, "a foreign rule takes the overlay's traffic");
    EXPECT_EQ(found.front().lan, "eth0");
    EXPECT_EQ(look(), found);
    foreign_.clear();
    EXPECT_THAT(look(), IsEmpty());
}

TEST_F(ForwardCheckStory, F01_OfSeveralRulesTheOneThatCanHaveDecidedIsNamed) {
    use(fake::edge());
    add_rule(1, {{0, 52}, false, 3, "from all iif eth9 lookup 52", Rule::Kind::look_up, false, "eth9"});
    add_rule(
        2,
        {{0, 52}, false, 3, "from fd77::/64 lookup 52", Rule::Kind::look_up, false, {}, prefix("fd77::/64")});
    add_rule(3, {{0, 53}, false, 3, "from all iif eth0 lookup 53", Rule::Kind::look_up, false, "eth0"});
    add_rule(4, {{1, 52}, false, 3, "not from all fwmark 0x1 lookup 52", Rule::Kind::look_up, true});
    add_rule(6, {{5270, 52}, true, 3, "from all lookup 52"});  // asked after ours
    answer(kFromLan, kByVpn);
    const auto found = look();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(found.front().sentence, HasSubstr("rule 1 (not from all fwmark 0x1 lookup 52)"));
}

TEST_F(ForwardCheckStory, F01_ARuleThatDropsIsNamed) {
    use(fake::edge());
    add_rule(1, {{0, 0, kOverlay}, false, 3, "from all to fd12:3456:789a::/48 prohibit", Rule::Kind::drop});
    answer([](const Forwarding&) { return true; }, Forwarded{EACCES, {}, {}});
    const auto found = look();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(found.front().sentence,
                testing::AllOf(HasSubstr("rule 0 (from all to fd12:3456:789a::/48 prohibit) drops them"),
                               HasSubstr("ip -6 rule del pref 0 from all to fd12:3456:789a::/48 prohibit")));
}

TEST_F(ForwardCheckStory, F01_ARouteInOurTableIsNamed) {
    use(fake::edge());
    answer(kFromLan, Forwarded{0, "eth0", {kOverlay, 9}, RTPROT_RA, RTN_UNICAST, ip("fe80::1")});
    const auto found = look();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(
        found.front().sentence,
        HasSubstr("ip -6 route del fd12:3456:789a::/48 via fe80::1 dev eth0 metric 9 table 117 proto 9"));
    EXPECT_EQ(found.front().reason, "a foreign route takes the overlay's traffic");
}

TEST_F(ForwardCheckStory, F01_AnAddressOfTheMachineInARemoteSiteIsNamed) {
    use(fake::edge());
    active_prefixes_ = {prefix("fd12:3456:789a:b::/64")};
    answer(
        [](const Forwarding& packet) { return prefix("fd12:3456:789a:b::/64").contains(packet.destination); },
        Forwarded{0, "eth1", {prefix("fd12:3456:789a:b::5/128"), 0, kLocalTable}, RTPROT_KERNEL, RTN_LOCAL});
    ASSERT_THAT(look(), SizeIs(1));
    EXPECT_THAT(look().front().sentence,
                HasSubstr("fd12:3456:789a:b::5 is an address of this machine, on eth1"));

    have_.addresses[{"eth1", prefix("fd12:3456:789a:b::5/64")}] = {};
    const auto found = misplaced_addresses(config_, have_);
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(found.front().sentence, HasSubstr("ip -6 address del fd12:3456:789a:b::5/64 dev eth1"));
    EXPECT_FALSE(found.front().cuts);
    EXPECT_THAT(misplaced_addresses(config_, settled(config_)), IsEmpty());
}

TEST_F(ForwardCheckStory, F01_WhatOfOursIsMovingIsNoFinding) {
    use(fake::edge());
    answer(kFromLan, Forwarded{0, "lo", {kOverlay, kUnreachableMetric}, kRouteProtocol, RTN_UNREACHABLE});
    EXPECT_THAT(look(), IsEmpty());
}

// Thousands of prefixes take turns: each look asks for a few, and each is asked for.
TEST_F(ForwardCheckStory, F01_ARelaysPrefixesTakeTurns) {
    use(fake::relay());
    for (unsigned n = 0; n < 1000; ++n) {
        RouteKey key{prefix("fd12:3456:789a::/64"), kRouteMetric};
        key.destination.address.bytes[6] = static_cast<std::uint8_t>(0x40U + n / 256);
        key.destination.address.bytes[7] = static_cast<std::uint8_t>(n % 256);
        have_.routes[key] = {"ulg-s1"};
    }
    std::set<net::Ipv6Address> seen;
    std::size_t most = 0;
    for (int turn = 0; turn < 40; ++turn) {
        EXPECT_THAT(look(), IsEmpty());
        most = std::max(most, asked_.size());
        for (const Forwarding& packet : asked_) seen.insert(packet.destination);
    }
    EXPECT_LE(most, 40U);
    EXPECT_GE(seen.size(), 1000U);
    // One of them has a longer route of somebody else: it is found within a turn, stays found, and is over
    // later.
    const net::Ipv6Prefix victim = prefix("fd12:3456:789a:4210::/64");
    answer([&](const Forwarding& packet) { return victim.contains(packet.destination); },
           Forwarded{0, "eth1", {prefix("fd12:3456:789a:4210::/60"), 5}, RTPROT_STATIC, RTN_UNICAST});
    std::size_t found = 0;
    for (int turn = 0; turn < 40; ++turn) found = std::max(found, look().size());
    EXPECT_EQ(found, 1U);
    EXPECT_THAT(look(), SizeIs(1));
    foreign_.clear();
    for (int turn = 0; turn < 40; ++turn) look();
    EXPECT_THAT(look(), IsEmpty());
}

// One rule that takes everything is one sentence.
TEST_F(ForwardCheckStory, F01_OneCauseIsOneSentence) {
    use(fake::relay());
    for (unsigned n = 0; n < 30; ++n) {
        RouteKey key{prefix("fd12:3456:789a:4000::/64"), kRouteMetric};
        key.destination.address.bytes[7] = static_cast<std::uint8_t>(n);
        have_.routes[key] = {"ulg-s1"};
    }
    add_rule(1, {{0, 52}, true, 3, "from all lookup 52"});
    answer([](const Forwarding&) { return true; }, kByVpn);
    const auto found = look();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(found.front().sentence, HasSubstr(" and others do not go to "));
    EXPECT_EQ(found.front().lan, "");
}

}  // namespace
}  // namespace ulagate::forward_check_test
