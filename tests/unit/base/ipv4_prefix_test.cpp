// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/ipv4_prefix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::net::ipv4_prefix_test {
namespace {

Ipv4Prefix prefix(std::string_view text) { return parse_ipv4_prefix(text).value(); }

TEST(Ipv4Prefix, NetworkAndBroadcastOfEachLength) {
    EXPECT_EQ(to_string(network(prefix("192.168.83.1/24"))), "192.168.83.0/24");
    EXPECT_EQ(to_string(network(prefix("10.255.255.255/13"))), "10.248.0.0/13");
    EXPECT_EQ(to_string(network(prefix("255.255.255.255/0"))), "0.0.0.0/0");
    EXPECT_EQ(to_string(network(prefix("192.0.2.7/32"))), "192.0.2.7/32");
    EXPECT_EQ(to_string(broadcast(prefix("192.168.83.1/24"))), "192.168.83.255");
    EXPECT_EQ(to_string(broadcast(prefix("10.0.0.1/13"))), "10.7.255.255");
    EXPECT_EQ(to_string(broadcast(prefix("192.0.2.7/32"))), "192.0.2.7");
    EXPECT_EQ(to_string(broadcast(prefix("0.0.0.0/0"))), "255.255.255.255");
}

TEST(Ipv4Prefix, ContainsAndOverlaps) {
    EXPECT_TRUE(contains(prefix("192.168.83.1/24"), *parse_ipv4("192.168.83.255")));
    EXPECT_FALSE(contains(prefix("192.168.83.1/24"), *parse_ipv4("192.168.84.0")));
    EXPECT_TRUE(contains(prefix("192.168.0.0/16"), prefix("192.168.83.1/24")));
    EXPECT_FALSE(contains(prefix("192.168.83.1/24"), prefix("192.168.0.0/16")));
    EXPECT_TRUE(overlaps(prefix("192.168.83.1/24"), prefix("192.168.0.0/16")));
    EXPECT_FALSE(overlaps(prefix("192.168.83.1/25"), prefix("192.168.83.128/25")));
    EXPECT_TRUE(contains(prefix("0.0.0.0/0"), prefix("255.0.0.0/8")));
}

TEST(Ipv4Prefix, RefusesWhatIsNone) {
    for (const char* text : {"192.0.2.1", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2/24", "/24",
                             "192.0.2.1/2x", "::1/24"}) {
        EXPECT_FALSE(parse_ipv4_prefix(text)) << text;
    }
    EXPECT_EQ(to_string(*parse_ip_prefix("192.0.2.1/24")), "192.0.2.1/24");
    EXPECT_EQ(to_string(*parse_ip_prefix("2001:db8::1/64")), "2001:db8::1/64");
    EXPECT_FALSE(parse_ip_prefix("2001:db8::1"));
}

}  // namespace
}  // namespace ulagate::net::ipv4_prefix_test
