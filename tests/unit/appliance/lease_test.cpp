// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::appliance::lease_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

net::Ipv4Address ipv4(std::string_view text) { return net::parse_ipv4(text).value(); }

const Variables kBound{{"ip", "192.0.2.7"},
                       {"mask", "24"},
                       {"router", "192.0.2.1 192.0.2.2"},
                       {"dns", "192.0.2.53 9.9.9.9"},
                       {"ntpsrv", "192.0.2.123"},
                       {"lease", "3600"}};

TEST(Lease, OfUdhcpc) {
    const auto lease = lease_of_udhcpc(kBound);
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->address, (net::Ipv4Prefix{ipv4("192.0.2.7"), 24}));
    EXPECT_THAT(lease->routes, ElementsAre(LeasedRoute{{}, ipv4("192.0.2.1")}));
    EXPECT_THAT(lease->dns, ElementsAre(ipv4("192.0.2.53"), ipv4("9.9.9.9")));
    EXPECT_THAT(lease->time_servers, ElementsAre(ipv4("192.0.2.123")));
    EXPECT_EQ(lease->lifetime, 3600s);
}

TEST(Lease, ClasslessRoutesReplaceTheRouter) {  // RFC 3442
    auto variables = kBound;
    variables["staticroutes"] = "10.0.0.0/8 192.0.2.9 0.0.0.0/0 192.0.2.3 203.0.113.1/32 0.0.0.0";
    const auto lease = lease_of_udhcpc(variables);
    ASSERT_TRUE(lease);
    EXPECT_THAT(lease->routes, ElementsAre(LeasedRoute{{ipv4("10.0.0.0"), 8}, ipv4("192.0.2.9")},
                                           LeasedRoute{{}, ipv4("192.0.2.3")},
                                           LeasedRoute{{ipv4("203.0.113.1"), 32}, std::nullopt}));
}

TEST(Lease, WhatAStrangerSendsIsNoAddressOfOurs) {
    for (const char* bad :
         {"", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "$(reboot)", "192.0.2.7 -x"}) {
        auto variables = kBound;
        variables["ip"] = bad;
        EXPECT_FALSE(lease_of_udhcpc(variables)) << bad;
    }
    auto variables = kBound;
    variables["dns"] = "nonsense 127.0.0.1 192.0.2.53;reboot 192.0.2.54";
    variables["router"] = "`x`";
    variables["lease"] = "-5";
    const auto lease = lease_of_udhcpc(variables);
    ASSERT_TRUE(lease);
    EXPECT_THAT(lease->dns, ElementsAre(ipv4("192.0.2.54")));
    EXPECT_THAT(lease->routes, IsEmpty());
    EXPECT_EQ(lease->lifetime, std::nullopt);
}

TEST(Lease, ListsAndLifetimesAreBounded) {
    auto variables = kBound;
    variables["lease"] = "1";
    variables["dns"].clear();
    for (int i = 1; i < 100; ++i) variables["dns"] += "192.0.2." + std::to_string(i) + " ";
    const auto lease = lease_of_udhcpc(variables);
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->dns.size(), 8U);
    EXPECT_EQ(lease->lifetime, 30s);
    variables["lease"] = "4294967295";
    EXPECT_EQ(lease_of_udhcpc(variables)->lifetime, std::nullopt) << "for ever (RFC 2131)";
}

TEST(Lease, OfPppd) {
    const auto lease = lease_of_pppd({{"IPLOCAL", "192.0.2.7"}, {"DNS1", "192.0.2.53"}, {"DNS2", "x"}});
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->address.length, 32);
    EXPECT_THAT(lease->routes, ElementsAre(LeasedRoute{}));
    EXPECT_THAT(lease->dns, ElementsAre(ipv4("192.0.2.53")));
    EXPECT_FALSE(lease_of_pppd({}));
}

TEST(Lease, TextAndBack) {
    auto variables = kBound;
    variables["staticroutes"] = "10.0.0.0/8 192.0.2.9 203.0.113.1/32 0.0.0.0";
    const auto lease = lease_of_udhcpc(variables);
    ASSERT_TRUE(lease);
    const auto text = to_text(*lease);
    EXPECT_EQ(text,
              "address=192.0.2.7/24\nroute=10.0.0.0/8 192.0.2.9\nroute=203.0.113.1/32 link\ndns=192.0.2.53\n"
              "dns=9.9.9.9\ntime=192.0.2.123\nlifetime=3600\n");
    const auto back = parse_lease(text);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, *lease);
}

TEST(Lease, AFileThatIsNoneIsRefused) {
    for (const char* bad :
         {"", "dns=192.0.2.1\n", "address=192.0.2.7\n", "address=192.0.2.7/33\n", "address=x/24\n",
          "address=192.0.2.7/24\naddress=192.0.2.8/24\n", "address=192.0.2.7/24\nroute=10.0.0.0/8\n",
          "address=192.0.2.7/24\nroute=10.0.0.0/8 up\n", "address=192.0.2.7/24\nlifetime=soon\n",
          "address=192.0.2.7/24\nrun=reboot\n", "address"}) {
        EXPECT_FALSE(parse_lease(bad)) << bad;
    }
    EXPECT_THAT(parse_lease("address=192.0.2.7/24\n\x1b[31m\n").error().text(), HasSubstr("\\x1b"));
}

}  // namespace
}  // namespace ulagate::appliance::lease_test
