// SPDX-License-Identifier: GPL-2.0-or-later
// Leased addresses and macvlans in the running kernel.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "tests/unit/kernel/namespace.h"

namespace ulagate::test::lease_test {
namespace {

using namespace std::chrono_literals;

class RtnlLeases : public RtnlTest {};
class RtnlMacvlans : public RtnlTest {};

const AddressKey kVirtual{"lan0", prefix("fe80::5eed/128")};

TEST_F(RtnlLeases, V51_TheKernelRemovesALeasedAddressThatIsNotRenewed) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(kernel.put_address(kVirtual, false, 1s));
        EXPECT_TRUE(kernel.addresses()->contains(kVirtual));
        EXPECT_TRUE(eventually([&] { return !kernel.addresses()->contains(kVirtual); }));
        ASSERT_TRUE(kernel.changes());
    });
}

TEST_F(RtnlLeases, V51_ARenewedAddressStaysAndIsOurs) {
    with_kernel([](Rtnl& kernel) {
        const auto begun = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() < begun + 4s) {
            ASSERT_TRUE(kernel.put_address(kVirtual, false, 2s));
            ASSERT_TRUE(kernel.addresses()->contains(kVirtual));
            std::this_thread::sleep_for(200ms);
        }
        EXPECT_TRUE(kernel.addresses()->at(kVirtual).ours);
    });
}

TEST_F(RtnlLeases, V44_ALeasedAddressIsUsableAtOnceAndNoSourceByItself) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(kernel.put_address(kVirtual, false, 3s));
        EXPECT_FALSE(kernel.addresses()->at(kVirtual).tentative);
        EXPECT_THAT(output("ip -6 address show dev lan0 to fe80::5eed"), testing::HasSubstr("deprecated"));
    });
}

// Each renewal is an event of the kernel's, and once a second is too often to look at everything.
TEST_F(RtnlLeases, ARenewalIsNoNewsButARemovalIs) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(kernel.put_address(kVirtual, false, 3s));
        ASSERT_TRUE(kernel.changes());
        for (int times = 0; times < 3; ++times) ASSERT_TRUE(kernel.put_address(kVirtual, false, 3s));
        EXPECT_FALSE(kernel.changes()->addresses);
        ASSERT_TRUE(run("ip -6 address del fe80::5eed/128 dev lan0"));
        EXPECT_TRUE(eventually([&] { return kernel.changes()->addresses; }));
    });
}

TEST_F(RtnlMacvlans, AreMadeDownWithTheirMac) {
    with_kernel([](Rtnl& kernel) {
        const net::MacAddress mac{{0, 0, 0x5e, 0, 2, 51}};
        const auto made = kernel.create_macvlan("ulg-v51", "lan0", mac);
        ASSERT_TRUE(made) << made.error().text();
        const Link link = kernel.links()->at("ulg-v51");
        EXPECT_EQ(link.mac, mac);
        EXPECT_FALSE(link.up);
        ASSERT_TRUE(kernel.set_link("ulg-v51", true, 0));
        EXPECT_TRUE(kernel.links()->at("ulg-v51").up);
        ASSERT_TRUE(kernel.put_address({"ulg-v51", prefix("fe80::5eed/128")}, false, 3s));
        ASSERT_TRUE(kernel.delete_link("ulg-v51"));
        EXPECT_FALSE(kernel.links()->contains("ulg-v51"));
    });
}

TEST_F(RtnlMacvlans, ReachNeighboursByTheLinkLocalRoute) {
    with_kernel([](Rtnl& kernel) {
        ASSERT_TRUE(run("ip -6 address add fe80::1/64 dev lan0 nodad"));
        ASSERT_TRUE(kernel.create_macvlan("ulg-v51", "lan0", {{0, 0, 0x5e, 0, 2, 51}}));
        ASSERT_TRUE(run("ip link set ulg-v51 addrgenmode none"));
        ASSERT_TRUE(kernel.set_link("ulg-v51", true, 0));
        ASSERT_TRUE(kernel.put_address({"ulg-v51", prefix("fe80::5eed/128")}, false, 3s));
        ASSERT_FALSE(run("ip -6 route get fe80::9 oif ulg-v51 >/dev/null"));
        for (int times = 0; times < 2; ++times) {
            const auto put = kernel.put_link_local_route("ulg-v51");
            ASSERT_TRUE(put) << put.error().text();
        }
        EXPECT_TRUE(run("ip -6 route get fe80::9 oif ulg-v51 >/dev/null"));
        EXPECT_THAT(output("ip -6 route show fe80::/64 dev lan0"), testing::HasSubstr("fe80::/64"));
        EXPECT_TRUE(kernel.our_routes()->empty());
        ASSERT_TRUE(kernel.set_link("ulg-v51", false, 0));
        EXPECT_EQ(output("ip -6 route show fe80::/64 dev ulg-v51"), "");
        EXPECT_EQ(kernel.put_link_local_route("none").error().code, std::errc::no_such_device);
    });
}

TEST_F(RtnlMacvlans, AreNotMadeWhereTheyCannotBe) {
    with_kernel([](Rtnl& kernel) {
        const net::MacAddress mac{{0, 0, 0x5e, 0, 2, 51}};
        EXPECT_EQ(kernel.create_macvlan("ulg-v51", "none", mac).error().code, std::errc::no_such_device);
        ASSERT_TRUE(run("ip link add br0 type bridge && ip link set lan0 master br0"));
        const auto on_port = kernel.create_macvlan("ulg-v51", "lan0", mac);
        ASSERT_FALSE(on_port);
        EXPECT_THAT(on_port.error().text(), testing::HasSubstr("lan0 is a port of a bridge"));
        EXPECT_TRUE(kernel.create_macvlan("ulg-v51", "br0", mac));
    });
}

}  // namespace
}  // namespace ulagate::test::lease_test
