// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "image/boot/card/fat.h"

using namespace ulagate;
using namespace ulagate::card;

namespace {

constexpr std::size_t kMaxFile = 1U << 20U;

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

// A partition that is as long as the input (with zeros behind it, as on a card, up to a limit).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = std::as_bytes(std::span{data, size});
    (void)parse_mbr(input);
    const auto volume = parse_fat(input);
    if (!volume) return 0;
    const ReadSectors read = [&](std::uint32_t first, std::uint32_t count) -> Result<std::vector<std::byte>> {
        require(count > 0 && count <= 128 && first < volume->sectors && count <= volume->sectors - first);
        std::vector<std::byte> out(count * kSectorBytes);
        const std::size_t at = first * kSectorBytes;
        if (at >= input.size() + kMaxFile) return fail("outside");
        for (std::size_t i = 0; i < out.size() && at + i < input.size(); ++i) out[i] = input[at + i];
        return out;
    };
    const auto root = read_root(*volume, read);
    if (!root) return 0;
    require(root->files.size() <= kMaxRootEntries);
    for (const FatFile& file : root->files) {
        require(find_file(*root, file.name) != nullptr);
        const auto sector = contiguous_sector(*volume, file, read);
        if (sector) require(*sector >= volume->data_sector && *sector < volume->sectors);
        const auto content = read_fat_file(*volume, file, kMaxFile, read);
        if (content) require(content->size() == file.bytes);
    }
    return 0;
}
