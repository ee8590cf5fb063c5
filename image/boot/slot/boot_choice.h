// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.h"

// Which slot the boot ROM starts: autoboot.txt in the first partition. It is always exactly one sector, so
// that a commit is one sector too, and a power cut leaves the old choice or the new one.
namespace ulagate::slot {

inline constexpr std::size_t kAutobootBytes = 512;

// The number of the partition that a slot is, as the bootloader counts them.
enum class Slot : std::uint8_t { a = 2, b = 3 };

constexpr Slot other(Slot slot) { return slot == Slot::a ? Slot::b : Slot::a; }
constexpr int partition_number(Slot slot) { return static_cast<int>(slot); }
std::optional<Slot> slot_of(std::uint64_t partition_number);
std::string_view name(Slot slot);  // "A"

// 512 bytes: start this slot; the other one when it is to be tried once. Filled up with line ends.
std::string autoboot_text(Slot usual);
// The usual slot. Refuses what does not choose between the two slots.
Result<Slot> parse_autoboot(std::string_view text);

// What the bootloader tells about this boot (/proc/device-tree/chosen/bootloader).
struct Boot {
    std::optional<Slot> slot;  // nullopt: started in some other way
    bool tried = false;        // through the flag that holds for one boot
    std::optional<std::int64_t> eeprom_time;
    bool operator==(const Boot&) const = default;
};

// A boot that nothing makes permanent: the next one starts another slot, the usual one. When the card does
// not tell which that is, the bootloader's flag does.
bool is_trial(const Boot& boot, std::optional<Slot> usual);

}  // namespace ulagate::slot
