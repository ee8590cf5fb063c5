// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::net::address_test {
namespace {

TEST(Address, PrintsWhatItParses) {
    for (const char* text : {"::", "::1", "fe80::5eed", "fd12:3456:789a:a::1", "2001:db8::ff"}) {
        ASSERT_TRUE(parse_ipv6(text)) << text;
        EXPECT_EQ(to_string(*parse_ipv6(text)), text);
    }
    EXPECT_EQ(to_string(*parse_ip("192.0.2.1")), "192.0.2.1");
}

TEST(Address, RefusesWhatIsNone) {
    for (const char* text : {"", ":", "fe80::1%eth0", "[::1]", "::1/64", "1.2.3", "1.2.3.4.5",
                             "g::", "1111:2222:3333:4444:5555:6666:7777:8888:9999"}) {
        EXPECT_FALSE(parse_ip(text)) << text;
    }
    EXPECT_FALSE(parse_ipv6(std::string_view("::1\0", 4)));
}

TEST(Prefix, MasksInsideAByte) {
    EXPECT_EQ(to_string(parse_ipv6_prefix("fdff:ffff:ffff:ffff::1/45")->network()), "fdff:ffff:fff8::/45");
    EXPECT_EQ(to_string(parse_ipv6_prefix("ffff::1/0")->network()), "::/0");
    EXPECT_EQ(to_string(parse_ipv6_prefix("fd00::1/128")->network()), "fd00::1/128");
}

TEST(Prefix, ContainsAndOverlaps) {
    const auto overlay = *parse_ipv6_prefix("fd12:3456:789a::/48");
    EXPECT_TRUE(overlay.contains(*parse_ipv6_prefix("fd12:3456:789a:b::/64")));
    EXPECT_TRUE(overlay.contains(overlay));
    EXPECT_FALSE(overlay.contains(*parse_ipv6_prefix("fd12:3456:789b::/64")));
    EXPECT_FALSE(overlay.contains(*parse_ipv6_prefix("fd12:3456::/32")));
    EXPECT_TRUE(overlay.overlaps(*parse_ipv6_prefix("fd12:3456::/32")));
}

TEST(Prefix, RefusesBadLengths) {
    for (const char* text : {"fd00::", "fd00::/", "fd00::/129", "fd00::/-1", "fd00::/4x", "fd00::/48/3"}) {
        EXPECT_FALSE(parse_ipv6_prefix(text)) << text;
    }
}

TEST(Endpoint, BothFamilies) {
    EXPECT_EQ(to_string(*parse_endpoint("192.0.2.1:51820")), "192.0.2.1:51820");
    EXPECT_EQ(to_string(*parse_endpoint("[2001:db8::1]:1")), "[2001:db8::1]:1");
    for (const char* text :
         {"", "1.2.3.4", "1.2.3.4:0", "1.2.3.4:65536", "2001:db8::1:51820", "[1.2.3.4]:5"}) {
        EXPECT_FALSE(parse_endpoint(text)) << text;
    }
}

TEST(InterfaceIdentifier, FillsTheLowHalf) {
    EXPECT_EQ(to_string(with_interface_identifier(*parse_ipv6_prefix("fd12:3456:789a:a::/64"), 1)),
              "fd12:3456:789a:a::1");
    EXPECT_EQ(to_string(with_interface_identifier(*parse_ipv6_prefix("fd00::/64"), 0x0123456789abcdefULL)),
              "fd00::123:4567:89ab:cdef");
}

}  // namespace
}  // namespace ulagate::net::address_test
