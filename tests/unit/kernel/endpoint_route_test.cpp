// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "tests/unit/kernel/namespace.h"
#include "tests/unit/text_values.h"

namespace ulagate::test::endpoint_route_test {
namespace {

class RtnlEndpointRoutes : public RtnlTest {};

const net::IpAddress kFour = ip("203.0.113.9");
const net::IpAddress kSix = ip("2001:db8:ffff::9");
const Uplink kLan{"lan0", ip("198.51.100.1")};
const Uplink kFar{"far0", ip("fe80::1")};

bool two_uplinks() {
    return run(
        "ip addr add 198.51.100.2/24 dev lan0 && ip addr add 192.0.2.2/24 dev far0 &&"
        "ip route add default via 192.0.2.1 metric 20 && ip route add default via 198.51.100.1 metric 10 &&"
        "ip -6 route add default via fe80::1 dev far0 metric 30 &&"
        "ip -6 route add default via fe80::2 dev lan0 metric 40");
}

TEST_F(RtnlEndpointRoutes, DefaultRoutesAreListedTheBestFirst) {
    with_kernel([](Rtnl& kernel) {
        EXPECT_EQ(kernel.default_routes().value(), std::vector<DefaultRoute>{});
        ASSERT_TRUE(two_uplinks());
        // Not one of these is a route for packets to everywhere.
        ASSERT_TRUE(
            run("ip route add unreachable default metric 50 && ip route add default dev lan0 table 7"));
        ASSERT_TRUE(run("ip route add 0.0.0.0/1 dev lan0 && ip -6 route add 2000::/3 dev lan0"));
        EXPECT_EQ(kernel.default_routes().value(),
                  (std::vector<DefaultRoute>{{IpFamily::ipv4, kLan, 10},
                                             {IpFamily::ipv4, {"far0", ip("192.0.2.1")}, 20},
                                             {IpFamily::ipv6, kFar, 30},
                                             {IpFamily::ipv6, {"lan0", ip("fe80::2")}, 40}}));
    });
}

TEST_F(RtnlEndpointRoutes, LeadAroundTheDefaultRouteOfBothFamilies) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(two_uplinks());
        const Uplink other{"far0", ip("192.0.2.1")};
        for (int twice = 0; twice < 2; ++twice) {
            ASSERT_TRUE(kernel.put_endpoint_route(kFour, other));
            ASSERT_TRUE(kernel.put_endpoint_route(kSix, {"lan0", ip("fe80::2")}));
        }
        EXPECT_EQ(kernel.endpoint_routes().value(),
                  (EndpointRoutes{{kFour, other}, {kSix, {"lan0", ip("fe80::2")}}}));
        EXPECT_EQ(kernel.egress_to(kFour)->gateway, other.gateway);
        EXPECT_EQ(kernel.egress_to(kFour)->source, ip("192.0.2.2"));
        EXPECT_EQ(kernel.egress_to(kSix)->link, "lan0");
        EXPECT_EQ(kernel.egress_to(ip("203.0.113.10"))->gateway, kLan.gateway) << "nobody else is led astray";
        ASSERT_TRUE(kernel.put_endpoint_route(kFour, kLan));
        EXPECT_EQ(kernel.egress_to(kFour)->gateway, kLan.gateway);
        for (int twice = 0; twice < 2; ++twice) {
            ASSERT_TRUE(kernel.delete_endpoint_route(kFour));
            ASSERT_TRUE(kernel.delete_endpoint_route(kSix));
        }
        EXPECT_EQ(kernel.endpoint_routes().value(), EndpointRoutes{});
        EXPECT_EQ(kernel.egress_to(kSix)->link, "far0");
    });
}

TEST_F(RtnlEndpointRoutes, WorkWithAGatewayOutsideOfAllNetworksAndWithNone) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(
            run("ip addr add 100.64.0.7/32 dev lan0 && ip route add default via 172.31.1.1 dev lan0 onlink"));
        const auto routes = kernel.default_routes().value();
        ASSERT_EQ(routes.size(), 1U);
        ASSERT_TRUE(kernel.put_endpoint_route(kFour, routes[0].uplink));
        EXPECT_EQ(kernel.egress_to(kFour)->gateway, ip("172.31.1.1"));
        for (const auto& address : {kFour, kSix}) {
            ASSERT_TRUE(kernel.put_endpoint_route(address, {"far0", std::nullopt}));
            EXPECT_EQ(kernel.egress_to(address)->link, "far0");
        }
    });
}

TEST_F(RtnlEndpointRoutes, OfAnotherProgramAreNeverTouched) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(two_uplinks());
        ASSERT_TRUE(
            run(fmt::format("ip route add 203.0.113.9 via 198.51.100.1 metric {}", kEndpointRouteMetric)));
        ASSERT_TRUE(
            run(fmt::format("ip -6 route add 2001:db8:ffff::9 dev lan0 metric {}", kEndpointRouteMetric)));
        for (const auto& [address, uplink] :
             {std::pair{kFour, Uplink{"far0", ip("192.0.2.1")}}, {kSix, kFar}}) {
            const auto put = kernel.put_endpoint_route(address, uplink);
            ASSERT_FALSE(put);
            EXPECT_EQ(put.error().code, std::errc::file_exists) << put.error().text();
            ASSERT_TRUE(kernel.delete_endpoint_route(address));
            EXPECT_EQ(kernel.egress_to(address)->link, "lan0");
        }
        EXPECT_EQ(kernel.endpoint_routes().value(), EndpointRoutes{});
    });
}

TEST_F(RtnlEndpointRoutes, AreNoRoutesOfTheOverlay) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(two_uplinks());
        ASSERT_TRUE(kernel.put_endpoint_route(kSix, kFar));
        EXPECT_EQ(kernel.our_routes().value(), Routes{});
        static_cast<void>(kernel.changes());
        ASSERT_TRUE(kernel.put_endpoint_route(kFour, kLan));
        EXPECT_TRUE(eventually([&] { return kernel.changes()->our_routes; })) << "who removes one is noticed";
    });
}

TEST_F(RtnlEndpointRoutes, SayWhyTheyCannotBe) {
    with_kernel([](Rtnl& kernel) {
        EXPECT_EQ(kernel.put_endpoint_route(kFour, {"nowhere0", std::nullopt}).error().code,
                  std::errc::no_such_device);
        EXPECT_EQ(kernel.put_endpoint_route(kFour, kFar).error().code,
                  std::errc::address_family_not_supported);
    });
}

}  // namespace
}  // namespace ulagate::test::endpoint_route_test
