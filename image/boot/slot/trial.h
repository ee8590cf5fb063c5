// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "daemon/base/result.h"
#include "image/boot/card/card.h"
#include "image/boot/slot/trial_machine.h"

namespace ulagate::slot {

// The last update as seen by the manager (`ulagate-appliance run`), on every boot:
//
//   auto trial = slot::Trial::begin("", log);    // once, after `prepare`; "" = the real root
//   every few seconds (5 s are good) while trial.running(), also in rescue:
//       if (trial.step(appliance::gather_facts(""), std::chrono::steady_clock::now()) ==
//       slot::Trial::Want::reboot)
//           ask init for an orderly reboot:  kill(1, SIGTERM)
//       gather_facts() (image/appliance/update/facts.h) waits for the daemon's answer, 30 s if that hangs:
//       where a watchdog has to be fed meanwhile, in a thread of its own.
//   trial.status() is a line for the console and the status page; "" when there is nothing to say.
//
// When this boot is not a trial, step() does nothing. When it is, step() compares the facts with those of the
// old version, commits (one sector of the card, then the record in the state) once they have been as good for
// 20 s, and wants the reboot, which starts the old version again, when that has not come within the agreed
// minutes after boot. The time counts from boot and not from begin(), so that a manager that crashes again
// and again gets no new time.
//
// It writes the state through StateStore::edit() and keeps nothing of it: a manager that saves its own files
// with edit() too loses nothing. A card that cannot be opened is not an error here: then there is no commit.
class Trial {
public:
    enum class Want { nothing, reboot };
    using Say = std::function<void(const std::string&)>;  // one line for the log

    static Trial begin(const std::string& root, Say say);

    [[nodiscard]] bool running() const { return machine_.has_value(); }
    Want step(const Facts& facts, TimePoint now);
    [[nodiscard]] std::string status() const;

private:
    Trial() = default;
    void keep();
    void tell(const std::string& line);

    Say say_;
    std::string root_;
    std::optional<card::Card> card_;
    std::optional<UpdateRecord> record_;  // of the last update
    std::optional<TrialMachine> machine_;
    std::string told_;  // the last line, not to repeat it
};

// The record of the last update in the card's state; nothing if there was none, or it is not understood.
std::optional<UpdateRecord> load_record(const card::Card& card);
Result<void> save_record(const card::Card& card, const UpdateRecord& record);

}  // namespace ulagate::slot
