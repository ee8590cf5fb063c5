// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "image/boot/card/card.h"
#include "tests/unit/card/image.h"

namespace ulagate::card::fat_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::size_t kMax = 1U << 22U;

std::vector<std::string> names(const FatRoot& root) {
    std::vector<std::string> out;
    for (const FatFile& file : root.files) out.push_back(file.name);
    return out;
}

std::string noise(std::size_t bytes) {
    std::mt19937 random{static_cast<unsigned>(bytes)};
    std::string out(bytes, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
}

class FatTest : public testing::Test {
protected:
    FatTest() { image_.format(); }
    [[nodiscard]] FatPartition open(Part part = Part::config) const {
        return FatPartition::open(open_card(image_.disk()).value(), part).value();
    }
    CardImage image_;
};

TEST_F(FatTest, ReadsWhatAPcHasWritten) {
    image_.put("ulagate.toml", "node = \"a1\"\r\n");
    image_.put("README.TXT", "read me");
    image_.put("factory-reset", "");
    image_.put("a name with spaces and more than twenty-six letters.keys", "k");
    image_.put(
        "gr\xc3\xbc\xc3\x9f"
        "e von hier.txt",
        "Gru\xc3\x9f");
    // Without a long name, in a code page that nothing on the card tells.
    image_.put("gr\xc3\xbc\xc3\x9f.txt", "Gru\xc3\x9f");
    image_.command("mmd ::folder");
    const auto partition = open();
    EXPECT_EQ(partition.volume().kind, FatVolume::Kind::fat16);
    const auto root = partition.root().value();
    EXPECT_EQ(root.label, "ULAGATE");
    EXPECT_THAT(names(root), UnorderedElementsAre("ulagate.toml", "README.TXT", "factory-reset",
                                                  "a name with spaces and more than twenty-six letters.keys",
                                                  "gr\xc3\xbc\xc3\x9f"
                                                  "e von hier.txt",
                                                  "gr__.txt"));
    ASSERT_NE(find_file(root, "ULAGATE.TOML"), nullptr);
    EXPECT_EQ(partition.read(*find_file(root, "ulagate.toml"), kMax).value(), "node = \"a1\"\r\n");
    EXPECT_EQ(partition.read(*find_file(root, "factory-reset"), kMax).value(), "");
    EXPECT_EQ(find_file(root, "folder"), nullptr);
    EXPECT_EQ(find_file(root, "ulagate.tom"), nullptr);
}

TEST_F(FatTest, ReadsFilesOfEveryLengthOnBothKinds) {
    for (const auto& [part, sector] :
         {std::pair{Part::config, CardImage::kConfigSector}, {Part::slot_a, CardImage::kSlotSector}}) {
        for (const std::size_t bytes : {1U, 511U, 512U, 513U, 2048U, 2049U, 100'000U, 1'000'000U}) {
            image_.put("file.bin", noise(bytes), sector);
            const auto partition = open(part);
            const auto root = partition.root().value();
            ASSERT_THAT(root.files, testing::SizeIs(1));
            EXPECT_EQ(partition.read(root.files[0], kMax).value(), noise(bytes));
            EXPECT_THAT(partition.read(root.files[0], bytes - 1).error().text(), HasSubstr("too large"));
        }
        EXPECT_EQ(open(part).volume().kind,
                  part == Part::config ? FatVolume::Kind::fat16 : FatVolume::Kind::fat32);
    }
}

TEST_F(FatTest, FindsFilesThatAreGoneAndManyThatAreThere) {
    for (int i = 0; i < 40; ++i)
        image_.put("file number " + std::to_string(i) + ".txt", std::to_string(i), CardImage::kSlotSector);
    for (int i = 0; i < 40; i += 2)
        image_.command("mdel '::file number " + std::to_string(i) + ".txt'", CardImage::kSlotSector);
    const auto partition = open(Part::slot_a);
    const auto root = partition.root().value();
    EXPECT_THAT(root.files, testing::SizeIs(20));
    for (const FatFile& file : root.files) {
        EXPECT_EQ("file number " + partition.read(file, kMax).value() + ".txt", file.name);
    }
}

TEST_F(FatTest, SaysWhereAFileInOnePieceLies) {
    image_.put("autoboot.txt", std::string(512, 'a'));
    image_.put("first.bin", noise(5000));
    image_.put("hole.bin", noise(4000));
    image_.put("last.bin", noise(3000));
    auto partition = open();
    const auto at = partition.first_byte(*find_file(partition.root().value(), "autoboot.txt")).value();
    EXPECT_EQ(image_.read_at(at, 512), std::string(512, 'a'));
    const auto first = partition.first_byte(*find_file(partition.root().value(), "first.bin")).value();
    EXPECT_EQ(image_.read_at(first, 5000), noise(5000));
    // A file that fills the hole and goes on behind the others: fill everything, then make room for it.
    image_.put("filler.bin", std::string(16'000'000, 'f'));
    image_.command("mdel ::hole.bin");
    image_.command("mdel ::first.bin");
    image_.command("mdel ::filler.bin");
    image_.put("fill2.bin", std::string(16'200'000, 'f'));
    partition = open();
    const auto root = partition.root().value();
    ASSERT_NE(find_file(root, "fill2.bin"), nullptr);
    EXPECT_THAT(partition.first_byte(*find_file(root, "fill2.bin")).error().text(), HasSubstr("pieces"));
    image_.put("empty.txt", "");
    EXPECT_FALSE(open().first_byte(*find_file(open().root().value(), "empty.txt")));
}

TEST_F(FatTest, KnowsWhenAFileWasWritten) {
    image_.put("ulagate.toml", "x");
    const auto before = std::chrono::system_clock::now();
    const auto at = open().root().value().files.at(0).modified;
    EXPECT_LT(before - at, std::chrono::minutes{10});
    EXPECT_GT(before - at, -std::chrono::minutes{10});
}

TEST_F(FatTest, FindsTheCardByEitherOfItsTwoLabels) {
    EXPECT_TRUE(open_card(image_.disk()));
    image_.format("OTHER");
    EXPECT_THAT(open_card(image_.disk()).error().text(), HasSubstr("\"OTHER\", not ULAGATE"));
    image_.command("mlabel ::ULAGATE");
    EXPECT_TRUE(open_card(image_.disk()));
}

TEST_F(FatTest, IsNotTakenInByOtherDisks) {
    EXPECT_THAT(open_card(image_.folder()).error().text(), testing::Not(IsEmpty()));
    EXPECT_THAT(open_card(image_.disk() + ".none").error().text(), HasSubstr("No such file"));
    image_.write_at(CardImage::kConfigSector * 512, std::string(512, '\0'));
    EXPECT_THAT(open_card(image_.disk()).error().text(), HasSubstr("no FAT file system"));
    image_.entry(0, 0, 0, 0);
    EXPECT_THAT(open_card(image_.disk()).error().text(), HasSubstr("has no partition 1"));
    image_.write_at(510, "xx");
    EXPECT_THAT(open_card(image_.disk()).error().text(), HasSubstr("no partition table"));
    std::filesystem::resize_file(image_.disk(), 100);
    EXPECT_THAT(open_card(image_.disk()).error().text(), HasSubstr("ends too early"));
}

TEST_F(FatTest, ACardWithoutRoomForTheStateSaysSo) {
    auto card = open_card(image_.disk()).value();
    EXPECT_TRUE(card.open_state());
    image_.entry(3, 0xda, CardImage::kStateSector, 255);
    EXPECT_THAT(open_card(image_.disk()).value().open_state().error().text(), HasSubstr("too small"));
    image_.entry(3, 0xda, CardImage::kStateSector + 1900, 2048);
    EXPECT_THAT(open_card(image_.disk()).value().open_state().error().text(), HasSubstr("ends before"));
    image_.entry(3, 0, 0, 0);
    card = open_card(image_.disk()).value();
    EXPECT_THAT(card.open_state().error().text(), HasSubstr("has no partition 4"));
}

TEST_F(FatTest, FindCardLooksAmongTheDisksAndWaits) {
    const std::string devices = image_.folder() + "/dev";
    std::filesystem::create_directory(devices);
    std::ofstream{devices + "/sda"} << "another disk";
    const auto none = find_card(std::chrono::milliseconds{0}, devices);
    EXPECT_THAT(none.error().text(), HasSubstr("ends too early"));
    std::filesystem::rename(image_.disk(), devices + "/mmcblk0p1");  // not a whole disk
    EXPECT_FALSE(find_card(std::chrono::milliseconds{0}, devices));
    std::filesystem::rename(devices + "/mmcblk0p1", devices + "/vdb");
    EXPECT_EQ(find_card(std::chrono::milliseconds{0}, devices).value().disk, devices + "/vdb");
    EXPECT_THAT(find_card(std::chrono::milliseconds{0}, devices + ".none").error().text(), "no disk");
    std::filesystem::rename(devices + "/vdb", image_.folder() + "/later");
    std::thread late{[&] {
        std::this_thread::sleep_for(std::chrono::milliseconds{300});
        std::filesystem::rename(image_.folder() + "/later", devices + "/mmcblk0");
    }};
    EXPECT_TRUE(find_card(std::chrono::seconds{20}, devices));
    late.join();
}

TEST(Disks, AreWholeAndInOrder) {
    EXPECT_THAT(disks_among({"sda", "sda1", "mmcblk1", "vda", "mmcblk0p1", "mmcblk0", "sdaa", "sdz",
                             "mmcblk0boot0", "loop0", "sd", "vdb2", "mmcblk"}),
                ElementsAre("mmcblk0", "mmcblk1", "vda", "sda", "sdz", "sdaa"));
}

// The parsers see any bytes without harm; the fuzzer goes on from here.
TEST_F(FatTest, DamageAnywhereInItsTablesIsNoHarm) {
    image_.put("ulagate.toml", noise(3000));
    const auto volume = open().volume();
    std::mt19937 random{7};
    const std::size_t head = (volume.data_sector + 16) * kSectorBytes;
    const std::string whole = image_.read_at(CardImage::kConfigSector * 512, head);
    for (int round = 0; round < 2000; ++round) {
        std::string damaged = whole;
        for (int i = 0; i < 8; ++i)
            damaged[random() % (i < 4 ? 64 : damaged.size())] = static_cast<char>(random());
        const ReadSectors read = [&](std::uint32_t first,
                                     std::uint32_t count) -> Result<std::vector<std::byte>> {
            const std::size_t at = first * kSectorBytes;
            if (count > 128 || at + count * kSectorBytes > damaged.size()) return fail("outside");
            const auto bytes = std::as_bytes(std::span{damaged}).subspan(at, count * kSectorBytes);
            return std::vector<std::byte>{bytes.begin(), bytes.end()};
        };
        const auto parsed = parse_fat(std::as_bytes(std::span{damaged}).first(kSectorBytes));
        if (!parsed) continue;
        const auto root = read_root(*parsed, read);
        if (!root) continue;
        for (const FatFile& file : root->files) {
            const auto content = read_fat_file(*parsed, file, kMax, read);
            EXPECT_TRUE(!content || content->size() == file.bytes);
        }
    }
}

}  // namespace
}  // namespace ulagate::card::fat_test
