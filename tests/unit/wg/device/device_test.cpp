// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/wg/test_support.h"

namespace ulagate::wg::device_test {
namespace {

using test::key;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const PrivateKey kPrivate{test::secret_bytes(1)};

DeviceConfig wanted() {
    DeviceConfig config;
    config.private_key = kPrivate;
    return config;
}

Device having() {
    Device device;
    device.public_key = kPrivate.public_key();
    return device;
}

TEST(WgDiff, NothingToDo) {
    EXPECT_TRUE(diff(wanted(), having()).empty());
    Device other = having();
    other.listen_port = 4711;  // chosen by the kernel: we have no wish
    other.fwmark = 51;         // not ours
    EXPECT_TRUE(diff(wanted(), other).empty());
}

TEST(WgDiff, KeyAndPort) {
    DeviceConfig want = wanted();
    want.listen_port = 51820;
    const DeviceChange change = diff(want, Device{});
    EXPECT_EQ(change.private_key, kPrivate);
    EXPECT_EQ(change.listen_port, 51820);
    EXPECT_THAT(change.peers, IsEmpty());
    // A key that is there is not sent again: it would end every session.
    EXPECT_FALSE(diff(want, having()).private_key);
    Device same = having();
    same.listen_port = 51820;
    EXPECT_TRUE(diff(want, same).empty());
}

TEST(WgDiff, NoKeyWantedTakesTheKeyAway) {
    EXPECT_TRUE(diff(DeviceConfig{}, Device{}).empty());
    EXPECT_EQ(diff(DeviceConfig{}, having()).private_key, PrivateKey{});
}

TEST(WgDiff, NewPeerIsSentWhole) {
    DeviceConfig want = wanted();
    PeerConfig peer;
    peer.preshared_key = PresharedKey{test::secret_bytes(7)};
    peer.endpoint = endpoint("192.0.2.1:51820");
    peer.keepalive_seconds = 25;
    peer.allowed_ips = {prefix("fd12::/48")};
    want.peers[key(1)] = peer;
    const DeviceChange change = diff(want, having());
    PeerChange expected;
    expected.key = key(1);
    expected.preshared_key = peer.preshared_key;
    expected.endpoint = peer.endpoint;
    expected.keepalive_seconds = 25;
    expected.allowed_ips = peer.allowed_ips;
    EXPECT_THAT(change.peers, ElementsAre(expected));
}

TEST(WgDiff, EmptyNewPeerIsStillMade) {
    DeviceConfig want = wanted();
    want.peers[key(1)] = {};
    PeerChange expected;
    expected.key = key(1);
    EXPECT_THAT(diff(want, having()).peers, ElementsAre(expected));
}

TEST(WgDiff, OnlyWhatDiffers) {
    DeviceConfig want = wanted();
    want.peers[key(1)].endpoint = endpoint("[2001:db8::1]:51820");
    want.peers[key(1)].allowed_ips = {prefix("fd12:1::/64")};
    Device have = having();
    have.peers[key(1)].endpoint = endpoint("[2001:db8::2]:51820");
    have.peers[key(1)].allowed_ips = {prefix("fd12:1::/64")};
    have.peers[key(1)].rx_bytes = 5;
    PeerChange expected;
    expected.key = key(1);
    expected.update_only = true;
    expected.endpoint = want.peers[key(1)].endpoint;
    EXPECT_THAT(diff(want, have).peers, ElementsAre(expected));
}

TEST(WgDiff, NoEndpointWantedKeepsTheLearntOne) {
    DeviceConfig want = wanted();
    want.peers[key(1)] = {};
    Device have = having();
    have.peers[key(1)].endpoint = endpoint("192.0.2.1:4711");
    EXPECT_TRUE(diff(want, have).empty());
}

TEST(WgDiff, AScopeThatIsNotReportedIsNotSentForEver) {
    DeviceConfig want = wanted();
    want.peers[key(1)].endpoint = endpoint("[fe80::1]:51820");
    want.peers[key(1)].endpoint->scope_id = 3;
    Device have = having();
    have.peers[key(1)].endpoint = endpoint("[fe80::1]:51820");
    EXPECT_TRUE(diff(want, have).empty());
    have.peers[key(1)].endpoint->scope_id = 4;
    EXPECT_FALSE(diff(want, have).empty());
}

TEST(WgDiff, PresharedKeyComesAndGoes) {
    DeviceConfig want = wanted();
    want.peers[key(1)].preshared_key = PresharedKey{test::secret_bytes(7)};
    Device have = having();
    have.peers[key(1)] = {};
    EXPECT_EQ(diff(want, have).peers.at(0).preshared_key, PresharedKey{test::secret_bytes(7)});
    have.peers[key(1)].has_preshared_key = true;
    EXPECT_TRUE(diff(want, have).empty());
    want.peers[key(1)].preshared_key.reset();
    EXPECT_EQ(diff(want, have).peers.at(0).preshared_key, PresharedKey{});  // all zero: none
}

TEST(WgDiff, KeepaliveIsSwitchedOff) {
    DeviceConfig want = wanted();
    want.peers[key(1)] = {};
    Device have = having();
    have.peers[key(1)].keepalive_seconds = 25;
    EXPECT_EQ(diff(want, have).peers.at(0).keepalive_seconds, 0);
}

TEST(WgDiff, AdditionsAloneDoNotReplace) {
    DeviceConfig want = wanted();
    want.peers[key(1)].allowed_ips = {prefix("fd12:1::/64"), prefix("fd12:2::/64")};
    Device have = having();
    have.peers[key(1)].allowed_ips = {prefix("fd12:1::/64")};
    const auto change = diff(want, have);
    ASSERT_EQ(change.peers.size(), 1U);
    EXPECT_FALSE(change.peers[0].replace_allowed_ips);
    EXPECT_THAT(change.peers[0].allowed_ips, UnorderedElementsAre(prefix("fd12:2::/64")));
}

TEST(WgDiff, APrefixThatGoesForGoodNeedsTheWholeList) {
    DeviceConfig want = wanted();
    want.peers[key(1)].allowed_ips = {prefix("fd12:1::/64"), prefix("fd12:3::/64")};
    Device have = having();
    have.peers[key(1)].allowed_ips = {prefix("fd12:1::/64"), prefix("fd12:2::/64")};
    const auto change = diff(want, have);
    ASSERT_EQ(change.peers.size(), 1U);
    EXPECT_TRUE(change.peers[0].replace_allowed_ips);
    EXPECT_EQ(change.peers[0].allowed_ips, want.peers[key(1)].allowed_ips);
}

TEST(WgDiff, AMoveIsAnAdditionAndNothingElse) {
    DeviceConfig want = wanted();
    want.peers[key(1)].allowed_ips = {prefix("fd12:1::/64")};
    want.peers[key(2)].allowed_ips = {prefix("fd12:2::/64"), prefix("fd12:3::/64")};
    Device have = having();
    have.peers[key(1)].allowed_ips = {prefix("fd12:1::/64"), prefix("fd12:3::/64")};
    have.peers[key(2)].allowed_ips = {prefix("fd12:2::/64")};
    PeerChange expected;
    expected.key = key(2);
    expected.update_only = true;
    expected.allowed_ips = {prefix("fd12:3::/64")};
    EXPECT_THAT(diff(want, have).peers, ElementsAre(expected));
}

TEST(WgDiff, TwoPeersSwapWithoutReplacing) {
    DeviceConfig want = wanted();
    want.peers[key(1)].allowed_ips = {prefix("fd12:2::/64")};
    want.peers[key(2)].allowed_ips = {prefix("fd12:1::/64")};
    Device have = having();
    have.peers[key(1)].allowed_ips = {prefix("fd12:1::/64")};
    have.peers[key(2)].allowed_ips = {prefix("fd12:2::/64")};
    const auto change = diff(want, have);
    ASSERT_EQ(change.peers.size(), 2U);
    EXPECT_FALSE(change.peers[0].replace_allowed_ips);
    EXPECT_FALSE(change.peers[1].replace_allowed_ips);
    EXPECT_TRUE(diff(want, test::apply_to_model(have, change)).empty());
}

TEST(WgDiff, RemovalsComeLast) {
    DeviceConfig want = wanted();
    want.peers[key(9)].allowed_ips = {prefix("fd12:1::/64")};
    Device have = having();
    have.peers[key(1)].allowed_ips = {prefix("fd12:1::/64")};
    const auto change = diff(want, have);
    ASSERT_EQ(change.peers.size(), 2U);
    EXPECT_EQ(change.peers[0].key, key(9));
    PeerChange removal;
    removal.key = key(1);
    removal.remove = true;
    EXPECT_EQ(change.peers[1], removal);
}

TEST(WgDiff, OurOwnKeyIsNoPeer) {
    DeviceConfig want = wanted();
    want.peers[kPrivate.public_key()].allowed_ips = {prefix("fd12:1::/64")};
    EXPECT_TRUE(diff(want, having()).empty());
}

// Make before break: a prefix that is there before and after is never nobody's in between.
TEST(WgDiff, ReachesTheGoalFromAnywhereAndWithoutAGap) {
    std::mt19937 random{20240601};
    Device device;
    for (int round = 0; round < 1000; ++round) {
        const DeviceConfig want = test::random_config(random);
        std::set<net::IpPrefix> before;
        std::set<net::IpPrefix> after;
        std::set<net::IpPrefix> stays;
        for (const auto& [k, peer] : device.peers)
            before.insert(peer.allowed_ips.begin(), peer.allowed_ips.end());
        for (const auto& [k, peer] : want.peers)
            after.insert(peer.allowed_ips.begin(), peer.allowed_ips.end());
        std::set_intersection(before.begin(), before.end(), after.begin(), after.end(),
                              std::inserter(stays, stays.end()));
        const DeviceChange change = diff(want, device);
        device = test::apply_to_model(device, change, [&](const Device& step) {
            std::set<net::IpPrefix> now;
            for (const auto& [k, peer] : step.peers)
                now.insert(peer.allowed_ips.begin(), peer.allowed_ips.end());
            EXPECT_TRUE(std::includes(now.begin(), now.end(), stays.begin(), stays.end())) << round;
        });
        const DeviceChange again = diff(want, device);
        ASSERT_TRUE(again.empty()) << "round " << round;
        for (const auto& [k, peer] : want.peers) ASSERT_EQ(device.peers.at(k).allowed_ips, peer.allowed_ips);
    }
}

TEST(WgDiff, TenThousandPeersInAMoment) {
    DeviceConfig want = wanted();
    Device have = having();
    for (unsigned i = 0; i < 10000; ++i) {
        // Every prefix moves by one peer: the worst case for the search of moves.
        want.peers[key(i)].allowed_ips = {test::numbered_prefix(i)};
        have.peers[key(i)].allowed_ips = {test::numbered_prefix((i + 1) % 10000)};
    }
    const auto begin = std::chrono::steady_clock::now();
    const DeviceChange change = diff(want, have);
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_EQ(change.peers.size(), 10000U);
    EXPECT_LT(took, std::chrono::seconds{20});  // quadratic would be minutes
    EXPECT_TRUE(std::none_of(change.peers.begin(), change.peers.end(),
                             [](const PeerChange& peer) { return peer.replace_allowed_ips; }));
}

}  // namespace
}  // namespace ulagate::wg::device_test
