// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/ra/message_bytes.h"

namespace ulagate::ra::message_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::VariantWith;

// What a site's router says: no default router, the LAN's /64, the overlay's /48.
RouterAdvertisement site() {
    RouterAdvertisement ra;
    ra.hop_limit = 0;
    ra.options.emplace_back(PrefixInformation{prefix("fd12:3456:789a:a::/64")});
    ra.options.emplace_back(RouteInformation{prefix("fd12:3456:789a::/48"), Preference::high, Seconds{1800}});
    ra.options.emplace_back(SourceLinkLayerAddress{kMac});
    return ra;
}

const Bytes kHeader = hex("86 00 00 00 | 00 00 00 00 | 00 00 00 00 | 00 00 00 00");
const Bytes kSite = kHeader +
                    hex("03 04 40 c0 | 00 01 51 80 | 00 00 38 40 | 00 00 00 00"
                        "fd 12 34 56 78 9a 00 0a 00 00 00 00 00 00 00 00") +
                    hex("18 02 30 08 | 00 00 07 08 | fd 12 34 56 78 9a 00 00") +
                    hex("01 01 02 00 00 00 5e ed");

TEST(RouterAdvertisementBytes, AreThoseOfTheRfcs) { EXPECT_EQ(build(site()), kSite); }

TEST(RouterAdvertisementBytes, HoldEveryHeaderField) {
    RouterAdvertisement ra;
    ra.hop_limit = 64;
    ra.managed = true;
    ra.preference = Preference::low;
    ra.router_lifetime = std::chrono::duration<std::uint16_t>{1800};
    ra.reachable_time = Milliseconds{3'600'000};
    ra.retrans_timer = Milliseconds{1000};
    EXPECT_EQ(build(ra), hex("86 00 00 00 | 40 98 07 08 | 00 36 ee 80 | 00 00 03 e8"));
    ra.managed = false;
    ra.other_config = true;
    ra.preference = Preference::high;
    EXPECT_EQ(build(ra), hex("86 00 00 00 | 40 48 07 08 | 00 36 ee 80 | 00 00 03 e8"));
}

TEST(RouterAdvertisementBytes, R23_WhoIsNoDefaultRouterHasPreference00) {
    RouterAdvertisement ra;
    ra.hop_limit = 0;
    ra.preference = Preference::high;
    EXPECT_EQ(build(ra), kHeader);
}

TEST(RouterAdvertisementBytes, R24_RouteIsAsLongAsItsPrefixNeeds) {
    const auto route = [](std::string_view text) {
        RouterAdvertisement ra;
        ra.hop_limit = 0;
        ra.options.emplace_back(RouteInformation{prefix(text), Preference::medium, Seconds{1}});
        const Bytes all = build(ra);
        return Bytes(all.begin() + 16, all.end());
    };
    EXPECT_EQ(route("::/0"), hex("18 01 00 00 00 00 00 01"));
    EXPECT_EQ(route("fd00::/1"), hex("18 02 01 00 00 00 00 01 | 80 00 00 00 00 00 00 00"));
    EXPECT_EQ(route("fd12:3456:789a:bcde::/64"), hex("18 02 40 00 00 00 00 01 | fd 12 34 56 78 9a bc de"));
    EXPECT_EQ(route("fd12:3456:789a:bcde:8000::/65"),
              hex("18 03 41 00 00 00 00 01 | fd 12 34 56 78 9a bc de 80 00 00 00 00 00 00 00"));
    EXPECT_EQ(route("fd00::1/128"),
              hex("18 03 80 00 00 00 00 01 | fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01"));
    // Bits behind the prefix are zero, whatever the value holds.
    EXPECT_EQ(route("fd12:3456:789a:ffff::1/49"), hex("18 02 31 00 00 00 00 01 | fd 12 34 56 78 9a 80 00"));
}

TEST(RouterAdvertisementBytes, R25_RoutePreferenceIsOneOfThree) {
    const auto flags = [](Preference preference) {
        RouterAdvertisement ra;
        ra.options.emplace_back(RouteInformation{prefix("::/0"), preference, Seconds{1}});
        return build(ra).at(16 + 3);
    };
    EXPECT_EQ(flags(Preference::high), std::byte{0x08});
    EXPECT_EQ(flags(Preference::medium), std::byte{0x00});
    EXPECT_EQ(flags(Preference::low), std::byte{0x18});
}

