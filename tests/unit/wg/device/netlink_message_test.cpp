// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/netlink_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/wg/device/netlink_support.h"
#include "tests/unit/wg/test_support.h"
#include "wg/device/link_message.h"

namespace ulagate::wg::netlink_message_test {
namespace {

using test::key;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::uint16_t kFamily = 0x1c;

// Numbers in netlink are in the machine's order; the bytes below are those of a little-endian one.
bool little_endian() {
    const std::uint16_t one = 1;
    return *reinterpret_cast<const std::uint8_t*>(&one) == 1;
}

TEST(WgNetlinkMessage, GetDeviceByHand) {
    if (!little_endian()) GTEST_SKIP() << "the bytes were written for a little-endian machine";
    EXPECT_EQ(encode_get_device(kFamily, "wg0"), test::bytes("1c000000"  // length 28
                                                             "1c00"      // type: the family
                                                             "0103"      // REQUEST | DUMP
                                                             "00000000"  // sequence: the socket's business
                                                             "00000000"  // port: the kernel's
                                                             "00010000"  // GET_DEVICE, version 1
                                                             "08000200"  // 8 bytes of IFNAME
                                                             "77673000"));
}

TEST(WgNetlinkMessage, GetFamilyByHand) {
    if (!little_endian()) GTEST_SKIP() << "the bytes were written for a little-endian machine";
    EXPECT_EQ(encode_get_family("wireguard"), test::bytes("24000000"
                                                          "1000"  // GENL_ID_CTRL
                                                          "0500"  // REQUEST | ACK
                                                          "00000000"
                                                          "00000000"
                                                          "03010000"  // GETFAMILY
                                                          "0e000200"  // 14 bytes of FAMILY_NAME, then padding
                                                          "77697265677561726400"
                                                          "0000"));
}

TEST(WgNetlinkMessage, SetDeviceByHand) {
    if (!little_endian()) GTEST_SKIP() << "the bytes were written for a little-endian machine";
    DeviceChange change;
    change.private_key = PrivateKey{test::secret_bytes(0xaa)};
    change.listen_port = 51820;
    PeerChange peer;
    peer.key = PublicKey{test::secret_bytes(0xbb)};
    peer.update_only = true;
    peer.replace_allowed_ips = true;
    peer.preshared_key = PresharedKey{test::secret_bytes(0xcc)};
    peer.endpoint = endpoint("[2001:db8::1]:51820");
    peer.endpoint->scope_id = 3;
    peer.keepalive_seconds = 25;
    peer.allowed_ips = {prefix("fd12::/48"), test::numbered_v4(1)};
    change.peers.push_back(peer);
    PeerChange other;
    other.key = PublicKey{test::secret_bytes(0xdd)};
    other.endpoint = endpoint("192.0.2.1:1");
    change.peers.push_back(other);
    PeerChange removal;
    removal.key = PublicKey{test::secret_bytes(0xee)};
    removal.remove = true;
    change.peers.push_back(removal);
    EXPECT_THAT(
        encode_set_device(kFamily, "wg0", change),
        ::testing::ElementsAre(test::bytes("7c010000"  // length 380
                                           "1c00"
                                           "0500"  // REQUEST | ACK
                                           "00000000"
                                           "00000000"
                                           "01010000"          // SET_DEVICE
                                           "0800020077673000"  // IFNAME
                                           "24000300" +
                                           test::repeat("aa", 32) +  // PRIVATE_KEY
                                           "060006006cca0000"        // LISTEN_PORT
                                           "34010880"                // PEERS, nested, 308
                                           "c4000080"                // a peer, nested, 196
                                           "24000100" +
                                           test::repeat("bb", 32) +  // PUBLIC_KEY
                                           "0800030006000000"        // UPDATE_ONLY | REPLACE
                                           "24000200" +
                                           test::repeat("cc", 32) +  // PRESHARED_KEY
                                           "20000400"                // ENDPOINT: sockaddr_in6
                                           "0a00ca6c00000000"
                                           "20010db8000000000000000000000001"
                                           "03000000"
                                           "0600050019000000"  // KEEPALIVE
                                           "48000980"          // ALLOWEDIPS, nested, 72
                                           "1c000080"
                                           "0600010002000000"  // AF_INET
                                           "080002000a000001"
                                           "0500030020000000"
                                           "28000080"
                                           "060001000a000000"  // AF_INET6
                                           "14000200fd120000000000000000000000000000"
                                           "0500030030000000"
                                           "3c000080"  // the second peer, 60
                                           "24000100" +
                                           test::repeat("dd", 32) +
                                           "14000400"  // ENDPOINT: sockaddr_in
                                           "02000001c00002010000000000000000"
                                           "30000080"  // the third one, 48
                                           "24000100" +
                                           test::repeat("ee", 32) + "0800030001000000")));  // REMOVE_ME
}

TEST(WgNetlinkMessage, NothingToSay) { EXPECT_THAT(encode_set_device(kFamily, "wg0", {}), SizeIs(0)); }

// The shapes of WireGuard's own netns.sh, and our largest relay.
DeviceChange shape(unsigned peers, unsigned addresses, unsigned last = 0) {
    DeviceChange change;
    change.private_key = PrivateKey{test::secret_bytes(1)};
    change.listen_port = 51820;
    unsigned number = 0;
    for (unsigned i = 0; i < peers; ++i) {
        PeerChange peer;
        peer.key = key(i);
        peer.replace_allowed_ips = i % 2 == 0;
        peer.update_only = i % 3 == 0;
        peer.keepalive_seconds = 25;
        peer.endpoint = endpoint("[2001:db8::1]:51820");
        peer.preshared_key = PresharedKey{test::secret_bytes(2)};
        const unsigned count = i + 1 == peers && last != 0 ? last : addresses;
        for (unsigned n = 0; n < count; ++n, ++number) {
            peer.allowed_ips.insert(number % 4 == 0 ? test::numbered_v4(number)
                                                    : test::numbered_prefix(number));
        }
        change.peers.push_back(std::move(peer));
    }
    PeerChange removal;
    removal.key = key(65535);
    removal.remove = true;
    change.peers.push_back(removal);
    return change;
}

void expect_same(const DeviceChange& change, std::size_t max_bytes) {
    const auto messages = encode_set_device(kFamily, "a-long-name-015", change, max_bytes);
    for (const auto& message : messages) ASSERT_LE(message.size(), std::max<std::size_t>(max_bytes, 512));
    const test::DecodedSet decoded = test::decode_set(messages, kFamily, "a-long-name-015");
    ASSERT_EQ(decoded.error, "");
    EXPECT_EQ(decoded.change.private_key, change.private_key);
    EXPECT_EQ(decoded.change.listen_port, change.listen_port);
    ASSERT_EQ(decoded.change.peers.size(), change.peers.size());
    for (std::size_t i = 0; i < change.peers.size(); ++i)
        ASSERT_EQ(decoded.change.peers[i], change.peers[i]) << i;
}

TEST(WgNetlinkMessage, FragmentsSayTheSameAsTheWhole) {
    for (const std::size_t max_bytes : {0UL, 512UL, 1000UL, 4096UL, kMaxSetBytes, 1UL << 20U}) {
        SCOPED_TRACE(max_bytes);
        expect_same(shape(1, 2), max_bytes);
        expect_same(shape(40, 52), max_bytes);
        expect_same(shape(30, 0, 1), max_bytes);
        expect_same(shape(2, 1, 197), max_bytes);
    }
    for (std::size_t max_bytes = 512; max_bytes < 900; ++max_bytes) expect_same(shape(5, 7), max_bytes);
}

TEST(WgNetlinkMessage, OnePeerWithAHundredThousandAddresses) { expect_same(shape(1, 130560), kMaxSetBytes); }
TEST(WgNetlinkMessage, TenThousandPeers) { expect_same(shape(10000, 3), kMaxSetBytes); }

TEST(WgNetlinkMessage, DeviceAloneNeedsNoPeers) {
    DeviceChange change;
    change.listen_port = 1;
    expect_same(change, kMaxSetBytes);
}

// What stays of a device when it is dumped: everything but the time of our test.
TEST(WgDump, MergesWhatTheKernelSplits) {
    std::mt19937 random{7};
    for (int round = 0; round < 200; ++round) {
        Device device = test::apply_to_model({}, diff(test::random_config(random), {}));
        device.listen_port = 51820;
        device.fwmark = 77;
        for (auto& [k, peer] : device.peers) {
            peer.rx_bytes = random();
            peer.tx_bytes = random();
            peer.last_handshake += std::chrono::seconds{random()} + std::chrono::nanoseconds{random() % 1000};
        }
        for (const std::size_t per_message : {1UL, 2UL, 5UL, 1000UL}) {
            DumpMerger merger;
            for (const auto& message : test::encode_dump(device, per_message)) {
                const auto added = merger.add(message);
                ASSERT_TRUE(added) << added.error().text();
            }
            ASSERT_EQ(std::move(merger).take(), device) << "round " << round << ", " << per_message;
        }
    }
}

TEST(WgDump, ManyPeersAndAddressesInLinearTime) {
    Device device;
    device.public_key = key(1);
    for (unsigned i = 0; i < 10000; ++i) {
        device.peers[key(i)].allowed_ips = {test::numbered_prefix(2 * i), test::numbered_prefix(2 * i + 1)};
    }
    for (unsigned i = 0; i < 130560; ++i)
        device.peers[key(7)].allowed_ips.insert(test::numbered_prefix(100000 + i));
    const auto messages = test::encode_dump(device, 100);
    const auto begin = std::chrono::steady_clock::now();
    DumpMerger merger;
    for (const auto& message : messages) ASSERT_TRUE(merger.add(message));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{60});
    EXPECT_EQ(std::move(merger).take(), device);
}

TEST(WgDump, NoKeyNoEndpointNoHandshake) {
    DumpMerger merger;
    Device device;
    device.peers[key(1)] = {};
    for (const auto& message : test::encode_dump(device, 10)) ASSERT_TRUE(merger.add(message));
    EXPECT_EQ(std::move(merger).take(), device);
    EXPECT_EQ(device.peers[key(1)].last_handshake.time_since_epoch().count(), 0);
}

Device small_device() {
    Device device;
    device.public_key = key(1);
    device.peers[key(2)].endpoint = endpoint("192.0.2.1:4711");
    device.peers[key(2)].allowed_ips = {prefix("fd12::/48"), test::numbered_v4(1)};
    device.peers[key(3)].endpoint = endpoint("[fe80::1]:4711");
    device.peers[key(3)].endpoint->scope_id = 3;
    return device;
}

TEST(WgDump, EveryTruncationIsRefused) {
    const auto message = test::encode_dump(small_device(), 100).at(0);
    for (std::size_t size = 0; size < message.size(); ++size) {
        EXPECT_FALSE(DumpMerger{}.add(std::span{message}.first(size))) << size;
        // The same with a header that admits the shorter length: no crash, and what is read is well formed.
        std::vector<std::byte> shorter{message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size)};
        test::set_length(shorter);
        DumpMerger merger;
        const bool accepted = merger.add(shorter).has_value();
        EXPECT_LE(std::move(merger).take().peers.size(), accepted ? 0U : 2U) << size;
    }
}

