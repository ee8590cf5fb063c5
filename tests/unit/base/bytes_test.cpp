// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace ulagate::net::bytes_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::array kSeven{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                            std::byte{5}, std::byte{6}, std::byte{7}};

TEST(ByteReader, ReadsBigEndian) {
    ByteReader in{kSeven};
    EXPECT_EQ(in.read<std::uint8_t>(), 0x01U);
    EXPECT_EQ(in.read<std::uint16_t>(), 0x0203U);
    EXPECT_EQ(in.remaining(), 4U);
    EXPECT_EQ(in.read<std::uint32_t>(), 0x04050607U);
    EXPECT_EQ(in.remaining(), 0U);
    EXPECT_TRUE(in.ok());
}

TEST(ByteReader, ReadsEightBytes) {
    const std::array<std::byte, 8> high{std::byte{0xff}, std::byte{0xee}, {}, {}, {}, {}, {},
                                        std::byte{0x80}};
    EXPECT_EQ(ByteReader{high}.read<std::uint64_t>(), 0xffee000000000080U);
}

TEST(ByteReader, AfterOneShortReadAllFail) {
    ByteReader in{kSeven};
    EXPECT_EQ(in.read<std::uint64_t>(), 0U);
    EXPECT_FALSE(in.ok());
    EXPECT_EQ(in.remaining(), 0U);
    EXPECT_EQ(in.read<std::uint8_t>(), 0U);  // although it is there
    EXPECT_THAT(in.take(1), IsEmpty());
    EXPECT_THAT(in.take(0), IsEmpty());
    EXPECT_FALSE(in.ok());
}

TEST(ByteReader, EveryLengthEndsWhereItShould) {
    for (std::size_t length = 0; length <= kSeven.size(); ++length) {
        ByteReader in{std::span{kSeven}.first(length)};
        EXPECT_THAT(in.take(length), SizeIs(length));
        EXPECT_TRUE(in.ok());
        in.read<std::uint8_t>();
        EXPECT_FALSE(in.ok());
    }
}

TEST(ByteReader, TakesNothingOfNothing) {
    ByteReader in{{}};
    EXPECT_THAT(in.take(0), IsEmpty());
    EXPECT_TRUE(in.ok());
    EXPECT_THAT(in.take(SIZE_MAX), IsEmpty());
    EXPECT_FALSE(in.ok());
}

TEST(ByteWriter, WritesBigEndian) {
    ByteWriter out;
    out.put(std::uint8_t{0x01});
    out.put(std::uint16_t{0x0203});
    out.put(std::uint32_t{0x04050607});
    EXPECT_EQ(out.bytes(), std::vector<std::byte>(kSeven.begin(), kSeven.end()));
    EXPECT_EQ(out.size(), 7U);
    out.zeros(2);
    out.put(std::span{kSeven}.first(1));
    EXPECT_EQ(out.size(), 10U);
    const auto bytes = std::move(out).release();
    EXPECT_THAT(std::span{bytes}.last(3), ElementsAre(std::byte{0}, std::byte{0}, std::byte{1}));
}

TEST(ByteWriter, TheReaderReadsWhatItWrites) {
    ByteWriter out;
    out.put(std::uint64_t{0x8000000000000001});
    out.put(std::uint32_t{0xffffffff});
    out.put(std::uint16_t{0xfffe});
    out.put(std::uint8_t{0x80});
    ByteReader in{out.bytes()};
    EXPECT_EQ(in.read<std::uint64_t>(), 0x8000000000000001U);
    EXPECT_EQ(in.read<std::uint32_t>(), 0xffffffffU);
    EXPECT_EQ(in.read<std::uint16_t>(), 0xfffeU);
    EXPECT_EQ(in.read<std::uint8_t>(), 0x80U);
    EXPECT_TRUE(in.ok());
    EXPECT_EQ(in.remaining(), 0U);
}

}  // namespace
}  // namespace ulagate::net::bytes_test
