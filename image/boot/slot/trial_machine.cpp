// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/trial_machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/base/text.h"

namespace ulagate::slot {
namespace {

using Stage = UpdateRecord::Stage;

UpdateRecord with(UpdateRecord record, Stage stage, std::string reason) {
    record.stage = stage;
    record.reason = std::move(reason);
    return record;
}

}  // namespace

BootFinding examine_boot(const Boot& boot, std::optional<Slot> usual,
                         const std::optional<UpdateRecord>& record) {
    const bool open = record && (record->stage == Stage::armed || record->stage == Stage::trying);
    if (is_trial(boot, usual)) {
        if (open && record->slot == *boot.slot) {
            const auto trial = with(*record, Stage::trying, "");
            return {trial, trial};
        }
        // Somebody's hand has started the other slot, or the record is lost. It must prove the least there
        // is.
        UpdateRecord unknown;
        unknown.stage = Stage::trying;
        unknown.from_version = unknown.to_version = "unknown";
        unknown.slot = *boot.slot;
        unknown.before.configuration_good = true;
        return {unknown, unknown};
    }
    if (!open || !boot.slot) return {};
    // The sector was written, and then the power failed before the record was.
    if (*boot.slot == record->slot) return {with(*record, Stage::committed, ""), std::nullopt};
    return {with(*record, Stage::returned,
                 record->stage == Stage::armed
                     ? "the new version was not started or did not come up, and the bootloader went back"
                     : "the trial ended without a verdict: a crash, the watchdog, or the power"),
            std::nullopt};
}

std::string lacking(const Facts& before, const Facts& now) {
    if (before.configuration_good && !now.configuration_good)
        return "the configuration can no longer be read";
    for (const auto& link : before.links_up) {
        if (!now.links_up.contains(link)) return link + " has no link";
    }
    if (before.relay_reachable && !now.relay_reachable) return "no relay is reachable";
    return {};
}

TrialMachine::TrialMachine(const UpdateRecord& record, TimePoint started)
    : before_(record.before), deadline_(started + std::chrono::minutes{record.trial_minutes}) {}

TrialMachine::Verdict TrialMachine::step(const Facts& now_facts, TimePoint now) {
    if (given_up_) return Verdict::give_up;
    const std::string missing = lacking(before_, now_facts);
    if (missing.empty()) {
        if (!healthy_since_) healthy_since_ = now;
    } else {
        healthy_since_.reset();
    }
    // At the deadline itself a version that has been good for long enough is good.
    if (healthy_since_ && now - *healthy_since_ >= kHealthyFor && now <= deadline_) {
        reason_.clear();
        return Verdict::commit;
    }
    if (now >= deadline_) {
        given_up_ = true;
        reason_ = missing.empty() ? "it was not healthy for long enough during the trial" : missing;
        return Verdict::give_up;
    }
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(deadline_ - now);
    reason_ = fmt::format("{}; {} left", missing.empty() ? "healthy so far" : missing, human_duration(left));
    return Verdict::wait;
}

}  // namespace ulagate::slot
