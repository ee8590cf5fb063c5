// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/address_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/text_values.h"

namespace ulagate::relay_address_rule_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RelayAddressRule rule() {
    return {*net::parse_ipv6_prefix("fd12:3456:789a::/48"), {*net::parse_ipv6("fd99::1")}};
}

TEST(RelayAddressRule, F12_WhatNoRelayCanHaveIsRefused) {
    for (const char* text :
         {"0.0.0.0",   "0.1.2.3",         "127.0.0.1",        "127.255.255.255",     "169.254.1.1",
          "224.0.0.1", "239.1.1.1",       "240.0.0.1",        "255.255.255.255",     "::",
          "::1",       "::7f00:1",        "::ffff:127.0.0.1", "::ffff:192.0.2.1",    "ff02::1",
          "ff0e::1",   "fe80::1",         "febf::1",          "fd12:3456:789a:b::1", "fd12:3456:789a::",
          "fd99::1",   "64:ff9b::7f00:1", "64:ff9b::"}) {
        EXPECT_NE(rule().refusal(ip(text)), "") << text;
    }
}

TEST(RelayAddressRule, F12_WhatARelayMayHaveIsTaken) {
    for (const char* text :
         {"192.0.2.10", "10.0.0.1", "100.64.0.1", "192.168.1.9", "1.0.0.1", "223.255.255.1", "2001:db8::1",
          "64:ff9b::c000:20a", "fd99::2", "fd00::1", "fd12:3456:789b::1", "::1:0:0:1"}) {
        EXPECT_EQ(rule().refusal(ip(text)), "") << text;
    }
}

TEST(RelayAddressRule, F12_TheOthersStay) {
    const auto some = rule().usable("r", {ip("192.0.2.10"), ip("fd12:3456:789a:b::1")});
    ASSERT_TRUE(some);
    EXPECT_THAT(*some, ElementsAre(ip("192.0.2.10")));
    const auto none = rule().usable("r", {});
    ASSERT_TRUE(none);
    EXPECT_THAT(*none, IsEmpty());
    const auto refused = rule().usable("r", {ip("0.0.0.0")});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().text(), HasSubstr("resolve r: 0.0.0.0 is an unspecified address"));
}

}  // namespace
}  // namespace ulagate::relay_address_rule_test
