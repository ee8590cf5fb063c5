// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/unit/kernel/namespace.h"
#include "tests/unit/text_values.h"

namespace ulagate::test::route_test {
namespace {

using testing::HasSubstr;

class RtnlRoutes : public RtnlTest {};
class RtnlEgress : public RtnlTest {};

const RouteKey kSite{prefix("fd12:3456:789a:b::/64"), 512};
const RouteTarget kLan{"lan0"};
const RouteTarget kFar{"far0"};
const RouteTarget kUnreachable{};
// What a route is shown as that has our number and a shape that we never set.
const RouteTarget kStrange{""};

std::string shown(const std::string& more = "") {
    return output("ip -6 route show table 117 fd12:3456:789a:b::/64" + more);
}

// A command that reads a text.
bool feed(const char* command, const std::string& text) {
    FILE* pipe = ::popen(command, "w");
    if (pipe == nullptr) return false;
    const bool all = std::fwrite(text.data(), 1, text.size(), pipe) == text.size();
    return ::pclose(pipe) == 0 && all;
}

void expect_ok(const Result<void>& result) { EXPECT_TRUE(result) << result.error().text(); }

TEST_F(RtnlRoutes, AreSetMovedAndDeletedAnyNumberOfTimes) {
    with_kernel([](Rtnl& kernel) {
        for (const RouteTarget& target :
             {kLan, kLan, kFar, kUnreachable, kUnreachable, kLan, kUnreachable, kFar}) {
            expect_ok(kernel.put_route(kSite, target));
            EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, target}}));
            const std::string line = shown();
            EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
            EXPECT_THAT(line, HasSubstr("proto 117"));
        }
        expect_ok(kernel.delete_route(kSite, kLan));  // it points elsewhere
        EXPECT_EQ(kernel.our_routes()->size(), 1U);
        for (int times = 0; times < 2; ++times) {
            expect_ok(kernel.delete_route(kSite, kFar));
            EXPECT_TRUE(kernel.our_routes()->empty());
        }
    });
}

// The kernel takes tens of milliseconds to find ours among them, so that they are looked for only when one
// may have changed: by us, by somebody else, or with its link.
TEST_F(RtnlRoutes, F07_OursAreRightAmongManyOfOthers) {
    with_kernel([](Rtnl& kernel) {
        std::string others;
        for (int i = 0; i < 60'000; ++i)
            others += fmt::format("route add 2001:{:x}:{:x}::/48 dev far0\n", 0x1000 + i / 1000, i % 1000);
        ASSERT_TRUE(feed("ip -6 -batch -", others));
        const RouteKey key{prefix("fd12:3456:789a:b::/64"), 512, kMainTable};
        const auto seen = [&] {
            for (int times = 0; times < 200; ++times) static_cast<void>(kernel.changes());  // 512 events each
            return kernel.our_routes().value();
        };
        expect_ok(kernel.put_route(key, kLan));
        for (int times = 0; times < 3; ++times) EXPECT_EQ(seen(), (Routes{{key, kLan}}));
        expect_ok(kernel.put_route(key, kUnreachable));
        EXPECT_EQ(seen(), (Routes{{key, kUnreachable}}));
        ASSERT_TRUE(run("ip -6 route del unreachable fd12:3456:789a:b::/64 metric 512"));
        EXPECT_TRUE(seen().empty()) << "somebody else removed it";
        expect_ok(kernel.put_route(key, kLan));
        EXPECT_EQ(seen(), (Routes{{key, kLan}}));
        ASSERT_TRUE(run("ip link set lan0 down"));
        EXPECT_TRUE(seen().empty()) << "the kernel removed it with its link";
    });
}

// The kernel remembers a neighbour for each next hop, and without one for each destination: F-08.
TEST_F(RtnlRoutes, F08_IntoTunnelsHaveANextHopThatStandsForAll) {
    with_kernel([](Rtnl& kernel) {
        for (const char* name : {"ulg-r1", "ulg-r2"}) {
            if (!run(fmt::format("ip tuntap add dev {0} mode tun && ip link set {0} up", name)))
                GTEST_SKIP() << "no tun devices here";
        }
        const RouteTarget one{"ulg-r1"};
        const RouteTarget two{"ulg-r2"};
        // The first without a next hop, as by hand.
        ASSERT_TRUE(run("ip -6 route add fd12:3456:789a:b::/64 dev ulg-r1 metric 512 proto 117 table 117"));
        EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kStrange}}));
        for (const RouteTarget& target : {one, two, kLan, two, kUnreachable, one, one, two}) {
            expect_ok(kernel.put_route(kSite, target));
            EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, target}}));
            const std::string line = shown();
            EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
            const bool tunnel = target == one || target == two;
            EXPECT_EQ(line.find("via fe80::75 ") != std::string::npos, tunnel) << line;
        }
        expect_ok(kernel.delete_route(kSite, one));
        EXPECT_EQ(kernel.our_routes()->size(), 1U);
        expect_ok(kernel.delete_route(kSite, two));
        EXPECT_TRUE(kernel.our_routes()->empty());
    });
}

