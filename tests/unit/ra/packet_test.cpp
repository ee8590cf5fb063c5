// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/text_values.h"

namespace ulagate::ra::packet_test {
namespace {

Bytes bytes(std::initializer_list<unsigned> values) {
    Bytes out;
    for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}

// A solicitation from fe80::2 (02:00:00:00:00:02) to ff02::2, as a Linux host sends it.
Bytes solicitation() {
    return bytes({0x60, 0,    0,    0,    0, 16, 58, 255,                          //
                  0xfe, 0x80, 0,    0,    0, 0,  0,  0,   0, 0, 0, 0, 0, 0, 0, 2,  // source
                  0xff, 0x02, 0,    0,    0, 0,  0,  0,   0, 0, 0, 0, 0, 0, 0, 2,  // destination
                  133,  0,    0x7a, 0x2a, 0, 0,  0,  0,   1, 1, 2, 0, 0, 0, 0, 2});
}

TEST(RaPacket, R02_FindsTheMessageBehindTheHeader) {
    const Bytes packet = solicitation();
    const auto found = unwrap(packet);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->info.source, address("fe80::2"));
    EXPECT_EQ(found->info.destination, address("ff02::2"));
    EXPECT_EQ(found->info.hop_limit, 255);
    EXPECT_EQ(found->message.size(), 16U);
    const RouterSolicitation expected{net::MacAddress{{2, 0, 0, 0, 0, 2}}};
    EXPECT_EQ(parse_router_solicitation(found->message, found->info).value(), expected);
}

TEST(RaPacket, R01_TellsTheHopLimitAsItIs) {
    Bytes packet = solicitation();
    packet.at(7) = std::byte{64};  // not part of the checksum
    ASSERT_TRUE(unwrap(packet));
    EXPECT_EQ(unwrap(packet)->info.hop_limit, 64);
}

TEST(RaPacket, R02_NoBitMayBeWrongButThoseOfClassAndFlowAndHopLimit) {
    for (std::size_t i = 0; i < solicitation().size(); ++i) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            Bytes packet = solicitation();
            packet.at(i) ^= static_cast<std::byte>(1U << bit);
            const bool covered = !((i == 0 && bit < 4) || (i >= 1 && i <= 3) || i == 7);
            EXPECT_EQ(unwrap(packet).has_value(), !covered) << "byte " << i << ", bit " << bit;
        }
    }
}

TEST(RaPacket, RefusesWhatIsCut) {
    const Bytes packet = solicitation();
    for (std::size_t size = 0; size < packet.size(); ++size)
        EXPECT_FALSE(unwrap(std::span{packet}.first(size))) << size;
}

TEST(RaPacket, CutsOffWhatTheLinkHasPadded) {
    Bytes packet = solicitation();
    packet.insert(packet.end(), 6, std::byte{0xee});
    ASSERT_TRUE(unwrap(packet));
    EXPECT_EQ(unwrap(packet)->message.size(), 16U);
}

TEST(RaPacket, R08_WrapsOneMessageForManyHosts) {
    RouterAdvertisement advertisement;
    advertisement.options.emplace_back(
        RouteInformation{net::parse_ipv6_prefix("fd12:3456:789a::/48").value()});
    const Bytes message = build(advertisement);
    const Wrapper wrapper{address("fe80::5eed"), message};
    for (const char* host : {"fe80::2", "fe80::ffff:ffff:ffff:ffff", "fe80::", "fd12:3456:789a:a::1"}) {
        const Bytes packet = wrapper.to(address(host));
        const auto found = unwrap(packet);
        ASSERT_TRUE(found) << host;
        EXPECT_EQ(found->info.source, address("fe80::5eed"));
        EXPECT_EQ(found->info.destination, address(host));
        EXPECT_EQ(found->info.hop_limit, 255);
        EXPECT_EQ(parse_router_advertisement(found->message, found->info).value(), advertisement);
    }
}

TEST(RaPacket, WrapsWhatWasHeardToTheSameBytes) {
    const Bytes packet = solicitation();
    Bytes message{packet.begin() + 40, packet.end()};
    message.at(2) = message.at(3) = std::byte{0};
    EXPECT_EQ(Wrapper(address("fe80::2"), message).to(address("ff02::2")), packet);
}

TEST(RaPacket, ALengthThatIsOddHasARightChecksumToo) {
    Bytes message(9, std::byte{0xab});
    message.at(2) = message.at(3) = std::byte{0};
    EXPECT_TRUE(unwrap(Wrapper(address("fe80::2"), message).to(address("ff02::2"))));
}

}  // namespace
}  // namespace ulagate::ra::packet_test