TEST(WgDump, EveryDamagedByteIsSafe) {
    const auto message = test::encode_dump(small_device(), 100).at(0);
    for (std::size_t i = 0; i < message.size(); ++i) {
        for (const unsigned value : {0x00U, 0x01U, 0x7fU, 0x80U, 0xffU}) {
            auto damaged = message;
            damaged[i] = static_cast<std::byte>(value);
            (void)DumpMerger{}.add(damaged).has_value();
        }
    }
}

TEST(WgDump, SaysWhatIsWrong) {
    using test::attribute;
    const auto reason = [](const std::string& body) {
        const auto added = DumpMerger{}.add(test::dump_message(body));
        return added ? std::string{"accepted"} : added.error().text();
    };
    const auto peer = [&](const std::string& body) {
        return attribute(8, attribute(0, attribute(1, test::raw(key(5).bytes)) + body));
    };
    const std::string key_text = to_string(key(5)).substr(0, 8);
    EXPECT_EQ(reason(""), "accepted");
    EXPECT_EQ(reason(attribute(99, "future") + peer(attribute(77, "future"))), "accepted");
    EXPECT_THAT(reason(attribute(4, "short")), HasSubstr("public key"));
    EXPECT_THAT(reason(attribute(6, "x")), HasSubstr("listen port"));
    EXPECT_THAT(reason(attribute(7, "x")), HasSubstr("fwmark"));
    EXPECT_THAT(reason(std::string("\x03\0\x01\0", 4)), HasSubstr("device attribute"));
    EXPECT_THAT(reason("abc"), HasSubstr("device attribute"));
    EXPECT_THAT(reason(attribute(8, "ab")), HasSubstr("a peer that does not fit"));
    EXPECT_THAT(reason(attribute(8, attribute(0, ""))), HasSubstr("without a key"));
    EXPECT_THAT(reason(attribute(8, attribute(0, attribute(1, "short")))), HasSubstr("peer key"));
    EXPECT_THAT(reason(peer("ab")), HasSubstr("peer attribute"));
    const std::pair<std::uint16_t, const char*> attributes[] = {
        {2, "preshared key"},  {4, "endpoint"},   {5, "keepalive"},         {6, "handshake time"},
        {7, "received bytes"}, {8, "sent bytes"}, {9, "allowed addresses"},
    };
    for (const auto& [type, name] : attributes) {
        EXPECT_THAT(reason(peer(attribute(type, "???"))), HasSubstr(name));
        EXPECT_THAT(reason(peer(attribute(type, "???"))), HasSubstr(key_text));
    }
    EXPECT_THAT(reason(peer(attribute(4, std::string(16, '\x7f')))), HasSubstr("endpoint"));
    EXPECT_THAT(reason(peer(attribute(6, std::string(16, '\xff')))), HasSubstr("handshake time"));
    const auto allowed = [&](const std::string& body) {
        return reason(peer(attribute(9, attribute(0, body))));
    };
    const std::string v4("\x02\0", 2);
    const std::string v6("\x0a\0", 2);
    EXPECT_EQ(allowed(attribute(1, v4) + attribute(2, "1234") + attribute(3, " ")), "accepted");
    EXPECT_THAT(allowed(attribute(1, v4) + attribute(2, "1234") + attribute(3, "!")), HasSubstr("allowed"));
    EXPECT_THAT(allowed(attribute(1, v6) + attribute(2, "1234") + attribute(3, " ")), HasSubstr("allowed"));
    EXPECT_THAT(allowed(attribute(2, "1234") + attribute(3, " ")), HasSubstr("allowed"));
    EXPECT_THAT(allowed(attribute(1, v4) + attribute(3, " ")), HasSubstr("allowed"));
    EXPECT_THAT(allowed(attribute(1, v4) + attribute(2, "1234")), HasSubstr("allowed"));
    EXPECT_THAT(allowed(attribute(1, "x") + attribute(2, "1234") + attribute(3, " ")), HasSubstr("allowed"));
}

