// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "daemon/base/file.h"
#include "tests/unit/slot/update_story.h"

namespace ulagate::slot::update_file_test {
namespace {

using testing::HasSubstr;

const std::string kGoldenFile =
    std::string{ULAGATE_SOURCE_DIR} + "/tests/fuzz/corpus/slot_update/made-by-make-update";
constexpr std::size_t kSize = 10 * 4096 + 1024;  // 11 chunks, the last one shorter

// The image that the golden file was made of: 20 sectors, filled with their numbers.
Bytes golden_image() {
    Bytes out;
    for (int sector = 0; sector < 20; ++sector) out.insert(out.end(), 512, static_cast<std::byte>(sector));
    return out;
}

TEST(SlotUpdateFile, WhatMakeUpdateMadeIsRead) {
    const auto file = read_file(kGoldenFile, 100'000);
    ASSERT_TRUE(file) << file.error().text();
    const auto key = parse_update_key("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    ASSERT_TRUE(key);
    EXPECT_EQ(*key, Maker{}.key());
    const auto reading = read_update(to_bytes(*file), 1000, *key);
    EXPECT_EQ(reading.error, "");
    EXPECT_EQ(reading.image, golden_image());
    ASSERT_TRUE(reading.manifest);
    EXPECT_EQ(reading.manifest->version, "0.2.0+test~1");
    EXPECT_EQ(Maker{}.head(build_manifest(*reading.manifest)),
              to_bytes(file->substr(0, file->find("\x28\xb5\x2f\xfd"))))
        << "openssl and libsodium sign alike";
}

TEST(SlotUpdateFile, MakeUpdateMakesTheSameTwice) {
    std::string folder = testing::TempDir() + "ulagate-make-update-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const Bytes image = golden_image();
    const std::string key =
        "-----BEGIN PRIVATE "
        "KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE "
        "KEY-----\n";
    ASSERT_TRUE(write_file_atomically(folder + "/key.pem", key, 0600));
    ASSERT_TRUE(write_file_atomically(folder + "/image",
                                      {reinterpret_cast<const char*>(image.data()), image.size()}, 0600));
    const auto make = [&](const std::string& out, const std::string& more) {
        const std::string command =
            std::string{ULAGATE_SOURCE_DIR} +
            "/image/boot/slot/make-update --board rpi --version 0.2.0+test~1 --build-time 1764201600 "
            "--compatible raspberrypi,3-model-b --compatible raspberrypi,4-model-b --eeprom-time "
            "1650000000 --chunk-bytes 4096 --key " +
            folder + "/key.pem " + more + " " + folder + "/image " + out;
        return std::system(command.c_str());
    };
    EXPECT_EQ(make(folder + "/one", ""), 0);
    EXPECT_EQ(make(folder + "/two", ""), 0);
    const auto one = read_file(folder + "/one", 100'000).value_or("");
    EXPECT_EQ(one, read_file(folder + "/two", 100'000).value_or("nothing"));
    const auto golden = read_file(kGoldenFile, 100'000).value_or("");
    const auto head = golden.find("\x28\xb5\x2f\xfd");
    EXPECT_EQ(one.substr(0, head), golden.substr(0, head))
        << "the compressed part may change with zstd's version";
    EXPECT_EQ(read_update(to_bytes(one)).error, "");

    const auto made_of = [&](std::size_t size) {
        Bytes longer = image;
        longer.resize(size);
        EXPECT_TRUE(write_file_atomically(
            folder + "/image", {reinterpret_cast<const char*>(longer.data()), longer.size()}, 0600));
        EXPECT_EQ(make(folder + "/longer", ""), 0);
        return read_update(to_bytes(read_file(folder + "/longer", 100'000).value_or("")));
    };
    const std::size_t whole_chunks = (image.size() + 4095) / 4096 * 4096;
    EXPECT_EQ(made_of(whole_chunks + 50 * 4096).image, made_of(whole_chunks).image)
        << "the zeros behind the last file are not written";
    EXPECT_EQ(made_of(whole_chunks + 50 * 4096).image.size(), whole_chunks);

    EXPECT_NE(make(folder + "/three", "--version 'a b' 2>/dev/null"), 0);
    EXPECT_FALSE(std::filesystem::exists(folder + "/three"));
    std::filesystem::remove_all(folder);
}

TEST(SlotUpdateFile, InPiecesOfAnySize) {
    const Bytes image = some_image(kSize);
    const Bytes file = update_of(image);
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{7}, std::size_t{512}, std::size_t{4096}, file.size()}) {
        const auto reading = read_update(file, piece);
        EXPECT_EQ(reading.error, "") << piece;
        EXPECT_EQ(reading.image, image) << piece;
    }
}

TEST(SlotUpdateFile, NothingIsTakenWithoutTheRightSignature) {
    const Bytes image = some_image(kSize);
    const auto by_another = read_update(update_of(image, Maker{1}));
    EXPECT_THAT(by_another.error, HasSubstr("signature is not by the key"));
    EXPECT_FALSE(by_another.manifest) << "not even looked at";
    EXPECT_TRUE(by_another.image.empty());

    const Bytes file = update_of(image);
    const std::size_t head = Maker{}.head(build_manifest(manifest_of(image))).size();
    for (std::size_t at = 0; at < head; ++at) {
        for (const unsigned bit : {0U, 7U}) {
            Bytes damaged = file;
            damaged[at] ^= static_cast<std::byte>(1U << bit);
            const auto reading = read_update(damaged);
            EXPECT_NE(reading.error, "") << "byte " << at;
            EXPECT_FALSE(reading.manifest) << "byte " << at;
        }
    }
}

TEST(SlotUpdateFile, ADamagedChunkIsNeverHandedOut) {
    const Bytes image = some_image(kSize);
    const Manifest manifest = manifest_of(image);
    const Bytes head = Maker{}.head(build_manifest(manifest));
    for (std::size_t chunk = 0; chunk < manifest.chunks.size(); ++chunk) {
        for (const std::size_t place :
             {std::size_t{0}, manifest.length_of(chunk) / 2, manifest.length_of(chunk) - 1}) {
            Bytes other = image;
            other[chunk * manifest.chunk_bytes + place] ^= std::byte{1};
            const auto reading = read_update(head + compress(other));
            EXPECT_THAT(reading.error,
                        HasSubstr("chunk " + std::to_string(chunk + 1) + " of 11 is not what was signed"));
            EXPECT_EQ(reading.image, Bytes(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(
                                                                              chunk * manifest.chunk_bytes)))
                << "all before it, and nothing of it";
        }
    }
}

TEST(SlotUpdateFile, EveryBitOfTheStreamCounts) {
    const Bytes image = golden_image();
    const Bytes head = Maker{}.head(build_manifest(manifest_of(image)));
    const Bytes stream = compress(image);
    for (std::size_t bit = 0; bit < stream.size() * 8; ++bit) {
        Bytes damaged = stream;
        damaged[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        const auto reading = read_update(head + damaged);
        // Some bits of a frame change nothing of what comes out (unused ones); then it must be the same to
        // the byte.
        if (reading.error.empty()) {
            EXPECT_EQ(reading.image, image) << bit;
        }
        ASSERT_LE(reading.image.size(), image.size());
        EXPECT_TRUE(std::equal(reading.image.begin(), reading.image.end(), image.begin())) << bit;
    }
}

TEST(SlotUpdateFile, EveryTruncationIsRefused) {
    const Bytes file = update_of(golden_image());
    for (std::size_t n = 0; n < file.size(); ++n) {
        const auto reading = read_update(std::span{file}.first(n));
        EXPECT_THAT(reading.error, HasSubstr("ends too early")) << "of " << n << " bytes";
    }
}

TEST(SlotUpdateFile, NothingFollowsTheEnd) {
    const Bytes image = some_image(kSize);
    const Bytes file = update_of(image);
    EXPECT_THAT(read_update(file + to_bytes("x")).error, HasSubstr("something follows its end"));
    EXPECT_THAT(read_update(file + to_bytes("x"), file.size() + 1).error,
                HasSubstr("something follows its end"));
    EXPECT_THAT(read_update(file + compress({})).error, HasSubstr("something follows its end"))
        << "an empty frame";
    EXPECT_THAT(read_update(file + to_bytes(std::string_view{"\x50\x2a\x4d\x18\0\0\0\0", 8})).error,
                HasSubstr("something follows its end"))
        << "a frame to be skipped";
}

TEST(SlotUpdateFile, AsMuchAsTheManifestSays) {
    const Bytes image = some_image(kSize);
    const Bytes head = Maker{}.head(build_manifest(manifest_of(image)));
    EXPECT_THAT(read_update(head + compress(image + Bytes(1))).error,
                HasSubstr("longer than its manifest says"));
    EXPECT_THAT(read_update(head + compress(image + Bytes(1'000'000))).error,
                HasSubstr("longer than its manifest says"));
    EXPECT_THAT(read_update(head + compress(std::span{image}.first(kSize - 512))).error,
                HasSubstr("shorter than its manifest says"));
    EXPECT_THAT(read_update(head + compress(std::span{image}.first(4096))).error,
                HasSubstr("shorter than its manifest says"));
    EXPECT_THAT(read_update(head + compress({})).error, HasSubstr("shorter than its manifest says"));
}

TEST(SlotUpdateFile, AWindowThatEatsTheMemoryIsRefused) {
    const Bytes image = some_image(kSize);
    // A frame header that asks for a window of 1 GiB (RFC 8878 section 3.1.1.1: exponent 20).
    const Bytes frame = to_bytes(std::string_view{"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00", 9});
    EXPECT_THAT(read_update(Maker{}.head(build_manifest(manifest_of(image))) + frame).error,
                HasSubstr("too much memory"));
}

TEST(SlotUpdateFile, OtherFilesAreNamed) {
    EXPECT_THAT(read_update(to_bytes("PK\x03\x04 something zipped")).error,
                HasSubstr("not an update file of ulagate"));
    EXPECT_THAT(read_update(to_bytes("ulagate slot 1\n\n")).error,
                HasSubstr("not an update file of ulagate"));
    EXPECT_THAT(read_update(to_bytes("ulagate slot 2\r\n")).error, HasSubstr("a newer kind"));
    EXPECT_THAT(read_update(to_bytes("ulagate slot 1\r\n\xff\xff\xff\xff")).error,
                HasSubstr("a manifest of 4294967295 bytes"));
    EXPECT_THAT(read_update({}).error, HasSubstr("ends too early"));
}

TEST(SlotUpdateFile, ASignedManifestIsStillChecked) {
    EXPECT_THAT(read_update(Maker{}.head("version=1\n")).error,
                HasSubstr("is signed, but wrong: manifest: line 2"));
}

TEST(SlotUpdateFile, TheReceiverMayRefuse) {
    const Bytes file = update_of(some_image(kSize));
    int chunks = 0;
    UpdateReader reader{Maker{}.key(),
                        {[](const Manifest&) -> Result<void> { return {}; },
                         [&](std::uint64_t, std::span<const std::byte>) -> Result<void> {
                             if (++chunks == 3) return fail("the card is full");
                             return {};
                         }}};
    const auto taken = reader.take(file);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().text(), "the card is full");
    EXPECT_EQ(chunks, 3);
    UpdateReader choosy{Maker{}.key(),
                        {[](const Manifest&) -> Result<void> { return fail("not for me"); }, {}}};
    EXPECT_FALSE(choosy.take(file));
}

TEST(SlotUpdateFile, AKeyIs32Bytes) {
    EXPECT_FALSE(parse_update_key(""));
    EXPECT_FALSE(parse_update_key("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    EXPECT_FALSE(parse_update_key("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ=="));
    EXPECT_FALSE(parse_update_key("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"));
    EXPECT_FALSE(parse_update_key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="));
}

}  // namespace
}  // namespace ulagate::slot::update_file_test