TEST_F(RtnlRoutes, AreMovedWithoutReadingThemFirst) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("ip -6 route add fd12:3456:789a:b::/64 table 117 dev lan0 metric 512 proto 117"));
        expect_ok(kernel.put_route(kSite, kFar));
        EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kFar}}));
        // Behind our back; what we remember is wrong now.
        ASSERT_TRUE(
            run("ip -6 route replace unreachable fd12:3456:789a:b::/64 table 117 metric 512 proto 117"));
        expect_ok(kernel.put_route(kSite, kLan));
        EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kLan}}));
    });
}

TEST_F(RtnlRoutes, WithOtherMetricsAreOthers) {
    with_kernel([](Rtnl& kernel) {
        const RouteKey fallback{kSite.destination, 1024};
        expect_ok(kernel.put_route(kSite, kLan));
        expect_ok(kernel.put_route(fallback, kUnreachable));
        EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kLan}, {fallback, kUnreachable}}));
        expect_ok(kernel.delete_route(fallback, kUnreachable));
        EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kLan}}));
    });
}

TEST_F(RtnlRoutes, OfAnotherProgramAreNeverTouched) {
    with_kernel([](Rtnl& kernel) {
        for (const char* kind : {"dev lan0", "via fe80::1 dev lan0"}) {
            ASSERT_TRUE(run(fmt::format(
                "ip -6 route add fd12:3456:789a:b::/64 table 117 {} metric 512 proto static", kind)));
            const std::string before = shown();
            for (const RouteTarget& target : {kLan, kFar, kUnreachable}) {
                const auto put = kernel.put_route(kSite, target);
                ASSERT_FALSE(put);
                EXPECT_THAT(put.error().text(), HasSubstr("route fd12:3456:789a:b::/64 metric 512 belongs to "
                                                          "protocol 4 (static), leaving it alone"));
                EXPECT_EQ(shown(), before);
                expect_ok(kernel.delete_route(kSite, target));
                EXPECT_EQ(shown(), before);
            }
            EXPECT_TRUE(kernel.our_routes()->empty());
            ASSERT_TRUE(run("ip -6 route del fd12:3456:789a:b::/64 table 117"));
        }
    });
}

TEST_F(RtnlRoutes, TakenOverByAnotherProgramAreLeftToIt) {
    with_kernel([](Rtnl& kernel) {
        expect_ok(kernel.put_route(kSite, kLan));
        ASSERT_TRUE(
            run("ip -6 route replace fd12:3456:789a:b::/64 table 117 dev lan0 metric 512 proto static"));
        const std::string before = shown();
        for (const RouteTarget& target : {kFar, kLan, kUnreachable}) {
            EXPECT_FALSE(kernel.put_route(kSite, target));  // although we remember it as ours
            EXPECT_EQ(shown(), before);
        }
    });
}

