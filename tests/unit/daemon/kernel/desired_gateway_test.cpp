// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <utility>

#include "daemon/base/ipv4_prefix.h"
#include "tests/unit/daemon/kernel/desired_story.h"

// LANs with gateway = true, and what the tables of the firmware mean for the firewall.
namespace ulagate::desired_gateway_test {
namespace {

using fake::edge;
using fake::facts;
using fake::machine;
using fake::relay;
using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;

Config gateway() {
    Config config = edge();
    config.lans.front().gateway = GatewayConfig{net::parse_ipv4_prefix("192.168.83.1/24").value()};
    return config;
}

Wanted wanted(const Config& config) { return desired(config, facts(config), machine()); }

TEST(DesiredGateway, Ipv4IsForwardedAndTheFirewallTranslates) {
    const Wanted with = wanted(gateway());
    EXPECT_THAT(with.sysctls, Contains(Pair("net/ipv4/ip_forward", "1")));
    EXPECT_THAT(with.sysctls, Contains(Pair("net/ipv6/icmp/ratelimit", "20")));
    EXPECT_EQ(with.firewall.lans.front().gateway, net::parse_ipv4_prefix("192.168.83.1/24"));
    const Wanted without = wanted(edge());
    EXPECT_THAT(without.sysctls, Not(Contains(Key("net/ipv4/ip_forward"))));
    EXPECT_THAT(without.sysctls, Not(Contains(Key("net/ipv6/icmp/ratelimit"))));
    EXPECT_FALSE(without.firewall.lans.front().gateway);
    // Nothing else differs: addresses and routes are those of any LAN.
    EXPECT_EQ(with.addresses, without.addresses);
    EXPECT_EQ(with.routes, without.routes);
}

TEST(DesiredGateway, TheRulesAreThereBeforePacketsPass) {
    const auto steps = fake::described(plan(wanted(gateway()), machine()));
    const auto firewall = std::find(steps.begin(), steps.end(), "apply firewall, mode appliance");
    const auto forwarding = std::find(steps.begin(), steps.end(), "set sysctl net/ipv4/ip_forward = 1");
    ASSERT_NE(forwarding, steps.end());
    EXPECT_LT(firewall, forwarding);
}

// Writing ip_forward writes the setting of each interface, so what an interface had comes after it.
TEST(DesiredGateway, ForwardingIsRestoredAsAWhole) {
    Have have = machine();
    have.sysctls[kIpv4Forwarding] = "1";
    have.sysctls["net/ipv4/conf/eth2/forwarding"] = "1";
    have.changed_sysctls = {{kIpv4Forwarding, {"0", "1"}}, {"net/ipv4/conf/eth2/forwarding", {"1", "1"}}};
    const Wanted nothing = nothing_wanted(have);
    have.sysctls["net/ipv4/conf/eth2/forwarding"] = "0";  // as the first line makes it
    const auto steps = fake::described(plan(nothing, have));
    const auto all = std::find(steps.begin(), steps.end(), "set sysctl net/ipv4/ip_forward = 0");
    const auto one = std::find(steps.begin(), steps.end(), "set sysctl net/ipv4/conf/eth2/forwarding = 1");
    ASSERT_NE(one, steps.end());
    EXPECT_LT(all, one);
}

TEST(DesiredFirmware, TheFirewallFollowsItsTables) {
    Config config = edge();
    EXPECT_FALSE(wanted(config).firewall.status_page);
    EXPECT_EQ(wanted(config).firewall.ssh, firewall::AccessScope::nobody);
    config.appliance.emplace();
    EXPECT_TRUE(wanted(config).firewall.status_page);
    config.appliance->ssh_from = ApplianceConfig::SshFrom::anywhere;
    EXPECT_EQ(wanted(config).firewall.ssh, firewall::AccessScope::nobody) << "nobody has a key";
    config.appliance->ssh_keys = {"ssh-ed25519 AAAA"};
    using From = ApplianceConfig::SshFrom;
    for (const auto& [from, scope] : {std::pair{From::lan, firewall::AccessScope::lans},
                                      {From::overlay, firewall::AccessScope::overlay},
                                      {From::anywhere, firewall::AccessScope::anywhere}}) {
        config.appliance->ssh_from = from;
        EXPECT_EQ(wanted(config).firewall.ssh, scope);
    }
    Config other = relay();
    other.appliance = config.appliance;
    EXPECT_FALSE(wanted(other).firewall.status_page);
    EXPECT_EQ(wanted(other).firewall.ssh, firewall::AccessScope::anywhere);
}

}  // namespace
}  // namespace ulagate::desired_gateway_test
