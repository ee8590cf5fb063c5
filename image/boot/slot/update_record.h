// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "daemon/base/result.h"
#include "image/boot/slot/boot_choice.h"

namespace ulagate::slot {

// What a router can say of itself before an update and after it.
struct Facts {
    bool configuration_good = false;
    std::set<std::string> links_up;  // LANs with a carrier
    bool relay_reachable = false;    // no relay is needed of a machine that had none
    bool operator==(const Facts&) const = default;
};

// The last update, as it is kept in the card's state under "update": what was agreed on before the reboot,
// and what became of it.
struct UpdateRecord {
    enum class Stage : std::uint8_t {
        armed,      // written and verified; the next boot tries it
        trying,     // that boot has begun
        committed,  // it is the usual version now
        returned,   // the old version runs again, see `reason`
        failed,     // it was never started, see `reason`
    };
    Stage stage = Stage::armed;
    std::string from_version;
    std::string to_version;
    Slot slot = Slot::b;  // that was written
    std::uint32_t trial_minutes = 5;
    Facts before;
    std::string reason;  // one line
    bool operator==(const UpdateRecord&) const = default;
};

std::string_view name(UpdateRecord::Stage stage);

std::string to_text(const UpdateRecord& record);
Result<UpdateRecord> parse_update_record(std::string_view text);

// "0.1.0 -> 0.2.0 in slot B: returned: no relay answered"
std::string for_people(const UpdateRecord& record);

}  // namespace ulagate::slot
