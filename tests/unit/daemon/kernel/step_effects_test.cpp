// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/step_effects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/unit/daemon/kernel/fake_kernel.h"

namespace ulagate::step_effects_test {
namespace {

using ::testing::IsEmpty;

const AddressKey kAddress{"eth0", prefix("fd12:0:0:1::1/64")};
const RouteKey kRoute{prefix("fd12::/48"), 128};
const RuleKey kRule{200, kRouteTable, prefix("fd00::/8")};
const net::IpAddress kRelay = fake::kRelay6.address;
constexpr net::MacAddress kMac{{0, 0, 0x5e, 0, 2, 1}};

// One of each kind, each of which changes something where it is done after those before it.
std::vector<Step> one_of_each() {
    firewall::Model firewall;
    firewall.mode = firewall::Mode::shared;
    wg::DeviceChange change;
    change.listen_port = 51820;
    return {ApplyFirewall{std::nullopt, firewall},
            SetSysctl{kIcmpRateLimit, "10"},
            CreateTunnel{"ulg-r1"},
            ConfigureTunnel{"ulg-r1", change},
            SetLink{"ulg-r1", 1380},
            CreateMacvlan{"ulv-1", "eth0", kMac},
            SwitchLink{"ulv-1", true},
            PutAddress{kAddress, {}},
            PutRoute{kRoute, {"ulg-r1"}},
            PutRule{kRule},
            PutEndpointRoute{kRelay, Uplink{"eth1", std::nullopt}},
            DeleteEndpointRoute{kRelay},
            DeleteRule{kRule},
            DeleteRoute{kRoute, {"ulg-r1"}},
            DeleteAddress{kAddress},
            RemoveMacvlan{"ulv-1"},
            RemoveTunnel{"ulg-r1"}};
}

// Which parts differ.
Stale difference(const Have& before, const Have& after) {
    return {.links = before.links != after.links,
            .addresses = before.addresses != after.addresses,
            .routes = before.routes != after.routes || before.endpoint_routes != after.endpoint_routes,
            .rules = before.rules != after.rules,
            .tunnels = before.tunnels != after.tunnels,
            .firewall = before.firewall != after.firewall,
            .sysctls = before.sysctls != after.sysctls};
}

TEST(StepEffects, TheListOfThisTestHasEachKindOnce) {
    std::set<std::size_t> kinds;
    for (const Step& step : one_of_each()) kinds.insert(step.index());
    EXPECT_EQ(one_of_each().size(), std::variant_size_v<Step>);
    EXPECT_EQ(kinds.size(), std::variant_size_v<Step>);
}

TEST(StepEffects, WhatAStepChangesIsReadAgain) {
    Have have = fake::machine();
    for (const Step& step : one_of_each()) {
        const Have before = have;
        simulate(have, step);
        const Stale changed = difference(before, have);
        EXPECT_TRUE(changed.any()) << describe(step);
        Stale both = touched_by(step);
        both |= changed;
        EXPECT_EQ(both, touched_by(step)) << describe(step);
    }
}

TEST(StepEffects, EachKindHasASubjectAndADescription) {
    std::set<std::string> descriptions;
    for (const Step& step : one_of_each()) {
        EXPECT_FALSE(subject(step).empty()) << describe(step);
        descriptions.insert(describe(step));
    }
    EXPECT_EQ(descriptions.size(), std::variant_size_v<Step>);
}

// What was in place and is still wanted: putting it there is a repair, removing anything never is.
TEST(StepEffects, OnlyStepsThatPutSomethingRestore) {
    Wanted wanted;
    wanted.firewall.mode = firewall::Mode::shared;
    wanted.sysctls[kIcmpRateLimit] = "10";
    wanted.tunnels["ulg-r1"] = {1380, std::nullopt};
    wanted.macvlans["ulv-1"] = {"eth0", kMac, true};
    wanted.addresses[kAddress] = {};
    wanted.routes[kRoute] = {"ulg-r1"};
    wanted.rules.insert(kRule);
    wanted.endpoint_routes[kRelay] = Uplink{"eth1", std::nullopt};
    std::vector<std::string> restoring;
    for (const Step& step : one_of_each()) {
        EXPECT_FALSE(restores(step, Wanted{}, wanted)) << describe(step);
        if (restores(step, wanted, wanted)) restoring.push_back(describe(step));
    }
    EXPECT_THAT(restoring,
                ::testing::ElementsAre(
                    "apply firewall, mode shared", "set sysctl net/ipv6/icmp/ratelimit = 10",
                    "create interface ulg-r1", "configure interface ulg-r1: listen port 51820",
                    "set interface ulg-r1 up, MTU 1380",
                    ::testing::StartsWith("create interface ulv-1 on eth0"), "set interface ulv-1 up",
                    ::testing::StartsWith("add address"), ::testing::StartsWith("add route"),
                    ::testing::StartsWith("add rule"), ::testing::StartsWith("add endpoint route")));
}

TEST(StepEffects, RoutesAndAddressesNeedTheirLink) {
    for (const Step& step : one_of_each()) {
        if (std::holds_alternative<PutAddress>(step)) {
            EXPECT_EQ(needs_link(step), "eth0");
        } else if (std::holds_alternative<PutRoute>(step)) {
            EXPECT_EQ(needs_link(step), "ulg-r1");
        } else {
            EXPECT_THAT(needs_link(step), IsEmpty()) << describe(step);
        }
    }
    EXPECT_THAT(needs_link(PutRoute{kRoute, {}}), IsEmpty());  // unreachable
}

}  // namespace
}  // namespace ulagate::step_effects_test
