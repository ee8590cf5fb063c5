// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/kernel/namespace.h"
#include "tests/unit/text_values.h"

namespace ulagate::test::rule_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RtnlRules : public RtnlTest {};

const RuleKey kOurs{kRulePreference, kRouteTable};
const RuleKey kLocal{kRulePreference - 1, kLocalTable, prefix("fd12:3456:789a::/48")};

std::string shown() { return output("ip -6 rule"); }
void expect_ok(const Result<void>& result) { EXPECT_TRUE(result) << result.error().text(); }

std::vector<std::string> texts(Rtnl& kernel) {
    std::vector<std::string> out;
    const Rules rules = kernel.rules().value();
    for (const Rule& rule : rules) out.push_back(rule.text);
    return out;
}

TEST_F(RtnlRules, F01_OursAreAddedAndDeletedAnyNumberOfTimes) {
    with_kernel([](Rtnl& kernel) {
        const std::string before = shown();
        const Rules at_first = kernel.rules().value();
        ASSERT_EQ(at_first.size(), 2U);
        EXPECT_EQ(at_first.front().key, (RuleKey{0, kLocalTable}));
        EXPECT_TRUE(at_first.front().plain);
        for (int round = 0; round < 2; ++round) {
            for (int times = 0; times < 2; ++times) {
                expect_ok(kernel.put_rule(kOurs));
                expect_ok(kernel.put_rule(kLocal));
            }
            EXPECT_THAT(shown(), HasSubstr("200:\tfrom all lookup 117 proto 117"));
            const Rules now = kernel.rules().value();
            ASSERT_EQ(now.size(), 4U) << shown();
            EXPECT_EQ(now.at(1),
                      (Rule{kLocal, true, kRouteProtocol, "from all to fd12:3456:789a::/48 lookup local"}));
            EXPECT_EQ(now.at(2), (Rule{kOurs, true, kRouteProtocol, "from all lookup 117"}));
            for (int times = 0; times < 2; ++times) {
                expect_ok(kernel.delete_rule(kOurs));
                expect_ok(kernel.delete_rule(kLocal));
            }
            EXPECT_EQ(shown(), before);
        }
    });
}

TEST_F(RtnlRules, F01_TheSameOfAnotherProgramIsNotOursAndStays) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("ip -6 rule add pref 200 lookup 117"));
        const std::string before = shown();
        expect_ok(kernel.delete_rule(kOurs));
        EXPECT_EQ(shown(), before);
        expect_ok(kernel.put_rule(kOurs));
        expect_ok(kernel.put_rule(kOurs));
        const Rules now = kernel.rules().value();
        EXPECT_EQ(std::count_if(now.begin(), now.end(), [](const Rule& rule) { return rule.ours(); }), 1)
            << shown();
        expect_ok(kernel.delete_rule(kOurs));
        EXPECT_EQ(shown(), before);
    });
}

TEST_F(RtnlRules, F01_OfEachShapeAreTold) {
    with_kernel([](Rtnl& kernel) {
        for (const char* rule :
             {"pref 1000 iif lan0 lookup 52", "pref 1001 from fd12::/64 lookup main suppress_prefixlength 0",
              "pref 1002 not fwmark 0xca6c lookup 51820", "pref 1003 fwmark 0x80000/0xff0000 lookup default",
              "pref 1004 to fd12::/48 unreachable", "pref 1005 oif far0 uidrange 10-20 prohibit",
              "pref 1006 ipproto tcp dport 443 blackhole", "pref 1007 lookup 52 protocol 117"}) {
            ASSERT_TRUE(run(std::string{"ip -6 rule add "} + rule)) << rule;
        }
        EXPECT_THAT(texts(kernel), ElementsAre("from all lookup local", "from all iif lan0 lookup 52",
                                               "from fd12::/64 lookup main suppress_prefixlength 0",
                                               "not from all fwmark 0xca6c lookup 51820",
                                               "from all fwmark 0x80000/0xff0000 lookup default",
                                               "from all to fd12::/48 unreachable",
                                               "from all oif far0 uidrange 10-20 prohibit",
                                               "from all ipproto 6 dport 443-443 blackhole",
                                               "from all lookup 52", "from all lookup main"));
        const Rules rules = kernel.rules().value();
        EXPECT_EQ(std::count_if(rules.begin(), rules.end(), [](const Rule& rule) { return rule.plain; }), 3);
        // Somebody used our number: what we never set goes by the same name, whatever it does.
        for (const Rule& rule : rules) {
            if (rule.ours()) expect_ok(kernel.delete_rule(rule.key));
        }
        EXPECT_EQ(kernel.rules()->size(), 9U);
        ASSERT_TRUE(run("ip -6 rule add pref 1008 iif lan0 prohibit protocol 117"));
        expect_ok(kernel.delete_rule({1008, 0}));
        EXPECT_EQ(kernel.rules()->size(), 9U);
    });
}

// A look-up with the rules, for a packet that comes in.
TEST_F(RtnlRules, F01_TheRouteOfAForwardedPacketIsTheKernels) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("sysctl -qw net.ipv6.conf.all.forwarding=1"));
        const Forwarding packet{"lan0", address("fd12:3456:789a:a::7"), address("fd12:3456:789a:b::1")};
        EXPECT_EQ(kernel.forwarded(packet)->error, ENETUNREACH);
        expect_ok(kernel.put_route({prefix("fd12:3456:789a::/48"), 128}, {"far0"}));
        expect_ok(kernel.put_rule(kOurs));
        const Forwarded ours{0, "far0", {prefix("fd12:3456:789a::/48"), 128}, kRouteProtocol, 1};
        EXPECT_EQ(kernel.forwarded(packet).value(), ours);
        // Longer, and cheaper, but asked later.
        ASSERT_TRUE(run("ip -6 route add fd12:3456:789a:b::/64 via fe80::1 dev lan0 metric 1"));
        EXPECT_EQ(kernel.forwarded(packet).value(), ours);
        ASSERT_TRUE(run("ip -6 route add default via fe80::1 dev lan0 proto static table 52"));
        ASSERT_TRUE(run("ip -6 rule add pref 1 iif lan0 lookup 52"));
        const Forwarded foreign{0, "lan0", {prefix("::/0"), 1024, 52},
                                4, 1,      net::IpAddress{address("fe80::1")}};
        EXPECT_EQ(kernel.forwarded(packet).value(), foreign);
        ASSERT_TRUE(run("ip -6 rule add pref 0 from fd12:3456:789a:a::/64 prohibit"));
        EXPECT_EQ(kernel.forwarded(packet)->error, EACCES);
        EXPECT_FALSE(kernel.forwarded({"none", packet.source, packet.destination}));
    });
}

}  // namespace
}  // namespace ulagate::test::rule_test
