// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/neighbor.h"

#include <gmock/gmock.h>

#include <chrono>

#include "tests/unit/vrrp/bytes.h"
#include "vrrp/checksum.h"

namespace ulagate::vrrp::neighbor_test {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{100s};

TEST(VrrpNeighbor, V40_TheVirtualMacOfIpv6) {
    EXPECT_EQ(net::to_string(virtual_mac(51)), "00:00:5e:00:02:33");
    EXPECT_EQ(net::to_string(virtual_mac(1)), "00:00:5e:00:02:01");
    EXPECT_EQ(net::to_string(virtual_mac(255)), "00:00:5e:00:02:ff");
}

// R = 1, S = 0, O = 1, the target is the virtual address, the option names whom the caller says.
TEST(VrrpNeighbor, V47_GoldenBytesOfRfc4861Section44) {
    const auto message = neighbor_advertisement(kVip, net::MacAddress{{0x02, 0, 0, 0, 0, 0x01}});
    EXPECT_EQ(message, hex("88 00 19 c2 | a0 00 00 00 | fe 80 00 00 00 00 00 00 00 00 00 00 00 00 5e ed |"
                           "02 01 02 00 00 00 00 01"));
    EXPECT_EQ(checksum(kVip, address("ff02::1"), 58, message), 0);
}

TEST(VrrpNeighbor, V42_NamesTheVirtualMacAndNoOther) {
    const auto message = neighbor_advertisement(kVip, virtual_mac(51));
    ASSERT_EQ(message.size(), 32U);
    EXPECT_EQ(Bytes(message.end() - 8, message.end()), hex("02 01 00 00 5e 00 02 33"));
}

TEST(VrrpAnnouncer, V47_ThreeOneSecondApart) {
    Announcer announcer;
    EXPECT_EQ(announcer.deadline(), std::nullopt);
    EXPECT_TRUE(announcer.start(kStart));
    EXPECT_EQ(announcer.deadline(), kStart + 1s);
    EXPECT_FALSE(announcer.on_deadline(kStart + 999ms));
    EXPECT_TRUE(announcer.on_deadline(kStart + 1s));
    EXPECT_TRUE(announcer.on_deadline(kStart + 2s));
    EXPECT_EQ(announcer.deadline(), std::nullopt);
    EXPECT_FALSE(announcer.on_deadline(kStart + 1h));
}

TEST(VrrpAnnouncer, V47_ALateTimerDoesNotBringTwoCloser) {
    Announcer announcer;
    EXPECT_TRUE(announcer.start(kStart));
    EXPECT_TRUE(announcer.on_deadline(kStart + 10s));
    EXPECT_FALSE(announcer.on_deadline(kStart + 10s));
    EXPECT_EQ(announcer.deadline(), kStart + 11s);
}

TEST(VrrpAnnouncer, V47_SilentOnceTheAddressIsReleased) {
    Announcer announcer;
    EXPECT_TRUE(announcer.start(kStart));
    announcer.stop();
    EXPECT_EQ(announcer.deadline(), std::nullopt);
    EXPECT_FALSE(announcer.on_deadline(kStart + 1s));
}

// V-24 wants it with the transition, however short ago we were Active before.
TEST(VrrpAnnouncer, V24_ANewActiveRouterSaysSoAtOnce) {
    Announcer announcer;
    EXPECT_TRUE(announcer.start(kStart));
    announcer.stop();
    EXPECT_TRUE(announcer.start(kStart + 100ms));
    EXPECT_EQ(announcer.deadline(), kStart + 1100ms);
}

TEST(VrrpAnnouncer, V50_AgainWhileItRunsIsThreeMoreAndNotFaster) {
    Announcer announcer;
    EXPECT_TRUE(announcer.start(kStart));
    EXPECT_FALSE(announcer.start(kStart + 300ms));
    EXPECT_EQ(announcer.deadline(), kStart + 1s);
    EXPECT_TRUE(announcer.on_deadline(kStart + 1s));
    EXPECT_TRUE(announcer.on_deadline(kStart + 2s));
    EXPECT_TRUE(announcer.on_deadline(kStart + 3s));
    EXPECT_EQ(announcer.deadline(), std::nullopt);
    EXPECT_TRUE(announcer.start(kStart + 1h));
}

}  // namespace
}  // namespace ulagate::vrrp::neighbor_test
