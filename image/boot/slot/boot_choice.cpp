// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/boot_choice.h"

#include <fmt/format.h>

#include <map>

#include "daemon/base/text.h"

namespace ulagate::slot {
namespace {

constexpr std::string_view kAll = "[all]";
constexpr std::string_view kTryboot = "[tryboot]";
constexpr std::string_view kPartition = "boot_partition=";

}  // namespace

std::optional<Slot> slot_of(std::uint64_t partition_number) {
    if (partition_number == 2) return Slot::a;
    if (partition_number == 3) return Slot::b;
    return std::nullopt;
}

std::string_view name(Slot slot) { return slot == Slot::a ? "A" : "B"; }

std::string autoboot_text(Slot usual) {
    std::string out =
        fmt::format("{}\ntryboot_a_b=1\n{}{}\n{}\n{}{}\n", kAll, kPartition, partition_number(usual),
                    kTryboot, kPartition, partition_number(other(usual)));
    out.resize(kAutobootBytes, '\n');
    return out;
}

Result<Slot> parse_autoboot(std::string_view text) {
    std::map<std::string, std::optional<Slot>, std::less<>> chosen;  // by section
    std::string section;
    while (!text.empty()) {
        auto line = take_word(text, '\n');
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
        if (line.starts_with('[')) section = line;
        if (!line.starts_with(kPartition)) continue;
        const auto number = line.substr(kPartition.size());
        chosen[section] =
            number.size() == 1 ? slot_of(static_cast<std::uint64_t>(number.front() - '0')) : std::nullopt;
    }
    const auto usual = chosen[std::string{kAll}];
    const auto tried = chosen[std::string{kTryboot}];
    if (chosen.size() != 2 || !usual || !tried || *tried != other(*usual))
        return fail("autoboot.txt does not choose between partitions 2 and 3 as this firmware's does");
    return *usual;
}

bool is_trial(const Boot& boot, std::optional<Slot> usual) {
    return boot.slot && (usual ? *boot.slot != *usual : boot.tried);
}

}  // namespace ulagate::slot
