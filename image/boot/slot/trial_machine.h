// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "image/boot/slot/update_record.h"

namespace ulagate::slot {

using TimePoint = std::chrono::steady_clock::time_point;

// What this boot is to the last update.
struct BootFinding {
    // The record as it has to be from now on; nullopt: it stays as it is.
    std::optional<UpdateRecord> record;
    // This boot is a trial: judge it by this record.
    std::optional<UpdateRecord> trial;
};

// At the start of ulagate-appliance run. `usual`: if the card tells; `record`: the last update, if one is
// known.
BootFinding examine_boot(const Boot& boot, std::optional<Slot> usual,
                         const std::optional<UpdateRecord>& record);

// What a version on trial still lacks, compared with what the old one had: "eth0 has no link". Empty: it is
// as good.
std::string lacking(const Facts& before, const Facts& now);

// Decides over a trial boot: good for a while without a break = commit; not so in time = return. It only
// decides; see image/boot/slot/trial.h for who acts.
class TrialMachine {
public:
    enum class Verdict { wait, commit, give_up };

    TrialMachine(const UpdateRecord& record, TimePoint started);

    // To be asked every few seconds, until the commit is done: a card may need a second attempt. After
    // give_up the answer does not change any more.
    Verdict step(const Facts& now_facts, TimePoint now);

    // What it waits for, or why it gave up. One line for people.
    [[nodiscard]] const std::string& reason() const { return reason_; }
    [[nodiscard]] TimePoint deadline() const { return deadline_; }

private:
    Facts before_;
    TimePoint deadline_;
    std::optional<TimePoint> healthy_since_;
    std::string reason_;
    bool given_up_ = false;
};

// A link that comes and goes, or a daemon that restarts, is not healthy: it has to last.
inline constexpr std::chrono::seconds kHealthyFor{20};

}  // namespace ulagate::slot
