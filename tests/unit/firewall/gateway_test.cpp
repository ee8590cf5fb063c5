// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "firewall/render.h"
#include "tests/unit/firewall/models.h"

// LANs with gateway = true and the services of the firmware. What the rules do is shown by
// tests/lab/firewall_packets.py; here is when they are there at all.
namespace ulagate::firewall::gateway_test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_with(const std::string& ruleset, const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{ruleset};
    for (std::string line; std::getline(in, line);) {
        if (line.find(text) != std::string::npos) lines.push_back(line.substr(line.find_first_not_of('\t')));
    }
    return lines;
}

TEST(FirewallGateway, NothingOfItWithoutOne) {
    for (const Mode mode : {Mode::appliance, Mode::shared}) {
        for (const Model& model : {edge_model(mode), lone_edge_model(mode), relay_model(mode)}) {
            const std::string text = render(model);
            for (const char* word :
                 {"gateway", "masquerade", "type nat", "rt mtu", "2000::/3", "firmware", "dport 67"})
                EXPECT_THAT(text, Not(HasSubstr(word))) << word;
        }
    }
}

TEST(FirewallGateway, SharedModeTranslatesAndKeepsIpv6InAndJudgesNothingElse) {
    const std::string shared = render(gateway_model(Mode::shared));
    EXPECT_THAT(lines_with(shared, "masquerade"), testing::SizeIs(1));
    EXPECT_THAT(lines_with(shared, "2000::/3"), testing::SizeIs(2));
    EXPECT_THAT(lines_with(shared, "rt mtu"), testing::SizeIs(2));
    for (const char* word : {"goto forward_gateway", "policy drop", "dport 67", "dport { 22, 80 }"})
        EXPECT_THAT(shared, Not(HasSubstr(word))) << word;
    EXPECT_THAT(render(gateway_model(Mode::off)), Not(HasSubstr("chain")));
}

TEST(FirewallGateway, OnlyTheLanThatIsOne) {
    const std::string text = render(gateway_model());
    for (const char* word : {"2000::/3", "goto forward_gateway"}) {
        EXPECT_THAT(lines_with(text, word), testing::Not(testing::IsEmpty())) << word;
        EXPECT_THAT(lines_with(text, word), testing::Each(testing::StartsWith("iifname \"lan0\" "))) << word;
    }
    EXPECT_THAT(text, HasSubstr("set gateways {\n\t\ttype ifname\n\t\telements = {\n\t\t\t\"lan0\",\n\t\t}"));
}

TEST(FirewallGateway, TheMssIsClampedWithoutTunnelsToo) {
    Model model = gateway_model();
    model.tunnels.clear();
    EXPECT_THAT(lines_with(render(model), "rt mtu"), testing::SizeIs(2));
}

TEST(FirewallFirmware, SshIsOpenToThoseWhoMayAndNoOthers) {
    const auto rules = [](AccessScope scope) {
        return lines_with(render(gateway_model(Mode::appliance, scope)), "tcp dport");
    };
    EXPECT_THAT(rules(AccessScope::nobody), testing::ElementsAre(HasSubstr("dport { 80 }")));
    EXPECT_THAT(rules(AccessScope::lans),
                testing::ElementsAre("tcp dport { 22, 80 } counter accept comment \"the firmware's own\""));
    const std::string overlay =
        "ip6 saddr fd12:3456:789a::/48 tcp dport 22 counter accept comment \"the firmware's ssh\"";
    EXPECT_THAT(rules(AccessScope::overlay),
                testing::UnorderedElementsAre(HasSubstr("dport { 22, 80 }"), overlay));
    EXPECT_THAT(rules(AccessScope::anywhere),
                testing::UnorderedElementsAre("tcp dport 22 counter accept comment \"the firmware's ssh\"",
                                              HasSubstr("dport { 80 }"), overlay));
}

TEST(FirewallFirmware, WhatFirewallInputSaysIsOpenBesideIt) {
    Model model = gateway_model();
    model.input = {{Service::Protocol::udp, 161, 161}};
    const std::string text = render(model);
    EXPECT_THAT(lines_with(text, "jump input_lans"), testing::SizeIs(2));
    EXPECT_THAT(text, HasSubstr("\"the firmware's own\"\n\t\tgoto input_services\n"));
    EXPECT_THAT(text, HasSubstr("ip6 saddr fd12:3456:789a::/48 jump input_services"));
}

TEST(FirewallFirmware, ARelayHasNoLanToShowItsPageTo) {
    Model model = relay_model();
    model.input.clear();
    model.ssh = AccessScope::overlay;
    const std::string text = render(model);
    EXPECT_THAT(lines_with(text, "dport 22"), testing::SizeIs(1));
    EXPECT_THAT(text, Not(HasSubstr("firmware's own")));
    model.ssh = AccessScope::anywhere;
    EXPECT_THAT(lines_with(render(model), "dport 22"), testing::SizeIs(2));
}

}  // namespace
}  // namespace ulagate::firewall::gateway_test
