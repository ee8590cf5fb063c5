// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/card/state_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ulagate::card::state_record_test {
namespace {

const StateFiles kFiles{{"clock", "1795255267\n"}, {"key", std::string(45, 'k')}, {"ulagate/routers", ""}};

std::vector<std::byte> area_of(std::uint64_t sequence, const StateFiles& files) {
    const auto payload = encode_files(files).value();
    auto area = encode_header(header_of(sequence, payload));
    area.insert(area.end(), payload.begin(), payload.end());
    area.resize(kStateAreaBytes);
    return area;
}

TEST(StateRecord, ComesBackAsItWas) {
    EXPECT_EQ(decode_area(area_of(7, kFiles)).value(), (StateRecord{7, kFiles}));
    EXPECT_EQ(decode_area(area_of(1, {})).value(), (StateRecord{1, {}}));
}

TEST(StateRecord, HasTheBytesThatCardsInTheFieldHave) {
    const auto header = encode_header({0x0102030405060708, 10, {}});
    const std::vector<std::byte> front{header.begin(), header.begin() + 24};
    const std::vector<std::byte> expected{
        std::byte{'U'}, std::byte{'L'}, std::byte{'G'}, std::byte{'S'}, std::byte{'T'}, std::byte{'A'},
        std::byte{'T'}, std::byte{'E'}, std::byte{0},   std::byte{0},   std::byte{0},   std::byte{1},
        std::byte{1},   std::byte{2},   std::byte{3},   std::byte{4},   std::byte{5},   std::byte{6},
        std::byte{7},   std::byte{8},   std::byte{0},   std::byte{0},   std::byte{0},   std::byte{10}};
    EXPECT_EQ(front, expected);
    EXPECT_EQ(header.size(), kSectorBytes);
    const auto payload = encode_files({{"a", "xy"}}).value();
    EXPECT_EQ(payload, (std::vector<std::byte>{std::byte{0}, std::byte{1}, std::byte{1}, std::byte{'a'},
                                               std::byte{0}, std::byte{0}, std::byte{0}, std::byte{2},
                                               std::byte{'x'}, std::byte{'y'}}));
}

TEST(StateRecord, RefusesEveryTruncationOfItsFiles) {
    const auto payload = encode_files(kFiles).value();
    for (std::size_t n = 0; n < payload.size(); ++n) {
        EXPECT_FALSE(decode_files(std::span{payload}.first(n))) << n;
    }
    auto longer = payload;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decode_files(longer));
}

TEST(StateRecord, NoticesEveryChangedByte) {
    const auto area = area_of(7, kFiles);
    const std::size_t used = kSectorBytes + encode_files(kFiles).value().size();
    for (std::size_t i = 0; i < used; ++i) {
        auto changed = area;
        changed[i] ^= std::byte{0x10};
        EXPECT_FALSE(decode_area(changed)) << i;
    }
}

TEST(StateRecord, AHeaderIsOneSectorAndWhole) {
    const auto area = area_of(7, kFiles);
    const std::span<const std::byte> header = std::span{area}.first(kSectorBytes);
    EXPECT_EQ(decode_header(header).value().sequence, 7U);
    EXPECT_FALSE(decode_header(header.first(kSectorBytes - 1)));
    for (std::size_t i = 0; i < kSectorBytes; ++i) {
        std::vector<std::byte> changed{header.begin(), header.end()};
        changed[i] ^= std::byte{1};
        EXPECT_FALSE(decode_header(changed)) << i;
    }
}

TEST(StateRecord, TakesNamesThatStayInsideTheirFolder) {
    for (const char* name : {"key", "ulagate/relays", "lease/eth0.100", "lease/enxa0:b1@if2", "a..b", ".x"}) {
        EXPECT_TRUE(is_state_name(name)) << name;
        EXPECT_TRUE(encode_files({{name, ""}})) << name;
    }
    const std::string long_name(kMaxStateName + 1, 'n');
    for (const std::string name : {"", "/etc/passwd", "a/", "a//b", "..", "../x", "a/../b", "a/.", "a b",
                                   "a\nb", "a\\b", "\xc3\xa4", long_name.c_str()}) {
        EXPECT_FALSE(is_state_name(name)) << name;
        EXPECT_FALSE(encode_files({{name, ""}})) << name;
    }
}

TEST(StateRecord, RefusesNamesThatAreTwiceOrOutOfOrderOrWild) {
    auto payload = encode_files({{"a", ""}, {"b", ""}}).value();
    ASSERT_EQ(payload[9], std::byte{'b'});
    for (const char wrong : {'a', 'A', '/', '\0'}) {
        payload[9] = static_cast<std::byte>(wrong);
        EXPECT_FALSE(decode_files(payload)) << wrong;
    }
}

TEST(StateRecord, HasRoomForAnAreaAndNotForAByteMore) {
    const std::size_t frame = 2 + 1 + 1 + 4;  // count, length of the name, "f", length of the content
    const StateFiles full{{"f", std::string(kMaxStatePayload - frame, 'x')}};
    EXPECT_EQ(decode_area(area_of(1, full)).value().files, full);
    EXPECT_FALSE(encode_files({{"f", std::string(kMaxStatePayload - frame + 1, 'x')}}));
    EXPECT_FALSE(encode_files({{"f", std::string(40000, 'x')}, {"g", std::string(40000, 'x')}}));
    StateFiles many;
    for (std::size_t i = 0; i < kMaxStateFiles; ++i) many.emplace("f" + std::to_string(i), "");
    EXPECT_TRUE(encode_files(many));
    many.emplace("one too many", "");
    many.emplace("one-too-many", "");
    EXPECT_FALSE(encode_files(many));
}

}  // namespace
}  // namespace ulagate::card::state_record_test
