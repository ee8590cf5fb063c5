// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/ra/message_bytes.h"

namespace ulagate::ra::message_solicitation_test {
namespace {

using ::testing::HasSubstr;

const Bytes kSolicitation = hex("85 00 00 00 | 00 00 00 00");
const Bytes kSolicitationWithMac = kSolicitation + hex("01 01 02 00 00 00 5e ed");

TEST(RouterSolicitationBytes, AreThoseOfRfc4861Section41) {
    EXPECT_EQ(build(RouterSolicitation{}), kSolicitation);
    EXPECT_EQ(build(RouterSolicitation{kMac}), kSolicitationWithMac);
}

TEST(RouterSolicitationParser, ReadsTheLinkLayerAddress) {
    EXPECT_EQ(parse_router_solicitation(kSolicitation, kFromHost).value(), RouterSolicitation{});
    EXPECT_EQ(parse_router_solicitation(kSolicitationWithMac, kFromHost).value(), RouterSolicitation{kMac});
    EXPECT_EQ(parse_router_solicitation(kSolicitation, kFromNobody).value(), RouterSolicitation{});
}

// The checksum is the kernel's, and reserved bits MUST be ignored (RFC 4861 section 4.1).
TEST(RouterSolicitationParser, IgnoresChecksumAndReserved) {
    EXPECT_EQ(refusal_of_solicitation(hex("85 00 ab cd | ff ff ff ff")), "accepted");
}

TEST(RouterSolicitationParser, R01_RefusesWhatARouterHasForwarded) {
    for (const int hop_limit : {254, 64, 1, 0, -1, 256}) {
        PacketInfo info = kFromHost;
        info.hop_limit = hop_limit;
        EXPECT_THAT(refusal_of_solicitation(kSolicitation, info),
                    HasSubstr("not 255: the sender is not on this link"));
    }
}

TEST(RouterSolicitationParser, R03_RefusesACode) {
    EXPECT_THAT(refusal_of_solicitation(hex("85 01 00 00 | 00 00 00 00")), HasSubstr("code is not 0"));
}

TEST(RouterSolicitationParser, R04_RefusesLessThanEightBytes) {
    for (std::size_t n = 0; n < 8; ++n) {
        EXPECT_THAT(
            refusal_of_solicitation({kSolicitation.begin(), kSolicitation.begin() + static_cast<int>(n)}),
            HasSubstr("shorter than its header"))
            << n;
    }
}

TEST(RouterSolicitationParser, R05_RefusesAnOptionOfLengthZeroWherever) {
    EXPECT_THAT(refusal_of_solicitation(kSolicitation + hex("01 00 02 00 00 00 5e ed")),
                HasSubstr("length 0"));
    EXPECT_THAT(refusal_of_solicitation(kSolicitationWithMac + hex("fe 00 00 00 00 00 00 00")),
                HasSubstr("length 0"));
}

TEST(RouterSolicitationParser, R05_SkipsUnknownOptions) {
    const Bytes nonce = hex("0e 01 11 22 33 44 55 66");
    const Bytes longer = hex("fe 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    const auto parsed =
        parse_router_solicitation(kSolicitation + nonce + longer + hex("01 01 02 00 00 00 5e ed"), kFromHost);
    EXPECT_EQ(parsed.value(), RouterSolicitation{kMac});
    EXPECT_EQ(refusal_of_solicitation(kSolicitation + nonce, kFromNobody), "accepted");
}

TEST(RouterSolicitationParser, R06_RefusesALinkLayerAddressOfNobody) {
    EXPECT_THAT(refusal_of_solicitation(kSolicitationWithMac, kFromNobody), HasSubstr("source address ::"));
    const Bytes infiniband = hex("01 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    EXPECT_THAT(refusal_of_solicitation(kSolicitation + infiniband, kFromNobody),
                HasSubstr("source address ::"));
}

TEST(RouterSolicitationParser, SkipsLinkLayerAddressesThatAreNotEthernet) {
    const Bytes infiniband = hex("01 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    EXPECT_EQ(parse_router_solicitation(kSolicitation + infiniband, kFromHost).value(), RouterSolicitation{});
}

TEST(RouterSolicitationParser, TheFirstOfTwoLinkLayerAddressesCounts) {
    const Bytes second = hex("01 01 02 00 00 00 00 02");
    EXPECT_EQ(parse_router_solicitation(kSolicitationWithMac + second, kFromHost).value(),
              RouterSolicitation{kMac});
}

TEST(RouterSolicitationParser, RefusesOtherTypesAndMulticastSources) {
    EXPECT_THAT(refusal_of_solicitation(hex("86 00 00 00 | 00 00 00 00")),
                HasSubstr("not a Router Solicitation"));
    PacketInfo info = kFromHost;
    info.source = address("ff02::1");
    EXPECT_THAT(refusal_of_solicitation(kSolicitation, info), HasSubstr("multicast"));
}

TEST(RouterSolicitationParser, RefusesOptionsThatAreCut) {
    EXPECT_THAT(refusal_of_solicitation(kSolicitation + hex("01")),
                HasSubstr("inside the header of an option"));
    EXPECT_THAT(refusal_of_solicitation(kSolicitation + hex("01 01 02 00 00 00 5e")),
                HasSubstr("longer than the rest"));
    EXPECT_THAT(refusal_of_solicitation(kSolicitation + hex("fe ff 00 00 00 00 00 00")),
                HasSubstr("longer than the rest"));
}

TEST(RouterSolicitationParser, EveryTruncationIsRefusedUnlessItEndsBetweenOptions) {
    const Bytes message = kSolicitationWithMac + hex("0e 01 11 22 33 44 55 66");
    for (std::size_t n = 0; n < message.size(); ++n) {
        const auto parsed = parse_router_solicitation(std::span{message}.first(n), kFromHost);
        EXPECT_EQ(parsed.has_value(), n >= 8 && n % 8 == 0) << n;
    }
}

TEST(RouterSolicitationParser, RefusesMoreOptionsThanAnybodySends) {
    Bytes message = kSolicitation;
    for (int i = 0; i < 128; ++i) message = message + hex("0e 01 00 00 00 00 00 00");
    EXPECT_EQ(refusal_of_solicitation(message), "accepted");
    EXPECT_THAT(refusal_of_solicitation(message + hex("0e 01 00 00 00 00 00 00")),
                HasSubstr("more than 128"));
}

}  // namespace
}  // namespace ulagate::ra::message_solicitation_test
