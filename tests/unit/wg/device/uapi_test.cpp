// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/uapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/wg/test_support.h"

namespace ulagate::wg::uapi_test {
namespace {

using test::key;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHexOnes(64, '1');
const std::string kPeer = "public_key=" + std::string(64, '2') + "\n";
const std::string kEnd = "errno=0\n\n";

std::string hex(std::uint8_t first, std::uint8_t last) {
    std::array<char, 65> text{};
    std::snprintf(text.data(), text.size(), "%02x%060d%02x", first, 0, last);
    return text.data();
}

TEST(WgUapi, WritesAWholeDevice) {
    DeviceChange change;
    change.private_key = PrivateKey{test::secret_bytes(0x11)};
    change.listen_port = 51820;
    PeerChange peer;
    peer.key = key(1);
    peer.preshared_key = PresharedKey{test::secret_bytes(0x22)};
    peer.endpoint = endpoint("192.0.2.1:51820");
    peer.keepalive_seconds = 25;
    peer.replace_allowed_ips = true;
    peer.allowed_ips = {prefix("fd12::/48"), test::numbered_v4(1)};
    change.peers.push_back(peer);
    PeerChange update;
    update.key = key(2);
    update.update_only = true;
    update.endpoint = endpoint("[2001:db8::1]:1");
    change.peers.push_back(update);
    PeerChange removal;
    removal.key = key(3);
    removal.remove = true;
    removal.keepalive_seconds = 1;  // means nothing any more
    change.peers.push_back(removal);
    EXPECT_EQ(to_uapi(change),
              "set=1\n"
              "private_key=" +
                  std::string(64, '1') +
                  "\n"
                  "listen_port=51820\n"
                  "public_key=" +
                  hex(1, 0x11) +
                  "\n"
                  "preshared_key=" +
                  std::string(64, '2') +
                  "\n"
                  "endpoint=192.0.2.1:51820\n"
                  "persistent_keepalive_interval=25\n"
                  "replace_allowed_ips=true\n"
                  "allowed_ip=10.0.0.1/32\n"
                  "allowed_ip=fd12::/48\n"
                  "public_key=" +
                  hex(2, 0x11) +
                  "\n"
                  "update_only=true\n"
                  "endpoint=[2001:db8::1]:1\n"
                  "public_key=" +
                  hex(3, 0x11) +
                  "\n"
                  "remove=true\n"
                  "\n");
}

TEST(WgUapi, WritesTheScopeOfALinkLocalEndpoint) {
    DeviceChange change;
    PeerChange peer;
    peer.key = key(1);
    peer.endpoint = endpoint("[fe80::1]:51820");
    peer.endpoint->scope_id = 7;
    change.peers.push_back(peer);
    EXPECT_THAT(to_uapi(change), HasSubstr("endpoint=[fe80::1%7]:51820\n"));
}

TEST(WgUapi, NeverGrowsWhileItHoldsKeys) {
    DeviceChange change;
    change.private_key = PrivateKey{test::secret_bytes(0x11)};
    PeerChange peer;
    peer.key = key(1);
    peer.preshared_key = PresharedKey{test::secret_bytes(0x22)};
    peer.endpoint = endpoint("[2001:db8:1111:2222:3333:4444:5555:6666]:51820");
    peer.endpoint->scope_id = 4294967295;
    peer.keepalive_seconds = 65535;
    peer.update_only = true;
    peer.replace_allowed_ips = true;
    for (int i = 0; i < 50; ++i) {
        peer.allowed_ips.insert(
            prefix(("fd12:3456:789a:1111:2222:3333:4444:55" + std::to_string(10 + i) + "/128").c_str()));
    }
    change.peers.assign(20, peer);
    const std::string text = to_uapi(change);
    // Reserved once: a string that had grown would have doubled to more than this.
    EXPECT_LE(text.size(), text.capacity());
    EXPECT_EQ(text.capacity(), 256 + 20 * (512 + 50 * (sizeof("allowed_ip=") + 48)));
}

TEST(WgUapi, ReadsWhatWireguardGoWrites) {
    const auto device = parse_uapi_device(
        "private_key=" + kHexOnes + "\nlisten_port=51820\nfwmark=5\n" + kPeer +
        "preshared_key=" + std::string(64, '0') +
        "\nprotocol_version=1\nendpoint=[2001:db8::1]:4711\nlast_handshake_time_sec=1700000000\n"
        "last_handshake_time_nsec=250\ntx_bytes=1\nrx_bytes=18446744073709551615\n"
        "persistent_keepalive_interval=25\nallowed_ip=fd12::/48\nallowed_ip=10.0.0.1/32\npublic_key=" +
        kHexOnes + "\npreshared_key=" + kHexOnes +
        "\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\n" + kEnd);
    ASSERT_TRUE(device) << device.error().text();
    Device expected;
    expected.public_key = PrivateKey{test::secret_bytes(0x11)}.public_key();
    expected.listen_port = 51820;
    expected.fwmark = 5;
    Peer& peer = expected.peers[PublicKey{test::secret_bytes(0x22)}];
    peer.endpoint = endpoint("[2001:db8::1]:4711");
    peer.last_handshake += std::chrono::seconds{1700000000} + std::chrono::nanoseconds{250};
    peer.tx_bytes = 1;
    peer.rx_bytes = ~std::uint64_t{0};
    peer.keepalive_seconds = 25;
    peer.allowed_ips = {prefix("fd12::/48"), test::numbered_v4(1)};
    expected.peers[PublicKey{test::secret_bytes(0x11)}].has_preshared_key = true;
    EXPECT_EQ(*device, expected);
}

TEST(WgUapi, AnEmptyDevice) {
    EXPECT_EQ(*parse_uapi_device(kEnd), Device{});
    EXPECT_EQ(*parse_uapi_device("private_key=" + std::string(64, '0') + "\n" + kEnd), Device{});
}

TEST(WgUapi, HandshakeTimesInEitherOrder) {
    const auto device =
        parse_uapi_device(kPeer + "last_handshake_time_nsec=7\nlast_handshake_time_sec=3\n" + kEnd);
    ASSERT_TRUE(device);
    EXPECT_EQ(device->peers.begin()->second.last_handshake.time_since_epoch(),
              std::chrono::nanoseconds{3'000'000'007});
}

TEST(WgUapi, ScopesAreUnderstood) {
    const auto scope = [](const std::string& text) {
        return parse_uapi_device(kPeer + "endpoint=" + text + "\n" + kEnd)
            ->peers.begin()
            ->second.endpoint->scope_id;
    };
    EXPECT_EQ(scope("[fe80::1%7]:1"), 7U);
    EXPECT_EQ(scope("[fe80::1%eth0]:1"), 0U);
    EXPECT_EQ(scope("[fe80::1]:1"), 0U);
}

TEST(WgUapi, UnknownKeysAreSkipped) {
    EXPECT_TRUE(parse_uapi_device("shiny=new\n" + kPeer + "shinier=\nx==\n" + kEnd));
}

TEST(WgUapi, ValuesWithoutSenseAreRefused) {
    for (const char* line : {
             "listen_port=65536",
             "listen_port=-1",
             "listen_port=",
             "listen_port=1 ",
             "fwmark=0x1",
             "fwmark=4294967296",
             "endpoint=example.org:1",
             "endpoint=1.2.3.4",
             "endpoint=[fe80::1%3:1",
             "endpoint=%]1.2.3.4:1",
             "endpoint=]%1.2.3.4:1",
             "persistent_keepalive_interval=65536",
             "allowed_ip=fd12::",
             "allowed_ip=fd12::/129",
             "allowed_ip=10.0.0.0/33",
             "allowed_ip=/8",
             "allowed_ip=10.0.0.0/",
             "last_handshake_time_sec=-1",
             "last_handshake_time_sec=9223372036854775807",
             "last_handshake_time_nsec=1000000000",
             "rx_bytes=18446744073709551616",
             "tx_bytes=x",
             "preshared_key=11",
             "no equals sign",
             "",
         }) {
        const auto device = parse_uapi_device(kPeer + line + "\n" + kEnd);
        ASSERT_FALSE(device) << line;
        EXPECT_THAT(device.error().text(), HasSubstr("line 2"));
    }
    EXPECT_FALSE(parse_uapi_device("public_key=" + std::string(63, '1') + "\n" + kEnd));
    EXPECT_FALSE(parse_uapi_device("public_key=" + std::string(64, 'g') + "\n" + kEnd));
    EXPECT_FALSE(parse_uapi_device("allowed_ip=fd12::/48\n" + kEnd));  // whose?
}

TEST(WgUapi, AnErrorNeverShowsAKey) {
    const auto device = parse_uapi_device("private_key=" + kHexOnes + "1\n" + kEnd);
    ASSERT_FALSE(device);
    EXPECT_THAT(device.error().text(), Not(HasSubstr("1111")));
    EXPECT_THAT(device.error().text(), HasSubstr("private_key"));
}

TEST(WgUapi, EveryTruncationIsRefused) {
    const std::string text = "private_key=" + kHexOnes + "\n" + kPeer +
                             "endpoint=192.0.2.1:4711\nallowed_ip=fd12::/48\n" + "errno=0\n";
    ASSERT_TRUE(parse_uapi_device(text));
    for (std::size_t size = 0; size < text.size(); ++size) {
        EXPECT_FALSE(parse_uapi_device(text.substr(0, size))) << size;
        EXPECT_FALSE(parse_uapi_status(text.substr(0, size))) << size;
    }
}

TEST(WgUapi, StatusIsTheErrnoOfTheDevice) {
    EXPECT_TRUE(parse_uapi_status("errno=0\n\n"));
    EXPECT_EQ(parse_uapi_status("errno=-22\n\n").error().code, std::errc::invalid_argument);
    EXPECT_EQ(parse_uapi_status("errno=98\n\n").error().code, std::errc::address_in_use);
    EXPECT_EQ(parse_uapi_device("errno=-19\n\n").error().code, std::errc::no_such_device);
    for (const char* text : {"", "\n", "errno=\n\n", "errno=x\n\n", "errno=-2147483648\n\n", "errno=0"}) {
        EXPECT_EQ(parse_uapi_status(text).error().code, std::errc::bad_message) << text;
    }
}

TEST(WgUapi, TenThousandPeersAndAHundredThousandAddresses) {
    std::string text;
    for (unsigned i = 0; i < 10000; ++i) {
        text += "public_key=" + hex(static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)) + "\n";
        for (unsigned n = 0; n < 10; ++n)
            text += "allowed_ip=" + net::to_string(test::numbered_prefix(10 * i + n)) + "\n";
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto device = parse_uapi_device(text + kEnd);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{60});
    ASSERT_TRUE(device);
    EXPECT_EQ(device->peers.size(), 10000U);
}

}  // namespace
}  // namespace ulagate::wg::uapi_test
