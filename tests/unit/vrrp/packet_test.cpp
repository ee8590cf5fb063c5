// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/packet.h"

#include <gmock/gmock.h>

#include <set>
#include <string>

#include "tests/unit/vrrp/bytes.h"
#include "vrrp/checksum.h"

namespace ulagate::vrrp::packet_test {
namespace {

const PacketInfo kFromOther{kOther, kAllVrrpRouters, 255};

// From fe80::2 to ff02::12: virtual router 51, priority 200, 100 ms, fe80::5eed. The checksum is written by
// hand: fe80+2 + ff02+12 + 18 (length) + 70 (protocol) + 3133+c801+000a + fe80+5eed, folded and inverted.
const Bytes kGolden = hex("31 33 c8 01 | 00 0a ab 32 | fe 80 00 00 00 00 00 00 00 00 00 00 00 00 5e ed");
const Advertisement kGoldenValue{51, 200, Centiseconds{10}, {kVip}};

std::string why(const Bytes& packet, const PacketInfo& info = kFromOther) {
    const auto parsed = parse(packet, info);
    return parsed ? "accepted" : std::string{to_string(parsed.error())};
}

// The packet with one byte changed and the checksum made right again, so that only the change is refused.
Bytes with(std::size_t offset, std::uint8_t value, Bytes packet = kGolden) {
    packet.at(offset) = std::byte{value};
    packet.at(6) = packet.at(7) = std::byte{0};
    const std::uint16_t sum = checksum(kOther, kAllVrrpRouters, kProtocol, packet);
    packet.at(6) = static_cast<std::byte>(sum >> 8U);
    packet.at(7) = static_cast<std::byte>(sum);
    return packet;
}

TEST(VrrpChecksum, IsThatOfRfc1071) {
    // Its example: 0001 f203 f4f5 f6f7 sums to ddf2.
    const net::Ipv6Address none;
    const Bytes words = hex("00 01 f2 03 f4 f5 f6 f7");
    EXPECT_EQ(checksum(none, none, 0, words), static_cast<std::uint16_t>(~(0xddf2U + 8U)));
    EXPECT_EQ(checksum(none, none, 0, hex("ab")), static_cast<std::uint16_t>(~(0xab00U + 1U)));
}

TEST(VrrpPacket, V01_GoldenBytesOfRfc9568Section51) {
    EXPECT_EQ(build(kGoldenValue, kOther), kGolden);
    EXPECT_EQ(parse(kGolden, kFromOther).value(), kGoldenValue);
}

TEST(VrrpPacket, V01_OnlyALinkLocalSourceAndTheVrrpGroup) {
    for (const char* source : {"fd12::2", "2001:db8::2", "::", "ff02::12"}) {
        const PacketInfo info{address(source), kAllVrrpRouters, 255};
        EXPECT_EQ(why(build(kGoldenValue, info.source), info), "source is not a link-local address")
            << source;
    }
    for (const char* destination : {"ff02::1", "fe80::1"}) {
        const PacketInfo info{kOther, address(destination), 255};
        EXPECT_EQ(why(build(kGoldenValue, kOther, info.destination), info), "destination is not ff02::12");
    }
}

TEST(VrrpPacket, V02_RefusesWhatARouterHasForwarded) {
    for (const int hop_limit : {254, 64, 1, 0, -1, 256}) {
        EXPECT_EQ(why(kGolden, {kOther, kAllVrrpRouters, hop_limit}),
                  "hop limit is not 255: the sender is not on this link");
    }
}

TEST(VrrpPacket, V03_RefusesOtherVersionsAndTypes) {
    EXPECT_EQ(why(with(0, 0x21)), "version is not 3");
    EXPECT_EQ(why(with(0, 0x41)), "version is not 3");
    EXPECT_EQ(why(with(0, 0x30)), "not an advertisement");
    EXPECT_EQ(why(with(0, 0x32)), "not an advertisement");
    EXPECT_EQ(why(with(0, 0x31)), "accepted");
}

TEST(VrrpPacket, V04_RefusesEveryTruncation) {
    for (std::size_t n = 0; n < kGolden.size(); ++n) {
        EXPECT_EQ(why({kGolden.begin(), kGolden.begin() + static_cast<int>(n)}),
                  n < 8 ? "shorter than its header" : "length does not match the number of addresses");
    }
}

TEST(VrrpPacket, V04_RefusesMoreThanTheCountSays) {
    Bytes longer = kGolden;
    longer.resize(longer.size() + 16);
    EXPECT_EQ(why(with(0, 0x31, longer)), "length does not match the number of addresses");
    EXPECT_EQ(why(with(3, 2, longer)), "accepted");
    EXPECT_EQ(why(with(3, 3, longer)), "length does not match the number of addresses");
}

TEST(VrrpPacket, V05_RefusesNoAddress) {
    EXPECT_EQ(why(with(3, 0)), "carries no address");
    EXPECT_EQ(why(build({51, 200, Centiseconds{10}, {}}, kOther)), "carries no address");
}

TEST(VrrpPacket, V06_EveryByteAndBothAddressesAreInTheChecksum) {
    // One byte that no other check looks at: the priority.
    Bytes packet = kGolden;
    packet.at(2) ^= std::byte{1};
    EXPECT_EQ(why(packet), "wrong checksum");
    packet = kGolden;
    packet.back() ^= std::byte{1};
    EXPECT_EQ(why(packet), "wrong checksum");
    EXPECT_EQ(why(kGolden, {address("fe80::3"), kAllVrrpRouters, 255}), "wrong checksum");
    // What an IPv4 router computes, without the pseudo-header, is wrong here.
    packet = kGolden;
    packet.at(6) = packet.at(7) = std::byte{0};
    EXPECT_EQ(why(packet), "wrong checksum");
}

TEST(VrrpPacket, V08_RefusesTheIntervalZero) {
    EXPECT_EQ(why(with(5, 0)), "interval is 0: every backup would take over at once");
    Bytes reserved_only = with(4, 0xf0);
    EXPECT_EQ(why(with(5, 0, reserved_only)), "interval is 0: every backup would take over at once");
}

TEST(VrrpPacket, V09_ReservedBitsAreSentAsZeroAndIgnored) {
    EXPECT_EQ(parse(with(4, 0xf0), kFromOther).value(), kGoldenValue);
    for (const int interval : {1, 10, 4095}) {
        const auto packet = build({51, 200, Centiseconds{interval}, {kVip}}, kOther);
        EXPECT_EQ(packet.at(4) & std::byte{0xf0}, std::byte{0});
    }
}

TEST(VrrpPacket, V10_IntervalsFrom1To4095Centiseconds) {
    EXPECT_EQ(Advertisement{}.interval, Centiseconds{100});
    for (const int interval : {1, 255, 256, 100, 4095}) {
        const Advertisement sent{51, 200, Centiseconds{interval}, {kVip}};
        const auto packet = build(sent, kOther);
        EXPECT_EQ(packet.at(4), static_cast<std::byte>(interval / 256));
        EXPECT_EQ(packet.at(5), static_cast<std::byte>(interval % 256));
        EXPECT_EQ(parse(packet, kFromOther).value(), sent);
    }
    // No wire format can carry others.
    EXPECT_EQ(parse(build({51, 200, Centiseconds{0}, {kVip}}, kOther), kFromOther)->interval, kMinInterval);
    EXPECT_EQ(parse(build({51, 200, Centiseconds{4096}, {kVip}}, kOther), kFromOther)->interval,
              kMaxInterval);
}

TEST(VrrpPacket, V11_TheFirstAddressIsLinkLocalTheOthersAsTheyLike) {
    const net::Ipv6Address global = address("fd12:3456:789a:a::1");
    EXPECT_EQ(why(build({51, 200, Centiseconds{10}, {kVip, global}}, kOther)), "accepted");
    EXPECT_EQ(why(build({51, 200, Centiseconds{10}, {global, kVip}}, kOther)),
              "first address is not link-local");
}

// V-13: whatever other addresses it lists, the packet is good.
TEST(VrrpPacket, V13_UpTo255AddressesComeBackInTheirOrder) {
    Advertisement sent{51, 200, Centiseconds{10}, {}};
    for (unsigned n = 0; n < 255; ++n) {
        sent.addresses.push_back(kVip);
        sent.addresses.back().bytes.at(8) = static_cast<std::uint8_t>(n);
    }
    EXPECT_EQ(parse(build(sent, kOther), kFromOther).value(), sent);
    Advertisement more = sent;
    more.addresses.push_back(kVip);
    EXPECT_EQ(parse(build(more, kOther), kFromOther).value(), sent);
}

TEST(VrrpPacket, V14_EachRefusalHasASentenceAndACounter) {
    RefusalCounters counters;
    std::set<std::string_view> sentences;
    for (std::size_t i = 0; i < kRefusals; ++i) {
        const auto refusal = static_cast<Refusal>(i);
        EXPECT_FALSE(to_string(refusal).empty());
        sentences.insert(to_string(refusal));
        EXPECT_EQ(counters.of(refusal), 0U);
        counters.count(refusal);
        EXPECT_EQ(counters.of(refusal), 1U);
        EXPECT_EQ(counters.total(), i + 1);
    }
    EXPECT_EQ(sentences.size(), kRefusals);
    EXPECT_EQ(static_cast<std::size_t>(Refusal::own_source) + 1, kRefusals);
}

TEST(VrrpPacket, V15_EveryPriorityHasItsByte) {
    for (unsigned priority = 0; priority <= 255; ++priority) {
        const Advertisement sent{1, static_cast<std::uint8_t>(priority), Centiseconds{100}, {kVip}};
        EXPECT_EQ(parse(build(sent, kOther), kFromOther).value(), sent);
    }
}

}  // namespace
}  // namespace ulagate::vrrp::packet_test