TEST_F(RtnlRoutes, BesideOneOfAnotherProgramMoveAlone) {
    with_kernel([](Rtnl& kernel) {
        expect_ok(kernel.put_route(kSite, kLan));
        ASSERT_TRUE(run("ip link add third0 type veth peer name fourth0 && ip link set third0 up"));
        ASSERT_TRUE(
            run("ip -6 route append fd12:3456:789a:b::/64 table 117 dev third0 metric 512 proto static"));
        for (const RouteTarget& target : {kFar, kUnreachable, kLan}) {
            expect_ok(kernel.put_route(kSite, target));
            EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, target}}));
            EXPECT_THAT(shown(), HasSubstr("dev third0 proto static"));
        }
        expect_ok(kernel.delete_route(kSite, kLan));
        EXPECT_THAT(shown(), HasSubstr("dev third0 proto static"));
        EXPECT_TRUE(kernel.our_routes()->empty());
    });
}

TEST_F(RtnlRoutes, OfStrangeShapeWithOurNumberGetReplacedAndDeleted) {
    with_kernel([](Rtnl& kernel) {
        const std::string add = "ip -6 route add fd12:3456:789a:b::/64 table 117 metric 512 proto 117 ";
        const std::string append = "ip -6 route append fd12:3456:789a:b::/64 table 117 metric 512 proto 117 ";
        const std::vector<std::string> shapes{
            add + "nexthop via fe80::1 dev lan0 nexthop via fe80::2 dev far0",
            add + "via fe80::1 dev lan0",
            "ip -6 route add blackhole fd12:3456:789a:b::/64 table 117 metric 512 proto 117",
            "ip -6 route add prohibit fd12:3456:789a:b::/64 table 117 metric 512 proto 117",
            add + "dev lan0 && " + append + "dev far0",
        };
        for (const std::string& shape : shapes) {
            for (const RouteTarget& target : {kLan, kFar, kUnreachable}) {
                ASSERT_TRUE(run(shape)) << shape;
                EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kStrange}})) << shape << '\n'
                                                                                    << shown();
                expect_ok(kernel.put_route(kSite, target));
                EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, target}})) << shape << '\n' << shown();
                expect_ok(kernel.delete_route(kSite, target));
                EXPECT_EQ(shown(), "") << shape;
            }
            ASSERT_TRUE(run(shape)) << shape;
            expect_ok(kernel.delete_route(kSite, kStrange));
            EXPECT_EQ(shown(), "") << shape;
        }
    });
}

TEST_F(RtnlRoutes, OnlyOursOfOurTableAndTheMainOneAreListed) {
    with_kernel([](Rtnl& kernel) {
        EXPECT_TRUE(kernel.our_routes()->empty());  // there is no such table yet
        expect_ok(kernel.put_route(kSite, kLan));
        ASSERT_TRUE(run("ip -6 route add fd36::/48 dev lan0 proto static table 117"));
        ASSERT_TRUE(run("ip -6 route add fd34::/48 dev lan0 proto static"));
        ASSERT_TRUE(run("ip -6 route add fd35::/48 dev lan0 proto 117 table 100"));
        ASSERT_TRUE(run("ip -6 route add default dev far0 proto bird"));
        EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kLan}}));
        const RouteKey everything{prefix("::/0"), 2048};
        expect_ok(kernel.put_route(everything, kUnreachable));
        EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kLan}, {everything, kUnreachable}}));
    });
}

// A version before ours had its routes in the main table, and may have been killed.
TEST_F(RtnlRoutes, OfAFormerVersionAreFoundInTheMainTableAndDeletedThere) {
    with_kernel([](Rtnl& kernel) {
        expect_ok(kernel.put_route(kSite, kLan));
        ASSERT_TRUE(run("ip -6 route add fd12:3456:789a:b::/64 dev far0 metric 512 proto 117"));
        ASSERT_TRUE(run("ip -6 route add fd12:3456:789a:b::/64 dev lan0 metric 600 proto static"));
        const RouteKey former{kSite.destination, kSite.metric, kMainTable};
        EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kLan}, {former, kFar}}));
        expect_ok(kernel.delete_route(former, kFar));
        EXPECT_EQ(kernel.our_routes().value(), (Routes{{kSite, kLan}}));
        EXPECT_THAT(output("ip -6 route show fd12:3456:789a:b::/64"), HasSubstr("proto static"));
        EXPECT_FALSE(kernel.put_route({kSite.destination, 512, 100}, kLan));  // a table of somebody else
    });
}