TEST(RouterAdvertisementBytes, R27_LifetimesOfRouteAndPrefixDoNotDependOnTheRouterLifetime) {
    const auto parsed = parse_router_advertisement(kSite, kFromRouter).value();
    EXPECT_EQ(parsed.router_lifetime.count(), 0);
    EXPECT_EQ(std::get<RouteInformation>(parsed.options.at(1)).lifetime, Seconds{1800});
    EXPECT_EQ(std::get<PrefixInformation>(parsed.options.at(0)).valid_lifetime, Seconds{86400});
}

TEST(RouterAdvertisementBytes, R28_PrefixHasHostBitsOnlyAsARouterAddress) {
    PrefixInformation pio{prefix("fd12:3456:789a:a::1/64")};
    const auto bytes = [&] {
        RouterAdvertisement ra;
        ra.options.emplace_back(pio);
        const Bytes all = build(ra);
        return Bytes(all.begin() + 16, all.end());
    };
    EXPECT_EQ(bytes(), hex("03 04 40 c0 | 00 01 51 80 | 00 00 38 40 | 00 00 00 00"
                           "fd 12 34 56 78 9a 00 0a 00 00 00 00 00 00 00 00"));
    pio.router_address = true;
    pio.on_link = false;
    EXPECT_EQ(bytes(), hex("03 04 40 60 | 00 01 51 80 | 00 00 38 40 | 00 00 00 00"
                           "fd 12 34 56 78 9a 00 0a 00 00 00 00 00 00 00 01"));
    pio = {prefix("fd00::/64"), true, false, false, kInfinity, Seconds{0}};
    EXPECT_EQ(bytes(), hex("03 04 40 80 | ff ff ff ff | 00 00 00 00 | 00 00 00 00"
                           "fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"));
}

TEST(RouterAdvertisementBytes, MtuAndUnknownOption) {
    RouterAdvertisement ra;
    ra.hop_limit = 0;
    ra.options.emplace_back(Mtu{1420});
    ra.options.emplace_back(UnknownOption{25, hex("00 00 | 00 00 07 08")});
    EXPECT_EQ(build(ra), kHeader + hex("05 01 00 00 00 00 05 8c") + hex("19 01 00 00 00 00 07 08"));
}

TEST(RouterAdvertisementBytes, UnknownOptionIsPaddedAndNeverLongerThanItsLengthCanSay) {
    RouterAdvertisement ra;
    ra.hop_limit = 0;
    ra.options = {UnknownOption{200, {}}, UnknownOption{201, hex("01 02 03 04 05 06 07")}};
    EXPECT_EQ(build(ra), kHeader + hex("c8 01 00 00 00 00 00 00") +
                             hex("c9 02 01 02 03 04 05 06 07 00 00 00 00 00 00 00"));
    ra.options = {UnknownOption{202, Bytes(255 * 8 - 2)}, UnknownOption{203, Bytes(255 * 8 - 1)}};
    const Bytes message = build(ra);
    EXPECT_EQ(message.size(), 16U + 255 * 8);
    EXPECT_EQ(message.at(17), std::byte{255});
}

TEST(RouterAdvertisementParser, ReadsWhatWeSend) {
    EXPECT_EQ(parse_router_advertisement(kSite, kFromRouter).value(), site());
}

TEST(RouterAdvertisementParser, ReadsEveryHeaderField) {
    // H flag (home agent), proxy flag and reserved bits are set and ignored.
    const auto ra =
        parse_router_advertisement(hex("86 00 12 34 | 40 ff 07 08 | 00 36 ee 80 | 00 00 03 e8"), kFromRouter)
            .value();
    EXPECT_EQ(ra.hop_limit, 64);
    EXPECT_TRUE(ra.managed);
    EXPECT_TRUE(ra.other_config);
    EXPECT_EQ(ra.preference, Preference::low);
    EXPECT_EQ(ra.router_lifetime.count(), 1800);
    EXPECT_EQ(ra.reachable_time, Milliseconds{3'600'000});
    EXPECT_EQ(ra.retrans_timer, Milliseconds{1000});
    EXPECT_THAT(ra.options, IsEmpty());
}

