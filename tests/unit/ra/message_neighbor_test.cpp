// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/ra/message_bytes.h"

namespace ulagate::ra::message_neighbor_test {
namespace {

using ::testing::HasSubstr;

const Bytes kHeader =
    hex("88 00 00 00 | a0 00 00 00") + hex("fe 80 00 00 00 00 00 00 00 00 00 00 00 00 5e ed");
const Bytes kTargetMac = hex("02 01 02 00 00 00 5e ed");
const NeighborAdvertisement kUnsolicited{true, false, true, address("fe80::5eed"), kMac};

std::string refusal(const Bytes& message, const PacketInfo& info = kFromRouter) {
    return why(parse_neighbor_advertisement(message, info));
}

TEST(NeighborAdvertisementBytes, AreThoseOfRfc4861Section44) {
    EXPECT_EQ(build(kUnsolicited), kHeader + kTargetMac);
    EXPECT_EQ(parse_neighbor_advertisement(kHeader + kTargetMac, kFromRouter).value(), kUnsolicited);
}

TEST(NeighborAdvertisementParser, TheOptionMayBeMissing) {
    NeighborAdvertisement without = kUnsolicited;
    without.target_link_layer_address.reset();
    EXPECT_EQ(parse_neighbor_advertisement(kHeader, kFromRouter).value(), without);
    const Bytes nonce = hex("0e 01 11 22 33 44 55 66");
    EXPECT_EQ(parse_neighbor_advertisement(kHeader + nonce + kTargetMac, kFromRouter).value(), kUnsolicited);
}

// RFC 4861 section 7.1.2.
TEST(NeighborAdvertisementParser, RefusesWhatTheRfcSaysToDiscard) {
    const Bytes whole = kHeader + kTargetMac;
    for (std::size_t n = 0; n < whole.size(); ++n) {
        if (n == kHeader.size()) continue;
        EXPECT_NE(refusal({whole.begin(), whole.begin() + static_cast<int>(n)}), "accepted") << n;
    }
    PacketInfo forwarded = kFromRouter;
    forwarded.hop_limit = 254;
    EXPECT_THAT(refusal(whole, forwarded), HasSubstr("not on this link"));
    Bytes other = whole;
    other[1] = std::byte{1};
    EXPECT_THAT(refusal(other), HasSubstr("code is not 0"));
    other = whole;
    other[8] = std::byte{0xff};
    EXPECT_THAT(refusal(other), HasSubstr("multicast"));
    other = whole;
    other[4] = std::byte{0x60};
    EXPECT_THAT(refusal(other), HasSubstr("answer"));
    EXPECT_THAT(refusal(kHeader + hex("02 00 02 00 00 00 5e ed")), HasSubstr("length 0"));
}

}  // namespace
}  // namespace ulagate::ra::message_neighbor_test