TEST_F(RtnlRoutes, SayWhyTheyCannotBe) {
    with_kernel([](Rtnl& kernel) {
        const auto no_link = kernel.put_route(kSite, {"none"});
        ASSERT_FALSE(no_link);
        EXPECT_EQ(no_link.error().code, std::errc::no_such_device);
        EXPECT_THAT(no_link.error().text(), HasSubstr("fd12:3456:789a:b::/64 metric 512 dev none"));
        expect_ok(kernel.delete_route(kSite, {"none"}));
        ASSERT_TRUE(run("ip link set lan0 down"));
        const auto down = kernel.put_route(kSite, kLan);
        ASSERT_FALSE(down);
        EXPECT_EQ(down.error().code, std::errc::network_down) << down.error().text();
        // The kernel would store these as something else.
        EXPECT_FALSE(kernel.put_route({kSite.destination, 0}, kFar));
        EXPECT_FALSE(kernel.put_route({prefix("fd12::1/64"), 512}, kFar));
    });
}

TEST_F(RtnlRoutes, TwentyThousandAreNoMatter) {
    with_kernel([](Rtnl& kernel) {
        constexpr unsigned kCount = 20000;
        ASSERT_TRUE(run("sysctl -qw net.ipv6.route.max_size=1000000") || true);
        const auto key = [](unsigned number) {
            RouteKey out{prefix("fd12:3456::/64"), 512};
            out.destination.address.bytes[6] = static_cast<std::uint8_t>(number >> 8U);
            out.destination.address.bytes[7] = static_cast<std::uint8_t>(number);
            return out;
        };
        const auto timed = [](const char* what, const std::function<void()>& body) {
            const auto begin = std::chrono::steady_clock::now();
            body();
            const auto took = std::chrono::steady_clock::now() - begin;
            std::cout << fmt::format("    {}: {} ms\n", what,
                                     std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
            EXPECT_LT(took, std::chrono::seconds(60)) << what;  // a quadratic one takes minutes
        };
        const auto put_all = [&](const RouteTarget& target) {
            for (unsigned i = 0; i < kCount; ++i) ASSERT_TRUE(kernel.put_route(key(i), target)) << i;
        };
        const auto all_point_to = [&](const RouteTarget& target) {
            const auto routes = kernel.our_routes();
            ASSERT_TRUE(routes) << routes.error().text();
            ASSERT_EQ(routes->size(), kCount);
            for (const auto& [route, is] : *routes)
                ASSERT_EQ(is, target) << net::to_string(route.destination);
        };
        timed("add 20,000", [&] { put_all(kLan); });
        timed("list 20,000", [&] { all_point_to(kLan); });
        timed("move 20,000 to another link", [&] { put_all(kFar); });
        timed("move 20,000 to unreachable", [&] { put_all(kUnreachable); });
        all_point_to(kUnreachable);
        timed("delete 20,000", [&] {
            for (unsigned i = 0; i < kCount; ++i) ASSERT_TRUE(kernel.delete_route(key(i), kUnreachable));
        });
        EXPECT_TRUE(kernel.our_routes()->empty());
    });
}

Egress egress(Rtnl& kernel, const char* destination) {
    const auto egress = kernel.egress_to(ip(destination));
    EXPECT_TRUE(egress) << egress.error().text();
    return egress ? *egress : Egress{};
}

void expect_no_egress(Rtnl& kernel, const char* destination) {
    const auto egress = kernel.egress_to(ip(destination));
    ASSERT_FALSE(egress) << destination << " by " << egress->link;
    EXPECT_EQ(egress.error().code, std::errc::network_unreachable) << egress.error().text();
}

// Link and MTU.
std::pair<std::string, unsigned> road(Rtnl& kernel, const char* destination) {
    const Egress found = egress(kernel, destination);
    return {found.link, found.mtu};
}

TEST_F(RtnlEgress, TellsTheGatewayAndTheSourceThatTheKernelChooses) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(
            run("ip addr add 198.51.100.2/24 dev lan0 && ip addr add 2001:db8:1::2/64 dev far0 nodad"));
        ASSERT_TRUE(
            run("ip route add default via 198.51.100.1 && ip -6 route add default via fe80::1 dev far0"));
        EXPECT_EQ(egress(kernel, "192.0.2.1"),
                  (Egress{"lan0", 1500, ip("198.51.100.1"), ip("198.51.100.2")}));
        EXPECT_EQ(egress(kernel, "2001:db8::1"), (Egress{"far0", 1500, ip("fe80::1"), ip("2001:db8:1::2")}));
        EXPECT_EQ(egress(kernel, "198.51.100.9"), (Egress{"lan0", 1500, std::nullopt, ip("198.51.100.2")}));
        ASSERT_TRUE(run("ip addr add 198.51.100.3/24 dev lan0"));
        ASSERT_TRUE(run("ip route replace default via 198.51.100.1 src 198.51.100.3"));
        EXPECT_EQ(egress(kernel, "192.0.2.1").source, ip("198.51.100.3"));
    });
}

