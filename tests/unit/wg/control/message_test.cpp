// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/text_values.h"

namespace ulagate::wg::control::control_message_test {
namespace {

using namespace std::chrono_literals;

std::string why(const std::vector<std::byte>& datagram) {
    const auto packet = parse(datagram);
    return packet ? "accepted" : packet.error().context;
}

bool unsupported(const std::vector<std::byte>& datagram) {
    const auto packet = parse(datagram);
    return !packet && packet.error().code == std::errc::protocol_not_supported;
}

const About kAbout{1, 0x80000001, UnixTime{1'700'000'000'123ms}};
const Owner kOwner{prefix("fd12:3456:789a:a::/64"), address("fd99::a1"), 7, 200};
const Owner kNobody{prefix("fd12:3456:789a:b::/64"), std::nullopt, 0, 0};

const Sites kSites{prefix("fd12:3456:789a::/48"),
                   0x0102030405060708,
                   0x0102030405060709,
                   1,
                   2,
                   {prefix("fd12:3456:789a:8000::/52"), prefix("fd12:3456:789a:a::/64"),
                    prefix("fd12:3456:789a:b::/64"), prefix("fd12:3456:789a:1000::/64")},
                   {prefix("fd12:3456:789a:ffff::/64")},
                   {prefix("fd12:3456:789a:c::/64")}};

// One of each type, every field in use.
const std::vector<Message> kEvery{
    Hello{kAbout},
    HelloAck{kAbout, {kOwner, kNobody}},
    Claim{{prefix("fd12:3456:789a:a::/64"), prefix("fd12::/16")}, 0xfedcba9876543210, 255},
    ClaimAck{0xfffffffe, {kOwner, kNobody}},
    ClaimAck{std::nullopt, {kNobody}},
    Release{{prefix("fd12:3456:789a:a::/64")}, 6},
    Probe{0x0102030405060708},
    ProbeAck{1},
    Goodbye{},
    Hello{kAbout, 9},
    HelloAck{kAbout, {kOwner}, 10},
    ClaimAck{1, {kOwner}, 0xffffffffffffffff},
    ClaimAck{1, {kOwner}, 1, kCannotForward},
    Sites{prefix("fd12:3456:789a::/48"), 0, 1, 0, 1, {}, {}},
    kSites,
};

TEST(WgControlMessage, GoldenHello) {
    const auto bytes =
        hex("55 4c 47 43 | 01 01 00 25 | 00 00 00 2a"
            "00 01 00 01 01 | 00 02 00 04 80 00 00 01 | 00 03 00 08 00 00 01 8b cf e5 68 7b");
    EXPECT_EQ(build({42, Hello{kAbout}}), bytes);
    EXPECT_EQ(parse(bytes).value(), (Packet{42, Hello{kAbout}}));
}

TEST(WgControlMessage, GoldenClaim) {
    const auto bytes =
        hex("55 4c 47 43 | 01 03 00 32 | ff ff ff ff"
            "00 04 00 08 00 00 00 00 00 00 00 07 | 00 05 00 01 c8"
            "00 06 00 11 40 fd 12 34 56 78 9a 00 0a 00 00 00 00 00 00 00 00");
    const Packet packet{0xffffffff, Claim{{prefix("fd12:3456:789a:a::/64")}, 7, 200}};
    EXPECT_EQ(build(packet), bytes);
    EXPECT_EQ(parse(bytes).value(), packet);
}

TEST(WgControlMessage, GoldenClaimAck) {
    const auto bytes =
        hex("55 4c 47 43 | 01 04 00 42 | 00 00 00 01"
            "00 08 00 04 ff ff ff ff"
            "00 07 00 2a 40 fd 12 34 56 78 9a 00 0a 00 00 00 00 00 00 00 00"
            "            fd 99 00 00 00 00 00 00 00 00 00 00 00 00 00 a1"
            "            00 00 00 00 00 00 00 07 c8");
    const Packet packet{1, ClaimAck{0xffffffff, {kOwner}}};
    EXPECT_EQ(build(packet), bytes);
    EXPECT_EQ(parse(bytes).value(), packet);
}

TEST(WgControlMessage, GoldenProbeReleaseAndGoodbye) {
    EXPECT_EQ(build({2, Probe{258}}), hex("554c4743 01060018 00000002 0009 0008 0000000000000102"));
    EXPECT_EQ(build({2, ProbeAck{258}}), hex("554c4743 01070018 00000002 0009 0008 0000000000000102"));
    EXPECT_EQ(build({3, Release{{prefix("fd12::/16")}, 1}}),
              hex("554c4743 0105002d 00000003 0004 0008 0000000000000001"
                  "0006 0011 10 fd120000000000000000000000000000"));
    EXPECT_EQ(build({4, Goodbye{}}), hex("554c4743 0108000c 00000004"));
}

TEST(WgControlMessage, GoldenSites) {
    const auto bytes =
        hex("55 4c 47 43 | 01 09 00 5e | 00 00 00 05"
            "00 06 00 11 30 fd 12 34 56 78 9a 00 00 00 00 00 00 00 00 00 00"
            "00 0a 00 08 01 02 03 04 05 06 07 09 | 00 0b 00 08 01 02 03 04 05 06 07 08"
            "00 0c 00 04 0001 0002"
            "00 0d 00 02 34 08"           // /52: number 8
            "00 0d 00 05 40 0a 00 f4 1f"  // /64: 10, then 0 and 0xff4 = 0x74 | 0x1f << 7 further
            "00 0e 00 04 40 ff ff 03"     // /64: 0xffff
            "00 0f 00 02 40 0c");         // /64: 0xc
    EXPECT_EQ(build({5, kSites}), bytes);
    EXPECT_EQ(parse(bytes).value(), (Packet{5, kSites}));
}

// As the last of the lists of sites: what is wrong with it.
TEST(WgControlMessage, SitesThatNobodyWritesAreRefused) {
    const auto with = [](std::string_view lists) {
        auto bytes =
            hex("55 4c 47 43 | 01 09 00 00 | 00 00 00 05"
                "00 06 00 11 30 fd 12 34 56 78 9a 00 00 00 00 00 00 00 00 00 00"
                "00 0a 00 08 00 00 00 00 00 00 00 01 | 00 0c 00 04 0000 0001");
        const auto more = hex(lists);
        bytes.insert(bytes.end(), more.begin(), more.end());
        bytes.at(7) = static_cast<std::byte>(bytes.size());
        return bytes;
    };
    EXPECT_EQ(why(with("")), "accepted");
    EXPECT_EQ(why(with("000d 0003 40 ff ff")), "a number of a site is cut off");
    EXPECT_EQ(why(with("000d 0001 40")), "no site in a list of sites");
    EXPECT_EQ(why(with("000f 0001 40")), "no site in a list of sites");
    EXPECT_EQ(why(with("000d 0002 2f 00")), "a site has an impossible prefix length");
    EXPECT_EQ(why(with("000d 0002 41 00")), "a site has an impossible prefix length");
    EXPECT_EQ(why(with("000d 0004 40 80 80 04")), "a site outside the overlay");
    EXPECT_EQ(why(with("000d 0005 40 ff ff 03 00")), "a site outside the overlay") << "behind the last one";
    EXPECT_EQ(why(with("000d 0003 40 81 00")), "a number of a site is longer than it has to be");
    EXPECT_EQ(why(with("000d 000b 40 ff ff ff ff ff ff ff ff ff 02")), "a number of a site is too large");
    EXPECT_EQ(why(with("000d 0002 40 01 000d 0002 40 02")), "lists of sites are not in order");
    EXPECT_EQ(why(with("000a 0008 00 00 00 00 00 00 00 02")), "sites comes twice");
    EXPECT_EQ(why(with("000b 0008 00 00 00 00 00 00 00 00")),
              "sites-from: generation 0 of the list of sites");
    EXPECT_EQ(why(hex("55 4c 47 43 01 09 00 0c 00 00 00 05")), "prefix is missing");
}

TEST(WgControlMessage, EveryTypeGoesThereAndBack) {
    for (const Message& message : kEvery) {
        const Packet packet{12345, message};
        EXPECT_EQ(why(build(packet)), "accepted") << type_name(message);
        EXPECT_EQ(parse(build(packet)).value(), packet) << type_name(message);
    }
}

TEST(WgControlMessage, EveryTruncationIsRefused) {
    for (const Message& message : kEvery) {
        const auto whole = build({1, message});
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const std::vector<std::byte> cut{whole.begin(),
                                             whole.begin() + static_cast<std::ptrdiff_t>(size)};
            EXPECT_NE(why(cut), "accepted") << type_name(message) << " cut to " << size;
        }
        auto longer = whole;
        longer.push_back(std::byte{0});
        EXPECT_EQ(why(longer), "the length is not that of the datagram");
    }
}

// Also when the header is made to agree: what is accepted then has fewer owners or prefixes, never half ones.
TEST(WgControlMessage, ACutInsideATlvIsRefusedWhateverTheHeaderSays) {
    for (const Message& message : kEvery) {
        const auto whole = build({1, message});
        for (std::size_t size = 12; size < whole.size(); ++size) {
            std::vector<std::byte> cut{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
            cut.at(6) = static_cast<std::byte>(size >> 8U);
            cut.at(7) = static_cast<std::byte>(size & 0xffU);
            const auto packet = parse(cut);
            if (packet) {
                EXPECT_EQ(build(*packet).size(), size) << type_name(message);
            }
        }
    }
}

TEST(WgControlMessage, UnknownTlvsArePassedOver) {
    const auto packet =
        parse(hex("554c4743 01060021 00000002"
                  "7fff 0000 | 0009 0008 0000000000000102 | 0063 0001 aa"));
    ASSERT_TRUE(packet) << packet.error().text();
    EXPECT_EQ(*packet, (Packet{2, Probe{258}}));
    // A TLV of another message is unknown to this one.
    EXPECT_EQ(parse(hex("554c4743 01080011 00000002 0005 0001 c8")).value(), (Packet{2, Goodbye{}}));
}

TEST(WgControlMessage, ANewerVersionAndAnUnknownTypeAreUnsupportedAndNothingElseIs) {
    EXPECT_TRUE(unsupported(hex("554c4743 0201000c 00000001")));
    EXPECT_TRUE(unsupported(hex("554c4743 ff01ffff 00000001 12345678")));  // its layout is not ours to judge
    EXPECT_TRUE(unsupported(hex("554c4743 010a000c 00000001")));
    EXPECT_TRUE(unsupported(hex("554c4743 0100000c 00000001")));
    EXPECT_TRUE(unsupported(hex("554c4743 01ff0011 00000001 0005 0001 c8")));
    EXPECT_EQ(why(hex("554c4743 0001000c 00000001")), "version 0");
    EXPECT_FALSE(unsupported(hex("554c4744 0201000c 00000001")));
    EXPECT_EQ(why(hex("554c4744 0201000c 00000001")), "not the overlay control protocol");
    EXPECT_EQ(parse(hex("554c4744 0201000c 00000001")).error().code, std::errc::bad_message);
}

TEST(WgControlMessage, RefusesWhatDoesNotMakeSense) {
    const auto refusal = [](std::string_view body, std::uint8_t type) {
        auto datagram = hex("554c4743 01000000 00000001");
        const auto tail = hex(body);
        datagram.insert(datagram.end(), tail.begin(), tail.end());
        datagram.at(5) = static_cast<std::byte>(type);
        datagram.at(6) = static_cast<std::byte>(datagram.size() >> 8U);
        datagram.at(7) = static_cast<std::byte>(datagram.size() & 0xffU);
        return why(datagram);
    };
    constexpr std::uint8_t kHello = 1;
    constexpr std::uint8_t kClaim = 3;
    constexpr std::uint8_t kClaimAck = 4;
    const std::string terms = "0004 0008 0000000000000001 0005 0001 c8";
    const std::string network = "0006 0011 10 fd120000000000000000000000000000";
    EXPECT_EQ(refusal(terms + network, kClaim), "accepted");
    EXPECT_EQ(refusal(terms, kClaim), "prefix is missing");
    EXPECT_EQ(refusal(network, kClaim), "epoch is missing");
    EXPECT_EQ(refusal(terms + terms + network, kClaim), "epoch comes twice");
    EXPECT_EQ(refusal("0004 0007 00000000000001" + network, kClaim), "epoch has the wrong length");
    EXPECT_EQ(refusal(terms + "0006 0010 10 fd1200000000000000000000000000", kClaim),
              "prefix has the wrong length");
    EXPECT_EQ(refusal(terms + "0006 0011 81 fd120000000000000000000000000000", kClaim),
              "prefix: not the prefix of a network");
    EXPECT_EQ(refusal(terms + "0006 0011 10 fd120000000000000000000000000001", kClaim),
              "prefix: not the prefix of a network");
    EXPECT_EQ(refusal(terms + "0006 ffff 10", kClaim), "a TLV is longer than the rest of the message");
    EXPECT_EQ(refusal("", kClaimAck), "owner is missing");
    EXPECT_EQ(refusal("0001 0001 01 0002 0004 00000000 0003 0008 7fffffffffffffff", kHello),
              "the clock is beyond the year 2262");
    EXPECT_EQ(refusal("0001 0001 01 0002 0004 00000000", kHello), "clock is missing");
}

TEST(WgControlMessage, AFullMessageFitsAndAFullerOneIsRefused) {
    Claim claim{{}, 1, 2};
    HelloAck ack{kAbout, {}};
    for (std::size_t i = 0; i < kMaxPrefixes; ++i) {
        claim.prefixes.push_back(kOwner.prefix);
        ack.owners.push_back(kOwner);
    }
    EXPECT_LE(build({1, ack}).size(), kMaxMessage);
    EXPECT_EQ(parse(build({1, ack})).value(), (Packet{1, ack}));
    const auto full = build({1, claim});
    EXPECT_EQ(why(full), "accepted");

    claim.prefixes.push_back(kOwner.prefix);
    EXPECT_EQ(build({1, claim}), full) << "the builder leaves out what is too much";
    auto fuller = full;
    fuller.insert(fuller.end(), full.end() - 21, full.end());
    fuller.at(6) = static_cast<std::byte>(fuller.size() >> 8U);
    fuller.at(7) = static_cast<std::byte>(fuller.size() & 0xffU);
    EXPECT_EQ(why(fuller), "prefix comes too often");
    EXPECT_EQ(why(std::vector<std::byte>(kMaxMessage + 1)), "longer than 1200 bytes");
}

TEST(WgControlMessage, AClockBefore1970IsSentAs1970) {
    const Packet packet{1, Hello{About{1, 0, UnixTime{-5ms}}}};
    EXPECT_EQ(std::get<Hello>(parse(build(packet)).value().message).about.clock, UnixTime{});
}

TEST(WgControlMessage, StaleIsWhatIsALittleBehind) {
    EXPECT_FALSE(is_stale(10, 11));
    EXPECT_FALSE(is_stale(10, 1000)) << "some were lost";
    EXPECT_TRUE(is_stale(10, 10)) << "twice";
    EXPECT_TRUE(is_stale(10, 9));
    EXPECT_TRUE(is_stale(2, 0xffffffff)) << "over the end of the numbers";
    EXPECT_FALSE(is_stale(0xffffffff, 2));
    EXPECT_TRUE(is_stale(1000, 937));
    EXPECT_FALSE(is_stale(1000, 936)) << "the sender started anew";
}

}  // namespace
}  // namespace ulagate::wg::control::control_message_test
