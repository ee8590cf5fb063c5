// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

// A card as the image is made, small, in a file: its file systems come from the tools that PCs and the
// image's recipe use (mkfs.fat, mcopy), so that ours is not the only idea of FAT in these tests.
namespace ulagate::card {

class CardImage {
public:
    static constexpr std::uint64_t kConfigSector = 2048;
    static constexpr std::uint64_t kConfigSectors = 16 * 2048;
    static constexpr std::uint64_t kSlotSector = kConfigSector + kConfigSectors;
    static constexpr std::uint64_t kSlotSectors = 64 * 2048;
    static constexpr std::uint64_t kStateSector = kSlotSector + kSlotSectors;
    static constexpr std::uint64_t kStateSectors = 2048;

    CardImage() {
        std::string name = (std::filesystem::temp_directory_path() / "ulagate-card-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        std::ofstream{disk()};
        std::filesystem::resize_file(disk(), (kStateSector + kStateSectors) * 512);
        entry(0, 0x0e, kConfigSector, kConfigSectors);
        entry(1, 0x0c, kSlotSector, kSlotSectors);
        entry(3, 0xda, kStateSector, kStateSectors);
        write_at(510, "\x55\xaa");
    }
    CardImage(const CardImage&) = delete;
    CardImage& operator=(const CardImage&) = delete;
    CardImage(CardImage&&) = delete;
    CardImage& operator=(CardImage&&) = delete;
    ~CardImage() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    [[nodiscard]] std::string folder() const { return folder_; }
    [[nodiscard]] std::string disk() const { return folder_ + "/disk"; }

    void format(const std::string& label = "ULAGATE") {
        run("mkfs.fat -F 16 -n '" + label + "' --offset " + std::to_string(kConfigSector) + " " + disk() +
            " 16384");
        run("mkfs.fat -F 32 -n SLOT_A --offset " + std::to_string(kSlotSector) + " " + disk() + " 65536");
    }
    // `sector`: of the partition.
    void put(const std::string& name, const std::string& content, std::uint64_t sector = kConfigSector) {
        std::ofstream{folder_ + "/content", std::ios::binary} << content;
        run("mcopy -o -i " + disk() + "@@" + std::to_string(sector * 512) + " " + folder_ +
            "/content '::" + name + "'");
    }
    void command(const std::string& words, std::uint64_t sector = kConfigSector) {
        const auto space = words.find(' ');
        run(words.substr(0, space) + " -i " + disk() + "@@" + std::to_string(sector * 512) +
            words.substr(space));
    }
    void entry(std::uint64_t index, std::uint8_t type, std::uint64_t first, std::uint64_t sectors) {
        std::string bytes(16, '\0');
        bytes[4] = static_cast<char>(type);
        for (std::size_t i = 0; i < 4; ++i) {
            bytes[8 + i] = static_cast<char>(first >> (8 * i));
            bytes[12 + i] = static_cast<char>(sectors >> (8 * i));
        }
        write_at(446 + 16 * index, bytes);
    }
    void write_at(std::uint64_t offset, const std::string& bytes) const {
        std::fstream file{disk(), std::ios::binary | std::ios::in | std::ios::out};
        file.seekp(static_cast<std::streamoff>(offset));
        file << bytes;
    }
    [[nodiscard]] std::string read_at(std::uint64_t offset, std::size_t bytes) const {
        std::ifstream file{disk(), std::ios::binary};
        file.seekg(static_cast<std::streamoff>(offset));
        std::string out(bytes, '\0');
        file.read(out.data(), static_cast<std::streamsize>(bytes));
        return out;
    }

private:
    void run(const std::string& command) const {
        // Both tools live where an ordinary user's path may not lead.
        const std::string all = "PATH=$PATH:/usr/sbin:/sbin MTOOLS_SKIP_CHECK=1 TZ=UTC LC_ALL=C.UTF-8 " +
                                command + " >" + folder_ + "/output 2>&1 </dev/null";
        if (std::system(all.c_str()) == 0) return;  // NOLINT(cert-env33-c)
        std::ifstream output{folder_ + "/output"};
        throw std::runtime_error{command + ": " + std::string{std::istreambuf_iterator<char>{output}, {}}};
    }
    std::string folder_;
};

}  // namespace ulagate::card