TEST_F(RtnlEgress, FollowsTheRoutesOfBothFamilies) {
    with_kernel([](Rtnl& kernel) {
        expect_no_egress(kernel, "192.0.2.1");
        expect_no_egress(kernel, "2001:db8::1");
        ASSERT_TRUE(run("ip addr add 198.51.100.2/24 dev lan0 && ip link set lan0 mtu 1492"));
        ASSERT_TRUE(
            run("ip route add default via 198.51.100.1 && ip -6 route add default via fe80::1 dev far0"));
        EXPECT_EQ(road(kernel, "192.0.2.1"), std::pair(std::string("lan0"), 1492U));
        EXPECT_EQ(road(kernel, "2001:db8::1"), std::pair(std::string("far0"), 1500U));
        ASSERT_TRUE(run("ip route add 192.0.2.0/24 via 198.51.100.1 mtu 1400"));
        ASSERT_TRUE(run("ip -6 route add 2001:db8::/32 via fe80::1 dev far0 mtu 1380"));
        EXPECT_EQ(road(kernel, "192.0.2.1"), std::pair(std::string("lan0"), 1400U));
        EXPECT_EQ(road(kernel, "2001:db8::1"), std::pair(std::string("far0"), 1380U));
        EXPECT_EQ(egress(kernel, "127.0.0.1").link, "lo");
        EXPECT_EQ(egress(kernel, "::1").link, "lo");
    });
}

TEST_F(RtnlEgress, KnowsTheIpv6MtuOfTheLink) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("ip -6 route add default via fe80::1 dev far0"));
        // As a router advertisement with an MTU option would.
        if (!run("echo 1340 > /proc/sys/net/ipv6/conf/far0/mtu")) GTEST_SKIP() << "read-only /proc/sys";
        EXPECT_EQ(road(kernel, "2001:db8::1"), std::pair(std::string("far0"), 1340U));
    });
}

TEST_F(RtnlEgress, EndsAtARouteThatRefuses) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("ip route add default dev lan0 && ip -6 route add default dev lan0"));
        for (const char* type : {"unreachable", "prohibit", "blackhole"}) {
            ASSERT_TRUE(run(fmt::format("ip route replace {} 192.0.2.0/24", type)));
            ASSERT_TRUE(run(fmt::format("ip -6 route replace {} 2001:db8::/32", type)));
            expect_no_egress(kernel, "192.0.2.1");
            expect_no_egress(kernel, "2001:db8::1");
        }
    });
}

}  // namespace
}  // namespace ulagate::test::route_test
