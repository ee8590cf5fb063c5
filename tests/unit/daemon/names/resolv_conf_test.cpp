// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/names/resolv_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/text_values.h"

namespace ulagate::resolv_conf_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> servers(std::string_view text) {
    std::vector<std::string> out;
    for (const NameServer& server : parse_resolv_conf(text).servers) out.push_back(to_string(server));
    return out;
}

TEST(ResolvConf, F12_KnowsALinkLocalServerWithItsInterface) {
    EXPECT_THAT(servers("nameserver fe80::1%eth0\n"), ElementsAre("[fe80::1%eth0]:53"));
    EXPECT_THAT(servers("nameserver fe80::1%2"), ElementsAre("[fe80::1%2]:53"));
    EXPECT_THAT(servers("nameserver 2001:db8::1%eth0\n"), ElementsAre("[2001:db8::1]:53"));
}

TEST(ResolvConf, F12_KnowsTheFormsThatEitherLibraryKnows) {
    EXPECT_THAT(servers("nameserver 192.0.2.1\nnameserver\t2001:db8::1 \r\n  nameserver 192.0.2.2 # two\n"),
                ElementsAre("192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"));
    EXPECT_THAT(servers("nameserver [::1]:5353,127.0.0.1:54\n"), ElementsAre("[::1]:5353", "127.0.0.1:54"));
    EXPECT_THAT(servers("nameserver 192.0.2.1\nnameserver 192.0.2.1\n"), ElementsAre("192.0.2.1:53"));
}

TEST(ResolvConf, F12_WhatMakesNoSenseIsLeftOut) {
    for (const char* text :
         {"", "\n", "nameserver", "nameserver ", "nameserver dns.example.net", "nameservers 192.0.2.1",
          "#nameserver 192.0.2.1", ";nameserver 192.0.2.1", "nameserver 192.0.2.1:0",
          "nameserver 192.0.2.1:65536", "nameserver [::1", "nameserver [::1]x", "nameserver fe80::1%",
          "nameserver fe80::1%a:b", "nameserver fe80::1%a]:5", "nameserver fe80::1%averyverylonginterface",
          "nameserver 192.0.2.1%eth0", "nameserver 192.0.2", "nameserver :"}) {
        EXPECT_THAT(servers(text), ElementsAre("127.0.0.1:53")) << text;
    }
}

TEST(ResolvConf, F12_ADotIsNoDomain) {
    EXPECT_THAT(parse_resolv_conf("search .\n").search, IsEmpty());
    EXPECT_THAT(parse_resolv_conf("search .. a.. .a a..b\n").search, IsEmpty());
    EXPECT_TRUE(parse_resolv_conf("search .\n").has_search);
    EXPECT_FALSE(parse_resolv_conf("nameserver 192.0.2.1\n").has_search);
    EXPECT_THAT(parse_resolv_conf("search a.example. b.example .\n").search,
                ElementsAre("a.example", "b.example"));
    EXPECT_THAT(parse_resolv_conf("search a\ndomain b c\n").search, ElementsAre("b"))
        << "the last one counts";
}

TEST(ResolvConf, F12_Options) {
    const auto conf =
        parse_resolv_conf("options edns0 use-vc timeout:3 attempts:2\noptions ndots:2 rotate\n");
    EXPECT_TRUE(conf.tcp);
    EXPECT_EQ(conf.patience, 3s);
    EXPECT_EQ(conf.attempts, 2U);
    EXPECT_EQ(conf.ndots, 2U);
    const auto wild = parse_resolv_conf("options timeout:0 attempts:99999999999 ndots:99 timeout: x:1 :\n");
    EXPECT_EQ(wild.patience, 1s);
    EXPECT_EQ(wild.attempts, ResolvConf{}.attempts);
    EXPECT_EQ(wild.ndots, 15U);
}

// resolv.conf(5), ndots: with fewer dots the list comes first, but the name itself is always asked for.
TEST(ResolvConf, F12_TheNameItselfIsAlwaysAskedFor) {
    const std::vector<std::string> domains{"lan", "example.net"};
    EXPECT_THAT(names_to_ask("relay", 1, domains), ElementsAre("relay.lan", "relay.example.net", "relay"));
    EXPECT_THAT(names_to_ask("relay.test", 1, domains),
                ElementsAre("relay.test", "relay.test.lan", "relay.test.example.net"));
    EXPECT_THAT(names_to_ask("relay.test", 5, domains),
                ElementsAre("relay.test.lan", "relay.test.example.net", "relay.test"));
    EXPECT_THAT(names_to_ask("relay.test.", 5, domains), ElementsAre("relay.test"));
    EXPECT_THAT(names_to_ask("relay", 1, {}), ElementsAre("relay"));
}

TEST(ResolvConf, F12_IsBounded) {
    std::string text;
    for (int i = 0; i < 200; ++i) text += "nameserver 192.0.2." + std::to_string(i % 250) + "\n";
    text += "search";
    for (int i = 0; i < 200; ++i) text += " d" + std::to_string(i);
    EXPECT_THAT(parse_resolv_conf(text).servers, SizeIs(8));
    EXPECT_THAT(parse_resolv_conf(text).search, SizeIs(8));
    EXPECT_THAT(parse_resolv_conf("search " + std::string(300, 'a')).search, IsEmpty());
}

TEST(ResolvConf, F12_EveryTruncationIsRead) {
    const std::string whole =
        "nameserver [fe80::1%eth0]:5353\nsearch a.example b\noptions timeout:3 use-vc ndots:2\n";
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        EXPECT_FALSE(parse_resolv_conf(std::string_view{whole}.substr(0, length)).servers.empty());
    }
}

}  // namespace
}  // namespace ulagate::resolv_conf_test
