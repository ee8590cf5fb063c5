// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::slot::manifest_test {
namespace {

using testing::HasSubstr;

constexpr std::string_view kGolden =
    "version=0.2.0+test~1\n"
    "build_time=1764201600\n"
    "board=rpi\n"
    "compatible=raspberrypi,3-model-b\n"
    "compatible=raspberrypi,4-model-b\n"
    "eeprom_time=1650000000\n"
    "raw_bytes=5120\n"
    "chunk_bytes=4096\n"
    "chunk=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
    "chunk=ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n";

std::string with(std::string_view old, std::string_view replacement) {
    std::string out{kGolden};
    const auto at = out.find(old);
    EXPECT_NE(at, std::string::npos) << old;
    return out.replace(at, old.size(), replacement);
}

std::string error_of(const std::string& text) {
    const auto parsed = parse_manifest(text);
    return parsed ? "parsed" : parsed.error().text();
}

TEST(SlotManifest, TheGoldenTextIsWhatItSays) {
    const auto manifest = parse_manifest(kGolden);
    ASSERT_TRUE(manifest) << manifest.error().text();
    EXPECT_EQ(manifest->version, "0.2.0+test~1");
    EXPECT_EQ(manifest->build_time, 1'764'201'600);
    EXPECT_EQ(manifest->board, "rpi");
    EXPECT_THAT(manifest->compatibles,
                testing::ElementsAre("raspberrypi,3-model-b", "raspberrypi,4-model-b"));
    EXPECT_EQ(manifest->eeprom_time, 1'650'000'000);
    EXPECT_EQ(manifest->raw_bytes, 5120U);
    EXPECT_EQ(manifest->chunk_bytes, 4096U);
    ASSERT_EQ(manifest->chunks.size(), 2U);
    EXPECT_EQ(manifest->chunks[0][1], 0x11);
    EXPECT_EQ(manifest->chunks[1][0], 0xff);
    EXPECT_EQ(manifest->length_of(0), 4096U);
    EXPECT_EQ(manifest->length_of(1), 1024U) << "the last one is shorter";
    EXPECT_EQ(manifest->length_of(2), 0U);
    EXPECT_EQ(build_manifest(*manifest), kGolden);
}

TEST(SlotManifest, EveryTruncationIsRefused) {
    for (std::size_t n = 0; n < kGolden.size(); ++n)
        EXPECT_FALSE(parse_manifest(kGolden.substr(0, n))) << "of " << n << " bytes";
}

TEST(SlotManifest, OneWayToWriteIt) {
    EXPECT_THAT(error_of(with("board=rpi\n", "")), HasSubstr("line 3 is not board="));
    EXPECT_THAT(error_of(with("board=rpi\n", "board=rpi\nboard=rpi\n")),
                HasSubstr("line 4 is not compatible="));
    EXPECT_THAT(error_of(with("board=rpi\n", "board=rpi\nnew=1\n")), HasSubstr("line 4"));
    EXPECT_THAT(error_of(std::string{kGolden} + "new=1\n"), HasSubstr("line 11 is unexpected"));
    EXPECT_THAT(error_of(std::string{kGolden} + "\n"), HasSubstr("line 11 is unexpected"));
    EXPECT_THAT(error_of(with("version=", "version =")), HasSubstr("line 1 is not version="));
    EXPECT_THAT(error_of(with("version=", "version= ")), HasSubstr("is not a version"));
    EXPECT_THAT(error_of(with("rpi\n", "rpi\r\n")), HasSubstr("\"rpi\\x0d\" is not a board"));
    EXPECT_THAT(error_of(with("rpi\n", "../rpi\n")), HasSubstr("is not a board"));
    EXPECT_THAT(error_of(with("rpi\n", "\n")), HasSubstr("is not a board"));
    EXPECT_THAT(error_of(with("0.2.0+test~1", std::string(65, '1'))), HasSubstr("is not a version"));
    EXPECT_THAT(error_of(with("version=0.2", std::string{"version=0\0.2", 11})),
                HasSubstr("is not a version"));
    EXPECT_THAT(error_of(with("3-model-b", "3 model")), HasSubstr("is not a compatible"));
}

TEST(SlotManifest, NumbersArePlain) {
    for (const char* number :
         {"", "-1", "+1", " 1", "01", "1.5", "0x10", "253402300800", "99999999999999999999"})
        EXPECT_THAT(error_of(with("=1764201600", std::string{"="} + number)), HasSubstr("line 2")) << number;
    EXPECT_EQ(error_of(with("=1764201600", "=0")), "parsed");
    EXPECT_THAT(error_of(with("raw_bytes=5120", "raw_bytes=0")), HasSubstr("not a number from 512"));
    EXPECT_THAT(error_of(with("raw_bytes=5120", "raw_bytes=5121")), HasSubstr("whole sectors"));
    EXPECT_THAT(error_of(with("raw_bytes=5120", "raw_bytes=268435968")), HasSubstr("not a number"));
    EXPECT_THAT(error_of(with("chunk_bytes=4096", "chunk_bytes=5000")), HasSubstr("power of two"));
    EXPECT_THAT(error_of(with("chunk_bytes=4096", "chunk_bytes=2048")), HasSubstr("not a number from 4096"));
    EXPECT_THAT(error_of(with("chunk_bytes=4096", "chunk_bytes=8388608")), HasSubstr("not a number"));
}

TEST(SlotManifest, OneHashForEachChunk) {
    EXPECT_THAT(error_of(with("raw_bytes=5120", "raw_bytes=4096")), HasSubstr("2 hashes for 4096 bytes"));
    EXPECT_THAT(error_of(with("raw_bytes=5120", "raw_bytes=8704")), HasSubstr("2 hashes for 8704 bytes"));
    EXPECT_THAT(error_of(with("chunk=0011", "chunk=00")), HasSubstr("is not a hash"));
    EXPECT_THAT(error_of(with("chunk=0011", "chunk=00AA")), HasSubstr("is not a hash"));
    EXPECT_THAT(error_of(with("chunk=0011", "chunk=00 1")), HasSubstr("is not a hash"));
}

TEST(SlotManifest, SomeBoardsAndNotThousands) {
    EXPECT_THAT(error_of(with("compatible=raspberrypi,3-model-b\ncompatible=raspberrypi,4-model-b\n", "")),
                HasSubstr("line 4 is not compatible="));
    std::string many;
    for (int i = 0; i < 65; ++i) many += "compatible=a\n";
    EXPECT_THAT(error_of(with("compatible=raspberrypi,3-model-b\n", many)), HasSubstr("too many boards"));
    EXPECT_THAT(error_of(std::string(kMaxManifestBytes + 1, 'x')), HasSubstr("too long"));
}

}  // namespace
}  // namespace ulagate::slot::manifest_test
