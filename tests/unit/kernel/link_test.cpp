// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/kernel/namespace.h"

namespace ulagate::test::link_test {
namespace {

class RtnlLinks : public RtnlTest {};
class RtnlAddresses : public RtnlTest {};

TEST_F(RtnlLinks, AreReadWithTheirState) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("ip link set lan0 address 02:00:00:00:00:07 mtu 1400"));
        ASSERT_TRUE(eventually([&] { return kernel.links()->at("lan0").running; }));
        const auto links = kernel.links();
        ASSERT_TRUE(links) << links.error().text();
        const Link lan = links->at("lan0");
        EXPECT_TRUE(lan.up);
        EXPECT_EQ(lan.mtu, 1400U);
        ASSERT_TRUE(lan.mac);
        EXPECT_EQ(net::to_string(*lan.mac), "02:00:00:00:00:07");
        const Link lo = links->at("lo");
        EXPECT_EQ(lo.index, 1U);
        EXPECT_TRUE(lo.up && lo.running);  // its operational state is "unknown"
        EXPECT_FALSE(lo.mac);

        ASSERT_TRUE(run("ip link set far0 down"));
        EXPECT_TRUE(eventually([&] { return !kernel.links()->at("lan0").running; }));
        EXPECT_TRUE(kernel.links()->at("lan0").up);
    });
}

TEST_F(RtnlLinks, TunWithoutAddressRunsOnceItIsOpen) {
    with_kernel([](Rtnl& kernel) {
        if (!run("ip tuntap add dev ulg-r1 mode tun && ip link set ulg-r1 up"))
            GTEST_SKIP() << "no tun device";
        const Link tun = kernel.links()->at("ulg-r1");
        EXPECT_TRUE(tun.up);
        // Nobody holds its other end; the kernel works that out a moment after the interface is up
        // (linkwatch).
        EXPECT_TRUE(eventually([&] { return !kernel.links()->at("ulg-r1").running; }));
        EXPECT_FALSE(tun.mac);
    });
}

TEST_F(RtnlLinks, AreSetUpAndDownWithTheirMtu) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(kernel.set_link("lan0", false, 1300));
        EXPECT_FALSE(kernel.links()->at("lan0").up);
        EXPECT_EQ(kernel.links()->at("lan0").mtu, 1300U);
        for (int times = 0; times < 2; ++times) {
            ASSERT_TRUE(kernel.set_link("lan0", true, 1420));
            EXPECT_TRUE(kernel.links()->at("lan0").up);
            EXPECT_EQ(kernel.links()->at("lan0").mtu, 1420U);
        }
        ASSERT_TRUE(kernel.set_link("lan0", true, 0));
        EXPECT_EQ(kernel.links()->at("lan0").mtu, 1420U);
        for (const char* absent : {"none", "", "longer-than-the-kernel-allows"}) {
            const auto done = kernel.set_link(absent, true, 1420);
            ASSERT_FALSE(done);
            EXPECT_EQ(done.error().code, std::errc::no_such_device) << done.error().text();
            EXPECT_TRUE(kernel.delete_link(absent));
        }
        const auto too_small = kernel.set_link("lan0", true, 1);
        ASSERT_FALSE(too_small);
        EXPECT_THAT(too_small.error().text(), testing::HasSubstr("lan0"));
        EXPECT_THAT(too_small.error().text(), testing::HasSubstr("mtu")) << "the kernel's own words";
    });
}

TEST_F(RtnlLinks, MayHaveDotsInTheirNames) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("ip link add link lan0 name lan0.12 type vlan id 12") ||
                    run("ip link add lan0.12 type veth peer name x"));
        ASSERT_TRUE(kernel.set_link("lan0.12", true, 1280));
        EXPECT_TRUE(kernel.links()->at("lan0.12").up);
        EXPECT_TRUE(kernel.put_address({"lan0.12", prefix("fd12::1/64")}, false));
        EXPECT_TRUE(kernel.addresses()->contains({"lan0.12", prefix("fd12::1/64")}));
    });
}

TEST_F(RtnlLinks, F04_ThatAreBridgesAreSeen) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("ip link add br0 type bridge && ip link set lan0 master br0"));
        const auto links = kernel.links();
        EXPECT_TRUE(links->at("br0").bridge);
        EXPECT_TRUE(links->at("br0").mac);
        EXPECT_FALSE(links->at("lan0").bridge) << "a port of one is not one";
    });
}

TEST_F(RtnlLinks, F08_ShareATableOfNeighbours) {
    with_kernel([](Rtnl& kernel) {
        const auto before = kernel.neighbour_table();
        ASSERT_TRUE(before) << before.error().text();
        EXPECT_GT(before->room, 0U);
        ASSERT_TRUE(run("ip -6 neigh add fe80::1234 lladdr 02:00:00:00:00:01 dev lan0 nud reachable"));
        EXPECT_GT(kernel.neighbour_table()->entries, 0U);
    });
}

