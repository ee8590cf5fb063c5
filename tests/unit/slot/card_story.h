// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "daemon/base/file.h"
#include "image/boot/slot/boot_choice.h"
#include "image/boot/slot/disk.h"

namespace ulagate::slot {

inline constexpr std::size_t kSector = 512;

// A small FAT16 file system with files of at most one sector in its root directory, each with its long name.
inline std::string fat16_image(const std::string& label, const std::map<std::string, std::string>& files) {
    constexpr std::size_t kSectors = 4608;
    constexpr std::size_t kTable = 18;
    constexpr std::size_t kRootEntries = 512;
    constexpr std::size_t kRoot = 1 + 2 * kTable;
    constexpr std::size_t kData = kRoot + kRootEntries * 32 / kSector;
    std::string out(kSectors * kSector, '\0');
    const auto number = [&](std::size_t at, std::size_t bytes, std::size_t value) {
        for (std::size_t i = 0; i < bytes; ++i) out[at + i] = static_cast<char>(value >> 8 * i);
    };
    const auto text = [&](std::size_t at, std::string value, std::size_t length) {
        value.resize(length, ' ');
        out.replace(at, length, value);
    };
    out.replace(0, 3, "\xeb\x3c\x90");
    text(3, "mkfs.fat", 8);
    number(11, 2, kSector);
    number(13, 1, 1);
    number(14, 2, 1);
    number(16, 1, 2);
    number(17, 2, kRootEntries);
    number(19, 2, kSectors);
    number(21, 1, 0xf8);
    number(22, 2, kTable);
    number(38, 1, 0x29);
    text(43, label, 11);
    text(54, "FAT16", 8);
    number(510, 2, 0xaa55);
    std::size_t entry = kRoot * kSector;
    text(entry, label, 11);
    number(entry + 11, 1, 0x08);
    entry += 32;
    std::size_t cluster = 2;
    for (const std::size_t table : {std::size_t{1}, 1 + kTable}) {
        number(table * kSector, 2, 0xfff8);
        number(table * kSector + 2, 2, 0xffff);
    }
    for (const auto& [name, content] : files) {
        EXPECT_LE(content.size(), kSector);
        std::string shorter = "FILE" + std::to_string(cluster);
        shorter.resize(11, ' ');
        unsigned sum = 0;
        for (const char c : shorter)
            sum = ((sum & 1U) << 7U) + (sum >> 1U) + static_cast<unsigned char>(c), sum &= 0xffU;
        const std::size_t pieces = (name.size() + 12) / 13;
        for (std::size_t piece = pieces; piece-- > 0; entry += 32) {
            number(entry, 1, (piece + 1) | (piece + 1 == pieces ? 0x40U : 0U));
            number(entry + 11, 1, 0x0f);
            number(entry + 13, 1, sum);
            constexpr std::array<std::size_t, 13> kPlaces{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
            for (std::size_t i = 0; i < kPlaces.size(); ++i) {
                const std::size_t at = piece * 13 + i;
                const unsigned letter = at < name.size()    ? static_cast<unsigned char>(name[at])
                                        : at == name.size() ? 0U
                                                            : 0xffffU;
                number(entry + kPlaces.at(i), 2, letter);
            }
        }
        out.replace(entry, 11, shorter);
        number(entry + 11, 1, 0x20);
        number(entry + 26, 2, cluster);
        number(entry + 28, 4, content.size());
        entry += 32;
        for (const std::size_t table : {std::size_t{1}, 1 + kTable})
            number(table * kSector + 2 * cluster, 2, 0xffff);
        out.replace((kData + cluster - 2) * kSector, content.size(), content);
        ++cluster;
    }
    return out;
}

// A folder that looks like the root of a running router, with its card as a plain file. Slot A runs and is
// usual.
class SlotCard : public testing::Test {
protected:
    static constexpr std::size_t kConfigAt = 64 * kSector;
    static constexpr std::size_t kSlotAAt = 4672 * kSector;
    static constexpr std::size_t kSlotBAt = 9280 * kSector;
    static constexpr std::size_t kSlotBytes = 4608 * kSector;
    static constexpr std::size_t kStateAt = 13888 * kSector;
    static constexpr std::size_t kStateBytes = 512 * kSector;

    void SetUp() override {
        std::string pattern = parent_ + "/ulagate-slot-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        put("/run/appliance/card", "/dev/disk\n");
        put("/etc/ulagate-release",
            "VERSION=0.1.0\nBUILD_TIME=1900000000\nBOARD=rpi\nUPDATE_KEY=11qYAYKxCrfVS/"
            "7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n");
        put("/proc/device-tree/compatible", std::string{"raspberrypi,3-model-b\0brcm,bcm2837\0", 36});
        put("/sys/kernel/tryboot", "0\n");
        boots(Slot::a, false);
        make_card();
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    void put(const std::string& path, const std::string& content) const {
        std::filesystem::create_directories(std::filesystem::path{root_ + path}.parent_path());
        std::ofstream{root_ + path, std::ios::binary} << content;
    }
    [[nodiscard]] std::string get(const std::string& path) const {
        return read_file(root_ + path, 64U << 20U).value_or("nothing");
    }

    // What the bootloader says of this boot.
    void boots(Slot slot, bool tried) const {
        const auto cell = [](int value) { return std::string{'\0', '\0', '\0', static_cast<char>(value)}; };
        put("/proc/device-tree/chosen/bootloader/partition", cell(partition_number(slot)));
        put("/proc/device-tree/chosen/bootloader/tryboot", cell(tried ? 1 : 0));
    }

    void make_card(const std::string& autoboot = autoboot_text(Slot::a)) const {
        std::string card(kStateAt + kStateBytes, '\0');
        const auto partition = [&](std::size_t index, std::size_t type, std::size_t first,
                                   std::size_t bytes) {
            const std::size_t at = 446 + 16 * index;
            card[at + 4] = static_cast<char>(type);
            for (std::size_t i = 0; i < 4; ++i) {
                card[at + 8 + i] = static_cast<char>(first / kSector >> 8 * i);
                card[at + 12 + i] = static_cast<char>(bytes / kSector >> 8 * i);
            }
        };
        partition(0, 0x0e, kConfigAt, kSlotBytes);
        partition(1, 0x0c, kSlotAAt, kSlotBytes);
        partition(2, 0x0c, kSlotBAt, kSlotBytes);
        partition(3, 0xda, kStateAt, kStateBytes);
        card.replace(510, 2, "\x55\xaa");
        const auto config = fat16_image(
            "ULAGATE",
            {{"README.txt", "read me"}, {"autoboot.txt", autoboot}, {"ulagate.toml", "node = \"a\"\n"}});
        card.replace(kConfigAt, config.size(), config);
        const auto slot = fat16_image("SLOT", {{"ulagate-release", "VERSION=0.1.0\nBOARD=rpi\n"}});
        card.replace(kSlotAAt, slot.size(), slot);
        put("/dev/disk", card);
    }
    [[nodiscard]] std::string disk() const { return root_ + "/dev/disk"; }
    [[nodiscard]] card::Card card() const {
        auto opened = card::open_card(disk());
        EXPECT_TRUE(opened) << opened.error().text();
        return opened.value_or(card::Card{});
    }
    // The card with the state and the slot that does not run blanked out: what an update must never touch.
    [[nodiscard]] std::string rest_of_card() const {
        std::string all = get("/dev/disk");
        std::memset(all.data() + kSlotBAt, 0, kSlotBytes);
        std::memset(all.data() + kStateAt, 0, kStateBytes);
        return all;
    }
    [[nodiscard]] std::string slot_b() const { return get("/dev/disk").substr(kSlotBAt, kSlotBytes); }

    // In memory, where that can be: there are many waits for the card in here, and a busy disk takes seconds
    // for each.
    std::string parent_ = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : testing::TempDir();
    std::string root_;
};

}  // namespace ulagate::slot