TEST(WgFamily, ReadsTheNumber) {
    EXPECT_EQ(parse_family(test::dump_message(test::attribute(2, "wireguard") +
                                              test::attribute(1, std::string("\x1c\0", 2))))
                  .value(),
              0x1c);
    EXPECT_FALSE(parse_family(test::dump_message(test::attribute(2, "wireguard"))));
    EXPECT_FALSE(parse_family({}));
}

TEST(WgLink, CreateByHand) {
    if (!little_endian()) GTEST_SKIP() << "the bytes were written for a little-endian machine";
    EXPECT_EQ(encode_create_wireguard_link("wg0"), test::bytes("3c000000"
                                                               "1000"  // RTM_NEWLINK
                                                               "0506"  // REQUEST | ACK | CREATE | EXCL
                                                               "00000000"
                                                               "00000000" +
                                                               test::repeat("00", 16) +
                                                               "0800030077673000"  // IFNAME
                                                               "14001280"          // LINKINFO, nested
                                                               "0e000100"          // KIND
                                                               "77697265677561726400"
                                                               "0000"));
}

TEST(WgLink, ReadsIndexAndKind) {
    const std::string header("\0\0\x01\0\x07\0\0\0\0\0\0\0\0\0\0\0", 16);
    const auto link = [&](const std::string& body) {
        return parse_link(test::netlink_message(16, header + body));
    };
    const auto kind = test::attribute(1, std::string("tun\0", 4));
    EXPECT_EQ(link(test::attribute(18, kind)).value(), (Link{7, "tun"}));
    EXPECT_EQ(link(test::attribute(18, test::attribute(1, "tun"))).value(), (Link{7, "tun"}));
    EXPECT_EQ(link(test::attribute(3, "eth0")).value(), (Link{7, ""}));
    EXPECT_FALSE(link("abc"));
    EXPECT_FALSE(link(test::attribute(18, "abc")));
    EXPECT_FALSE(parse_link({}));
}

TEST(WgLink, NamesThatAreSafe) {
    for (const char* name : {"wg0", "u-relay1", "a", "123456789012345", "wg.1"})
        EXPECT_TRUE(check_interface_name(name)) << name;
    for (const char* name : {"", "1234567890123456", "a/b", "..", ".", "a b", "wg%d", "a:b", "a\n", "ü"}) {
        EXPECT_FALSE(check_interface_name(name)) << name;
    }
}

}  // namespace
}  // namespace ulagate::wg::netlink_message_test