TEST_F(RtnlLinks, AreDeletedOnce) {
    with_kernel([](Rtnl& kernel) {
        for (int times = 0; times < 2; ++times) {
            EXPECT_TRUE(kernel.delete_link("lan0"));
            EXPECT_FALSE(kernel.links()->contains("lan0"));
        }
        const auto loopback = kernel.delete_link("lo");
        ASSERT_FALSE(loopback);
        EXPECT_EQ(loopback.error().code, std::errc::operation_not_supported) << loopback.error().text();
    });
}

TEST_F(RtnlAddresses, AreAddedAndRemovedAnyNumberOfTimes) {
    with_kernel([](Rtnl& kernel) {
        const AddressKey address{"lan0", prefix("fd12:0:0:a::1/64")};
        for (int times = 0; times < 2; ++times) {
            const auto done = kernel.put_address(address, false);
            ASSERT_TRUE(done) << done.error().text();
            const auto addresses = kernel.addresses();
            ASSERT_TRUE(addresses->contains(address));
            EXPECT_EQ(addresses->at(address), (AddressState{.ours = true}));
        }
        // The on-link route is ours to set.
        EXPECT_EQ(output("ip -6 route show fd12:0:0:a::/64"), "");
        EXPECT_THAT(output("ip -6 addr show dev lan0"), testing::HasSubstr("valid_lft forever"));
        for (int times = 0; times < 2; ++times) {
            ASSERT_TRUE(kernel.delete_address(address));
            EXPECT_FALSE(kernel.addresses()->contains(address));
        }
    });
}

TEST_F(RtnlAddresses, AreTentativeWhileDuplicatesAreLookedFor) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(eventually([&] { return kernel.links()->at("lan0").running; }));
        const AddressKey address{"lan0", prefix("fd12::1/64")};
        ASSERT_TRUE(kernel.put_address(address, true));
        EXPECT_EQ(kernel.addresses()->at(address), (AddressState{.ours = true, .tentative = true}));
        EXPECT_TRUE(eventually([&] { return !kernel.addresses()->at(address).tentative; }));
    });
}

TEST_F(RtnlAddresses, AreDuplicateWhenTheNeighbourHasThem) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(eventually([&] { return kernel.links()->at("lan0").running; }));
        // The neighbour needs a namespace of its own: a host does not object to itself.
        if (!run("mount -t tmpfs none /run && ip netns add far && ip link set far0 netns far && "
                 "ip -n far link set far0 up && ip -n far addr add fd12::1/64 dev far0 nodad")) {
            GTEST_SKIP() << "no second namespace";
        }
        ASSERT_TRUE(eventually([&] { return kernel.links()->at("lan0").running; }));
        const AddressKey address{"lan0", prefix("fd12::1/64")};
        ASSERT_TRUE(kernel.put_address(address, true));
        EXPECT_TRUE(eventually([&] { return kernel.addresses()->at(address).duplicate; }));
    });
}

TEST_F(RtnlAddresses, OfOthersKeepWhatTheyAre) {
    with_kernel([](Rtnl& kernel) {
        const AddressKey address{"lan0", prefix("fd12::1/64")};
        ASSERT_TRUE(run("ip addr add fd12::1/64 dev lan0 nodad valid_lft 1000 preferred_lft 500"));
        EXPECT_EQ(kernel.addresses()->at(address), AddressState{});
        EXPECT_TRUE(kernel.put_address(address, false)) << "it is there";
        EXPECT_EQ(kernel.addresses()->at(address), AddressState{}) << "and not ours";
        EXPECT_THAT(output("ip -6 addr show dev lan0"), testing::HasSubstr("preferred_lft"));
        EXPECT_THAT(output("ip -6 route show fd12::/64"), testing::HasSubstr("proto kernel"));

        const auto other_length = kernel.put_address({"lan0", prefix("fd12::1/128")}, false);
        ASSERT_FALSE(other_length);
        EXPECT_THAT(other_length.error().text(), testing::HasSubstr("prefix length 64"));
        EXPECT_TRUE(kernel.delete_address({"lan0", prefix("fd12::1/128")})) << "there is no such address";
        EXPECT_TRUE(kernel.addresses()->contains(address));
    });
}

TEST_F(RtnlAddresses, NeedTheirInterface) {
    with_kernel([](Rtnl& kernel) {
        const AddressKey address{"none", prefix("fd12::1/64")};
        const auto done = kernel.put_address(address, false);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, std::errc::no_such_device);
        EXPECT_TRUE(kernel.delete_address(address));
        // Below 1280 bytes an interface has no IPv6.
        ASSERT_TRUE(kernel.set_link("lan0", true, 1000));
        EXPECT_TRUE(kernel.delete_address({"lan0", prefix("fd12::1/64")}));
    });
}

TEST_F(RtnlAddresses, OfPointToPointLinksAreTheNearEnd) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("ip addr add fd12::1 peer fd12::2/128 dev lan0 nodad"));
        EXPECT_TRUE(kernel.addresses()->contains({"lan0", prefix("fd12::1/128")}));
        EXPECT_FALSE(kernel.addresses()->contains({"lan0", prefix("fd12::2/128")}));
    });
}

}  // namespace
}  // namespace ulagate::test::link_test
