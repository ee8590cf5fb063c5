// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/admission.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "daemon/base/text.h"

namespace ulagate::slot {

std::string date_text(std::int64_t unix_seconds) {
    return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(static_cast<std::time_t>(unix_seconds)));
}

Result<void> admit(const Manifest& update, const Machine& machine, std::uint64_t slot_bytes,
                   bool allow_downgrade) {
    if (update.board != machine.board)
        return fail(
            fmt::format("the update is for {}, this is the firmware for {}", update.board, machine.board));
    const bool ours =
        std::any_of(machine.compatibles.begin(), machine.compatibles.end(), [&](const std::string& name) {
            return std::find(update.compatibles.begin(), update.compatibles.end(), name) !=
                   update.compatibles.end();
        });
    if (!ours) {
        return fail(
            fmt::format("the update does not know this board ({})",
                        machine.compatibles.empty() ? "nameless" : quote(machine.compatibles.front())));
    }
    if (update.raw_bytes > slot_bytes)
        return fail(fmt::format("the update needs {} bytes, a slot of this card has {}", update.raw_bytes,
                                slot_bytes));
    const std::int64_t oldest_eeprom = std::max(kOldestEeprom, update.eeprom_time);
    if (machine.eeprom_time && *machine.eeprom_time < oldest_eeprom) {
        return fail(fmt::format(
            "the bootloader EEPROM of this board is of {}, and trying a slot needs one of {} or later; "
            "update it with Raspberry Pi Imager (Misc utility images, Bootloader) on a spare card",
            date_text(*machine.eeprom_time), date_text(oldest_eeprom)));
    }
    if (update.build_time < machine.build_time && !allow_downgrade) {
        return fail(fmt::format(
            "{} of {} is older than the running {} of {}; old versions may have known vulnerabilities. To "
            "install it anyway, use --allow-downgrade",
            update.version, date_text(update.build_time), machine.version, date_text(machine.build_time)));
    }
    return {};
}

}  // namespace ulagate::slot
