// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include "tests/unit/kernel/namespace.h"

namespace ulagate::test::event_test {
namespace {

// Everything that is reported until the kernel has been quiet for a moment.
RtnlChanges settled(Rtnl& kernel) {
    RtnlChanges out;
    for (pollfd wait{kernel.event_handle(), POLLIN, 0}; ::poll(&wait, 1, 300) > 0;) {
        const auto seen = kernel.changes();
        EXPECT_TRUE(seen) << seen.error().text();
        if (!seen) break;
        out.links |= seen->links;
        out.addresses |= seen->addresses;
        out.our_routes |= seen->our_routes;
        out.rules |= seen->rules;
        out.other_routes |= seen->other_routes;
        out.default_routes |= seen->default_routes;
    }
    return out;
}

std::string text(const RtnlChanges& changes) {
    return std::string(changes.links ? "links " : "") + (changes.addresses ? "addresses " : "") +
           (changes.our_routes ? "ours " : "") + (changes.rules ? "rules " : "") +
           (changes.other_routes ? "others " : "");
}

class RtnlEvents : public RtnlTest {
protected:
    static void with_quiet_kernel(const Body& body) {
        with_kernel([&](Rtnl& kernel) {
            ASSERT_TRUE(eventually([&] { return !settled(kernel).any(); }));
            const auto nothing = kernel.changes();
            ASSERT_TRUE(nothing);
            EXPECT_FALSE(nothing->any());
            body(kernel);
        });
    }
};

TEST_F(RtnlEvents, SayWhatKindOfThingChanged) {
    with_quiet_kernel([](Rtnl& kernel) {
        const auto after = [&](const char* command) {
            EXPECT_TRUE(run(command)) << command;
            return text(settled(kernel));
        };
        EXPECT_EQ(after("ip link set lan0 mtu 1400"), "links ");
        EXPECT_EQ(after("ip addr add fd12::1/64 dev lan0 nodad noprefixroute"), "addresses ");
        EXPECT_EQ(after("ip addr add 192.0.2.1/24 dev lan0 noprefixroute"), "others ");
        EXPECT_EQ(after("ip -6 route add fd12::/48 dev lan0 proto 117"), "ours ");
        EXPECT_EQ(after("ip -6 route add fd12::/48 dev lan0 proto 117 table 117"), "ours ");
        EXPECT_EQ(after("ip -6 route add fd12::/48 dev lan0 proto static metric 9 table 117"), "others ");
        EXPECT_EQ(after("ip -6 rule add pref 9 iif lan0 lookup 52"), "rules others ");
        EXPECT_EQ(after("ip -6 rule del pref 9"), "rules others ");
        EXPECT_EQ(after("ip -4 rule add pref 9 iif lan0 lookup 52"), "others ");
        EXPECT_EQ(after("ip -6 route del fd12::/48 dev lan0 proto 117"), "ours ");
        EXPECT_EQ(after("ip -6 route add fd12::/48 dev lan0 proto static"), "others ");
        EXPECT_EQ(after("ip route add 198.51.100.0/24 dev lan0"), "others ");
        EXPECT_EQ(after("ip route add 203.0.113.0/24 dev lan0 proto 117"), "ours ");
        EXPECT_EQ(after("ip -6 route add fd13::/48 dev lan0 proto 117 table 100"), "others ");
        EXPECT_EQ(after("ip -6 route add local fd14::/64 dev lo table local"), "");
        const auto is_default = [&](const char* command) {
            EXPECT_TRUE(run(command)) << command;
            return settled(kernel).default_routes;
        };
        EXPECT_FALSE(is_default("ip -6 route add fd15::/48 dev lan0"));
        EXPECT_FALSE(is_default("ip route add 198.51.101.0/24 dev lan0"));
        EXPECT_TRUE(is_default("ip route add default dev lan0"));
        EXPECT_TRUE(is_default("ip -6 route add default dev lan0"));
        EXPECT_TRUE(is_default("ip -6 route del default dev lan0"));
        EXPECT_TRUE(is_default("ip addr del 192.0.2.1/24 dev lan0")) << "takes IPv4 routes along, silently";
        EXPECT_FALSE(
            is_default("ip -6 addr add 2001:db8::9/64 dev lan0 nodad valid_lft 100 preferred_lft 50"));
        EXPECT_FALSE(is_default("ip -6 addr change 2001:db8::9/64 dev lan0 valid_lft 200 preferred_lft 50"))
            << "as each Router Advertisement of a provider does";
        EXPECT_TRUE(is_default("ip link set lan0 mtu 1500"));
        // Without carrier, addresses and routes go and come as well.
        EXPECT_THAT(after("ip link set far0 down"), testing::HasSubstr("links "));
    });
}

TEST_F(RtnlEvents, TellOfOurOwnChangesToo) {
    with_quiet_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(kernel.put_route({prefix("fd12::/48"), 512}, {"lan0"}));
        EXPECT_EQ(text(settled(kernel)), "ours ");
        ASSERT_TRUE(kernel.put_route({prefix("fd12::/48"), 512}, {"far0"}));
        EXPECT_EQ(text(settled(kernel)), "ours ");
    });
}

TEST_F(RtnlEvents, AreReadInPortions) {
    with_quiet_kernel([](Rtnl& kernel) {
        // More than one call takes, fewer than the buffer holds.
        for (unsigned i = 0; i < 5000; ++i) {
            RouteKey key{prefix("fd12::/64"), 512};
            key.destination.address.bytes[6] = static_cast<std::uint8_t>(i >> 8U);
            key.destination.address.bytes[7] = static_cast<std::uint8_t>(i);
            ASSERT_TRUE(kernel.put_route(key, {"lan0"}));
        }
        int calls = 0;
        for (pollfd wait{kernel.event_handle(), POLLIN, 0}; ::poll(&wait, 1, 0) > 0; ++calls) {
            ASSERT_EQ(text(kernel.changes().value()), "ours ") << calls;
        }
        EXPECT_GT(calls, 1);
    });
}

TEST_F(RtnlEvents, ThatGotLostCountAsEverything) {
    with_quiet_kernel([](Rtnl& kernel) {
        const int small = 4096;
        ASSERT_EQ(::setsockopt(kernel.event_handle(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
        for (int i = 0; i < 300; ++i) {
            ASSERT_TRUE(kernel.put_route({prefix("fd12::/48"), 512}, {i % 2 == 0 ? "lan0" : "far0"}));
        }
        pollfd wait{kernel.event_handle(), POLLIN, 0};
        ASSERT_EQ(::poll(&wait, 1, 1000), 1);
        EXPECT_EQ(text(kernel.changes().value()), "links addresses ours rules others ");
        // And then it goes on as before.
        EXPECT_FALSE(kernel.changes()->any());
        ASSERT_TRUE(kernel.delete_route({prefix("fd12::/48"), 512}, {"far0"}));
        EXPECT_EQ(text(settled(kernel)), "ours ");
    });
}

}  // namespace
}  // namespace ulagate::test::event_test
