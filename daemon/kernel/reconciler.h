// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/kernel/fights.h"
#include "daemon/kernel/kernel.h"
#include "daemon/kernel/problems.h"
#include "daemon/kernel/step_effects.h"
#include "daemon/kernel/steps.h"

namespace ulagate {

// Brings the kernel to the wanted state and keeps it there. Level-triggered: events only say what to read
// again, and the same run serves start, reload, crash recovery and a foreign hand. No clock, no log: `now`
// comes in, and what was done goes out.
class Reconciler {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    // The wanted state may depend on what is there (a route waits for its interface).
    using Want = std::function<Wanted(const Have&)>;

    struct Done {
        std::string what;       // describe(step)
        bool restored = false;  // it had been in place, and nobody asked us to change it
        bool again = false;     // restored, and that was said already
    };
    using Failed = Problems::Failed;
    struct Report {
        std::vector<Done> done;
        std::vector<Failed> failed;
    };
    // A step that cannot be done now, for status.
    using Problem = Problems::Problem;

    explicit Reconciler(Kernel& kernel) : kernel_(kernel) {}

    void mark(const Stale& stale) { stale_ |= stale; }
    // Reads what is stale. True when anything differs from what we knew.
    Result<bool> refresh();
    // Plans, applies and reads back until nothing is left that can be done now. `slow_too`: also create
    // tunnel interfaces, which takes a userspace backend tenths of a second.
    Report run(const Want& want, TimePoint now, bool slow_too = true);
    // When the next step is due that has failed, or that puts back what is fought over.
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    // Does now what the next plan would do anyway: there is no time to make one.
    Report apply_ahead(const Step& step, TimePoint now);
    // The same where nothing need be read again to know what is there then: reading ten thousand peers costs
    // more than anything that is done to a few of them.
    Report apply_as_known(const Step& step, TimePoint now);
    // Puts the leased addresses that are there again, or the kernel would remove them. To be called each
    // second, as the first thing. `clock`: the time now, at each call.
    Report renew_leases(const std::function<TimePoint()>& clock);
    // Every failed step may be tried at once: something about its causes has changed.
    void retry_now() { problems_.retry_now(); }

    [[nodiscard]] const Have& have() const { return have_; }
    // What somebody else keeps undoing.
    [[nodiscard]] Fights& fights() { return fights_; }
    // Problems by subject, in no special order.
    [[nodiscard]] const std::map<std::string, Problem>& problems() const { return problems_.all(); }
    // Whether the last run left nothing to do.
    [[nodiscard]] bool settled() const { return settled_; }
    // Whether a step goes on in the background, or a tunnel has not answered yet. The end of it is an event
    // of the kernel's, and the next run has the result in its report.
    [[nodiscard]] bool under_way() const { return !under_way_.empty() || !have_.unanswered_tunnels.empty(); }

private:
    void apply(const Step& step, const Wanted& wanted, TimePoint now, Report& report);
    void take_finished();
    bool take_tunnels(Kernel::Tunnels&& now);
    void report_finished(TimePoint now, Report& report);
    void note_leases(const Wanted& wanted);
    Report renew_each_lease(TimePoint now);
    void note_failure(const std::string& subject, std::string what, const Error& error, TimePoint now,
                      Report& report);
    void note_done(const Step& step, bool restores, TimePoint now, Report& report);
    bool waiting(const Step& step, const Wanted& wanted, TimePoint now);
    [[nodiscard]] bool held_back(const Step& step) const;
    void forget_solved_problems(const std::vector<Step>& open);

    Kernel& kernel_;
    Have have_;
    Stale stale_ = Stale::all();
    Problems problems_;
    struct UnderWay {
        Step step;
        bool restores = false;
    };
    std::map<std::string, UnderWay> under_way_;  // by place
    std::vector<std::pair<UnderWay, Result<void>>> finished_;
    std::vector<AddressKey> leases_;  // of what was wanted last
    // What was in place when the last run ended, to tell a foreign hand from a change of ours.
    std::optional<Wanted> in_place_;
    Fights fights_;
    std::optional<TimePoint> fight_on_at_;  // something waited in the last run; nullopt: no
    bool settled_ = false;
};

}  // namespace ulagate