// RFC 4191 section 2.2: reserved (10) is medium; and there is none at all without a router lifetime.
TEST(RouterAdvertisementParser, HeaderPreference) {
    const auto preference = [](std::string_view flags_and_lifetime) {
        const Bytes message =
            hex("86 00 00 00 40") + hex(flags_and_lifetime) + hex("00 00 00 00 00 00 00 00");
        return parse_router_advertisement(message, kFromRouter).value().preference;
    };
    EXPECT_EQ(preference("08 07 08"), Preference::high);
    EXPECT_EQ(preference("00 07 08"), Preference::medium);
    EXPECT_EQ(preference("18 07 08"), Preference::low);
    EXPECT_EQ(preference("10 07 08"), Preference::medium);
    EXPECT_EQ(preference("08 00 00"), Preference::medium);
}

// R-08, seen from the receiving side: RFC 4861 section 6.1.2
TEST(RouterAdvertisementParser, R08_RefusesWhatNoRouterOfThisLinkSends) {
    for (const char* source : {"fd12::1", "2001:db8::1", "::", "ff02::1", "fec0::1"}) {
        PacketInfo info = kFromRouter;
        info.source = address(source);
        EXPECT_THAT(refusal_of_advertisement(kSite, info), HasSubstr("not a link-local address")) << source;
    }
    PacketInfo far = kFromRouter;
    far.hop_limit = 254;
    EXPECT_THAT(refusal_of_advertisement(kSite, far), HasSubstr("not 255: the sender is not on this link"));
    Bytes message = kSite;
    message.at(1) = std::byte{1};
    EXPECT_THAT(refusal_of_advertisement(message), HasSubstr("code is not 0"));
    message = kSite;
    message.at(0) = std::byte{133};
    EXPECT_THAT(refusal_of_advertisement(message), HasSubstr("not a Router Advertisement"));
    EXPECT_THAT(refusal_of_advertisement(kHeader + hex("01 00 00 00 00 00 00 00")), HasSubstr("length 0"));
}

TEST(RouterAdvertisementParser, EveryTruncationIsRefusedUnlessItEndsBetweenOptions) {
    for (std::size_t n = 0; n < kSite.size(); ++n) {
        const auto parsed = parse_router_advertisement(std::span{kSite}.first(n), kFromRouter);
        EXPECT_EQ(parsed.has_value(), n == 16 || n == 16 + 32 || n == 16 + 32 + 16) << n;
        EXPECT_EQ(why(parsed).find("shorter than its header") != std::string::npos, n < 16) << n;
    }
}

TEST(RouterAdvertisementParser, RefusesMoreOptionsThanAnybodySends) {
    Bytes message = kHeader;
    for (int i = 0; i < 128; ++i) message = message + hex("fe 01 00 00 00 00 00 00");
    EXPECT_EQ(parse_router_advertisement(message, kFromRouter).value().options.size(), 128U);
    EXPECT_THAT(refusal_of_advertisement(message + hex("fe 01 00 00 00 00 00 00")),
                HasSubstr("more than 128"));
}

std::vector<Option> options_of(const Bytes& options) {
    return parse_router_advertisement(kHeader + options, kFromRouter).value().options;
}

// A sender may always use a longer form than the prefix needs.
TEST(RouterAdvertisementParser, R24_ReadsARouteInEveryLegalForm) {
    const RouteInformation everything{prefix("::/0"), Preference::medium, Seconds{600}};
    EXPECT_THAT(options_of(hex("18 01 00 00 00 00 02 58")),
                ElementsAre(VariantWith<RouteInformation>(everything)));
    EXPECT_THAT(options_of(hex("18 02 00 00 00 00 02 58 | 00 00 00 00 00 00 00 00")),
                ElementsAre(VariantWith<RouteInformation>(everything)));
    EXPECT_THAT(options_of(hex("18 03 00 00 00 00 02 58 | 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00")),
                ElementsAre(VariantWith<RouteInformation>(everything)));
    EXPECT_THAT(options_of(hex("18 03 30 18 00 00 02 58 | fd 12 34 56 78 9a 00 00 00 00 00 00 00 00 00 00")),
                ElementsAre(VariantWith<RouteInformation>(
                    RouteInformation{prefix("fd12:3456:789a::/48"), Preference::low, Seconds{600}})));
    // Bits behind the prefix are the receiver's to ignore.
    EXPECT_THAT(options_of(hex("18 02 30 e7 00 00 02 58 | fd 12 34 56 78 9a ff ff")),
                ElementsAre(VariantWith<RouteInformation>(
                    RouteInformation{prefix("fd12:3456:789a::/48"), Preference::medium, Seconds{600}})));
}

