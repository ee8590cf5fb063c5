// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "ra/option_codec.h"
#include "tests/unit/ra/message_bytes.h"

// The options that a site may or may not use. Prefix, route and MTU are in tests/unit/ra/message_test.cpp.
namespace ulagate::ra::option_test {
namespace {

using ::testing::ElementsAre;
using ::testing::VariantWith;

Bytes bytes_of(const Option& option) {
    net::ByteWriter out;
    put_option(out, option);
    EXPECT_EQ(size_of(option), out.size());
    return std::move(out).release();
}

Option parsed(const Bytes& option) {
    return parse_option(std::to_integer<std::uint8_t>(option.at(0)), std::span{option}.subspan(2));
}

void expect_uninterpreted(const Bytes& option) {
    EXPECT_THAT(parsed(option), VariantWith<UnknownOption>(::testing::_)) << to_integer<int>(option.at(1));
    EXPECT_EQ(bytes_of(parsed(option)), option);
}

TEST(RaOption, SnacRouterFlagIsBitSix) {
    RouterAdvertisement ra;
    ra.hop_limit = 0;
    ra.snac_router = true;
    const Bytes bytes = hex("86 00 00 00 | 00 02 00 00 | 00 00 00 00 | 00 00 00 00");
    EXPECT_EQ(build(ra), bytes);
    EXPECT_EQ(parse_router_advertisement(bytes, kFromRouter).value(), ra);
}

TEST(RaOption, PrefixWithThePFlag) {
    PrefixInformation pio{prefix("fd12:3456:789a:a::/64")};
    pio.autonomous = false;
    pio.pd_preferred = true;
    const Bytes bytes =
        hex("03 04 40 90 | 00 01 51 80 | 00 00 38 40 | 00 00 00 00"
            "fd 12 34 56 78 9a 00 0a 00 00 00 00 00 00 00 00");
    EXPECT_EQ(bytes_of(pio), bytes);
    EXPECT_EQ(parsed(bytes), Option{pio});
}

TEST(RaOption, RecursiveDnsServers) {
    const RecursiveDnsServers one{{address("fd12:3456:789a:a::53")}, Seconds{1800}};
    const Bytes one_bytes =
        hex("19 03 00 00 | 00 00 07 08 | fd 12 34 56 78 9a 00 0a 00 00 00 00 00 00 00 53");
    EXPECT_EQ(bytes_of(one), one_bytes);
    EXPECT_EQ(parsed(one_bytes), Option{one});
    const RecursiveDnsServers two{{address("fd00::1"), address("2001:db8::2")}, kInfinity};
    const Bytes two_bytes =
        hex("19 05 00 00 | ff ff ff ff | fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01"
            "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02");
    EXPECT_EQ(bytes_of(two), two_bytes);
    EXPECT_EQ(parsed(two_bytes), Option{two});

    expect_uninterpreted(hex("19 01 00 00 00 00 07 08"));                          // no server
    expect_uninterpreted(hex("19 02 00 00 00 00 07 08 fd 00 00 00 00 00 00 00"));  // half of one
    EXPECT_EQ(bytes_of(RecursiveDnsServers{}), Bytes{});
    EXPECT_EQ(bytes_of(RecursiveDnsServers{std::vector<net::Ipv6Address>(127), {}}).size(), 255U * 8);
    EXPECT_EQ(bytes_of(RecursiveDnsServers{std::vector<net::Ipv6Address>(128), {}}), Bytes{});
}

TEST(RaOption, DnsSearchList) {
    const DnsSearchList one{{"example.net"}, Seconds{1800}};
    const Bytes one_bytes =
        hex("1f 03 00 00 | 00 00 07 08 | 07 65 78 61 6d 70 6c 65 03 6e 65 74 00 00 00 00");
    EXPECT_EQ(bytes_of(one), one_bytes);
    EXPECT_EQ(parsed(one_bytes), Option{one});
    const DnsSearchList two{{"a", "b.c"}, Seconds{0}};
    const Bytes two_bytes = hex("1f 02 00 00 | 00 00 00 00 | 01 61 00 01 62 01 63 00");
    EXPECT_EQ(bytes_of(two), two_bytes);
    EXPECT_EQ(parsed(two_bytes), Option{two});

    expect_uninterpreted(hex("1f 01 00 00 00 00 07 08"));                          // no domain
    expect_uninterpreted(hex("1f 02 00 00 00 00 07 08 00 00 00 00 00 00 00 00"));  // nor here
    expect_uninterpreted(hex("1f 02 00 00 00 00 07 08 01 61 00 00 00 00 00 01"));  // no padding
    expect_uninterpreted(hex("1f 02 00 00 00 00 07 08 01 61 00 06 61 61 61 61"));  // a label that is cut
    expect_uninterpreted(hex("1f 02 00 00 00 00 07 08 07 61 61 61 61 61 61 61"));  // no end of the name
    expect_uninterpreted(hex("1f 02 00 00 00 00 07 08 01 61 00 c0 08 00 00 00"));  // compressed
    expect_uninterpreted(hex("1f 02 00 00 00 00 07 08 03 61 2e 61 00 00 00 00"));  // a dot inside a label
}

TEST(RaOption, SearchDomains) {
    const std::string label(63, 'x');
    for (const std::string& good : {std::string{"a"}, std::string{"_tcp.example-1.NET"}, label,
                                    label + "." + label + "." + label + "." + std::string(61, 'x')}) {
        EXPECT_TRUE(is_search_domain(good)) << good;
        EXPECT_EQ(parsed(bytes_of(DnsSearchList{{good}, {}})), (Option{DnsSearchList{{good}, {}}}));
    }
    for (const std::string& bad :
         {std::string{}, std::string{"."}, std::string{"a."}, std::string{".a"}, std::string{"a..b"},
          std::string{"a b"}, label + "x", label + "." + label + "." + label + "." + std::string(62, 'x')}) {
        EXPECT_FALSE(is_search_domain(bad)) << bad;
        EXPECT_EQ(bytes_of(DnsSearchList{{bad}, {}}), Bytes{});
    }
}

TEST(RaOption, R31_Pref64) {
    const auto pref64 = [](std::string_view text, unsigned seconds) {
        return Pref64{prefix(text), Seconds{seconds}};
    };
    const Bytes well_known = hex("26 02 07 08 | 00 64 ff 9b 00 00 00 00 00 00 00 00");
    EXPECT_EQ(bytes_of(pref64("64:ff9b::/96", 1800)), well_known);  // 1800 s = 225 units
    EXPECT_EQ(parsed(well_known), Option{pref64("64:ff9b::/96", 1800)});
    // The six lengths, by their codes.
    unsigned code = 0;
    for (const char* text : {"2001:db8:1:2:3:4::/96", "2001:db8:1:2::/64", "2001:db8:1:200::/56",
                             "2001:db8:1::/48", "2001:db8:100::/40", "2001:db8::/32"}) {
        const Bytes bytes = bytes_of(pref64(text, 8));
        EXPECT_EQ(to_integer<unsigned>(bytes.at(3)), 8 + code++) << text;
        EXPECT_EQ(parsed(bytes), Option{pref64(text, 8)}) << text;
    }
    // Rounded up to units of 8 s, and never more than 13 bits of them.
    const auto lifetime = [&](unsigned seconds) {
        return std::get<Pref64>(parsed(bytes_of(pref64("64:ff9b::/96", seconds)))).lifetime.count();
    };
    EXPECT_EQ(lifetime(0), 0U);
    EXPECT_EQ(lifetime(1), 8U);
    EXPECT_EQ(lifetime(90), 96U);
    EXPECT_EQ(lifetime(65528), 65528U);
    EXPECT_EQ(lifetime(65529), 65528U);
    EXPECT_EQ(lifetime(0xffffffff), 65528U);

    EXPECT_EQ(bytes_of(pref64("64:ff9b::/95", 8)), Bytes{});
    expect_uninterpreted(hex("26 02 07 0e 00 64 ff 9b 00 00 00 00 00 00 00 00"));  // code 6
    expect_uninterpreted(hex("26 02 07 0f 00 64 ff 9b 00 00 00 00 00 00 00 00"));
    expect_uninterpreted(hex("26 01 07 08 00 64 ff 9b"));
}

TEST(RaOption, CaptivePortal) {
    const CaptivePortal portal{"https://a.example/x"};
    const Bytes bytes = hex("25 03 68 74 74 70 73 3a 2f 2f 61 2e 65 78 61 6d 70 6c 65 2f 78 00 00 00");
    EXPECT_EQ(bytes_of(portal), bytes);
    EXPECT_EQ(parsed(bytes), Option{portal});
    const CaptivePortal none{std::string{kNoCaptivePortal}};
    EXPECT_EQ(parsed(bytes_of(none)), Option{none});

    expect_uninterpreted(hex("25 01 00 00 00 00 00 00"));
    expect_uninterpreted(hex("25 01 68 74 20 70 73 00"));  // a space
    expect_uninterpreted(hex("25 01 68 74 00 70 73 00"));
}

TEST(RaOption, AllOfThemInOneMessage) {
    RouterAdvertisement ra;
    ra.options = {PrefixInformation{prefix("fd12:3456:789a:a::/64")},
                  RecursiveDnsServers{{address("fd00::1")}, Seconds{1}},
                  DnsSearchList{{"example.net"}, Seconds{2}},
                  Pref64{prefix("64:ff9b::/96"), Seconds{8}},
                  CaptivePortal{"https://a.example"},
                  Mtu{1420},
                  SourceLinkLayerAddress{kMac}};
    EXPECT_EQ(parse_router_advertisement(build(ra), kFromRouter).value(), ra);
}

// One message of the smallest MTU has room for 1240 bytes.
TEST(RaOption, R22_ALongAdvertisementIsSplit) {
    RouterAdvertisement ra;
    ra.managed = true;
    ra.router_lifetime = std::chrono::duration<std::uint16_t>{1800};
    for (unsigned i = 0; i < 60; ++i) {
        net::Ipv6Prefix p = prefix("fd00:0:0:1::/64");
        p.address.bytes[5] = static_cast<std::uint8_t>(i);
        ra.options.emplace_back(RouteInformation{p});             // 16 bytes
        ra.options.emplace_back(PrefixInformation{p.network()});  // 32
    }
    ra.options.emplace_back(SourceLinkLayerAddress{kMac});  // 8
    const auto parts = split(ra, 1280 - 40);
    ASSERT_EQ(parts.size(), 3U);
    RouterAdvertisement together = ra;
    together.options.clear();
    for (const RouterAdvertisement& part : parts) {
        EXPECT_LE(build(part).size(), 1240U);
        together.options.insert(together.options.end(), part.options.begin(), part.options.end());
        RouterAdvertisement header = part;
        header.options = ra.options;
        EXPECT_EQ(header, ra);
    }
    EXPECT_EQ(together, ra);                                   // each option once, in order
    EXPECT_EQ(build(parts.at(0)).size(), 16U + 25 * 48 + 16);  // full
}

TEST(RaOption, R22_WhatFitsStaysTogether) {
    RouterAdvertisement ra;
    EXPECT_THAT(split(ra, 1240), ElementsAre(ra));
    ra.options = {RecursiveDnsServers{std::vector<net::Ipv6Address>(76), Seconds{1}}};
    ASSERT_EQ(build(ra).size(), 1240U);
    EXPECT_THAT(split(ra, 1240), ElementsAre(ra));
    // What cannot be split is not lost.
    RouterAdvertisement mtu;
    mtu.options = {Mtu{1420}};
    RouterAdvertisement both = ra;
    both.options.insert(both.options.begin(), Mtu{1420});
    EXPECT_THAT(split(both, 100), ElementsAre(mtu, ra));
}

}  // namespace
}  // namespace ulagate::ra::option_test
