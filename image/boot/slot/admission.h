// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "image/boot/slot/manifest.h"

namespace ulagate::slot {

// The machine an update would run on, and what it runs now.
struct Machine {
    std::string version;
    std::string board;
    std::int64_t build_time = 0;
    std::vector<std::string> compatibles;     // of its device tree
    std::optional<std::int64_t> eeprom_time;  // boards without a bootloader EEPROM have none
};

// A bootloader EEPROM from before May 2021 does not know how to try a slot once (seen: April 2021 does not).
inline constexpr std::int64_t kOldestEeprom = 1'619'827'200;

// May this update be written here at all? The reason in words when not. Only a person may say
// `allow_downgrade`: an old version with a known hole is signed as well as any.
Result<void> admit(const Manifest& update, const Machine& machine, std::uint64_t slot_bytes,
                   bool allow_downgrade);

// "2026-11-27 13:00 UTC"
std::string date_text(std::int64_t unix_seconds);

}  // namespace ulagate::slot