// Kept as bytes, but no route of ours
TEST(RouterAdvertisementParser, R25_R24_IgnoresARouteThatRfc4191DoesNotDefine) {
    for (const char* option : {
             "18 02 30 10 00 00 02 58 fd 12 34 56 78 9a 00 00",  // preference 10
             "18 01 01 00 00 00 02 58",                          // length 1 is for ::/0 only
             "18 02 41 00 00 00 02 58 fd 12 34 56 78 9a 00 00",  // /65 needs length 3
             "18 03 81 00 00 00 02 58 fd 12 34 56 78 9a 00 00 00 00 00 00 00 00 00 00",
             "18 04 30 00 00 00 02 58 fd 12 34 56 78 9a 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
             "00",
         }) {
        const Bytes bytes = hex(option);
        EXPECT_THAT(
            options_of(bytes),
            ElementsAre(VariantWith<UnknownOption>(UnknownOption{24, {bytes.begin() + 2, bytes.end()}})))
            << option;
    }
}

TEST(RouterAdvertisementParser, IgnoresKnownTypesOfUnknownLengthOrContent) {
    for (const char* option : {
             "01 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00",  // InfiniBand
             "03 01 40 c0 00 00 00 00",
             "03 04 81 c0 00 01 51 80 00 00 38 40 00 00 00 00 fd 12 34 56 78 9a 00 0a 00 00 00 00 00 00 00 "
             "00",
             "05 02 00 00 00 00 05 8c 00 00 00 00 00 00 00 00",
         }) {
        const Bytes bytes = hex(option);
        const auto options = options_of(bytes);
        EXPECT_THAT(options, ElementsAre(VariantWith<UnknownOption>(::testing::_))) << option;
        RouterAdvertisement ra;
        ra.hop_limit = 0;
        ra.options = options;
        EXPECT_EQ(build(ra), kHeader + bytes);
    }
}

// Reserved bits may be set and host bits count only with R.
TEST(RouterAdvertisementParser, R28_ReadsAPrefix) {
    const auto pio = [](std::string_view flags) {
        return std::get<PrefixInformation>(options_of(hex("03 04 40") + hex(flags) +
                                                      hex("00 00 02 58 00 00 01 2c ff ff ff ff"
                                                          "fd 12 34 56 78 9a 00 0a 00 00 00 00 00 00 00 01"))
                                               .at(0));
    };
    EXPECT_EQ(pio("8f"), (PrefixInformation{prefix("fd12:3456:789a:a::/64"), true, false, false, Seconds{600},
                                            Seconds{300}}));
    EXPECT_EQ(pio("60"), (PrefixInformation{prefix("fd12:3456:789a:a::1/64"), false, true, true, Seconds{600},
                                            Seconds{300}}));
}

TEST(RouterAdvertisementParser, ReadsBackWhateverIsBuilt) {
    RouterAdvertisement ra = site();
    ra.hop_limit = 64;
    ra.managed = true;
    ra.router_lifetime = std::chrono::duration<std::uint16_t>{9000};
    ra.preference = Preference::low;
    ra.options.emplace_back(Mtu{1280});
    ra.options.emplace_back(UnknownOption{31, Bytes(14, std::byte{7})});
    for (unsigned length = 0; length <= 128; ++length) {
        const net::Ipv6Prefix p{address("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                                static_cast<std::uint8_t>(length)};
        ra.options.resize(5);
        ra.options.emplace_back(RouteInformation{p.network(), Preference::low, kInfinity});
        ra.options.emplace_back(PrefixInformation{p.network(), true, true, false, Seconds{0}, Seconds{0}});
        ra.options.emplace_back(PrefixInformation{p, true, true, true, kInfinity, kInfinity});
        EXPECT_EQ(parse_router_advertisement(build(ra), kFromRouter).value(), ra) << length;
    }
}

}  // namespace
}  // namespace ulagate::ra::message_test
