// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/kernel/desired.h"
#include "daemon/kernel/plan.h"
#include "daemon/kernel/simulate.h"

namespace ulagate {
namespace {

using std::chrono::milliseconds;

// Each round may make new steps possible (interface, then its routes); a plan that never gets empty is a bug
// of ours or a fight with somebody, and both must not spin.
constexpr int kMaxRounds = 5;
constexpr int kMaxTries = 2;  // of the same step in one run: more would be such a bug or fight
constexpr const char* kReading = "kernel state";  // the subject of a read that fails; no step has it
// The kernel looks for addresses that have run out at most once a second (ADDRCONF_TIMER_FUZZ_MAX), and takes
// away together what was put there within 20 ms (ADDRCONF_TIMER_FUZZ_MINUS); what was put later goes a second
// later.
constexpr milliseconds kTogether{15};
constexpr unsigned kMostRenewals = 3;  // somebody holds the kernel's lock for long, again and again

// How often each step was tried in a run. Another ruleset is another step, though it has the same name.
class Tries {
public:
    int count(const Step& step) {
        int& tries = counts_[describe(step)];
        if (const auto* s = std::get_if<ApplyFirewall>(&step); s != nullptr && ruleset_ != s->to) {
            ruleset_ = s->to;
            tries = 0;
        }
        return ++tries;
    }

private:
    std::map<std::string, int> counts_;
    std::optional<firewall::Model> ruleset_;
};

std::set<std::string> our_interfaces(const Links& links) {
    std::set<std::string> names;
    for (const auto& [name, link] : links) {
        if (is_tunnel_name(name)) names.insert(name);
    }
    return names;
}

// The settings that any wanted state of ours can speak of.
std::set<std::string> sysctl_paths(const Links& links, const ChangedSysctls& changed) {
    std::set<std::string> paths{"net/ipv6/conf/all/forwarding",
                                "net/ipv6/conf/lo/disable_ipv6",
                                kIpv4Forwarding,
                                kIcmpRateLimit,
                                kNeighboursKept,
                                kNeighboursAimedAt,
                                kMostNeighbours};
    for (const auto& [name, link] : links) {
        if (name == "lo") continue;
        if (name.starts_with(kLinkPrefix)) {
            for (const auto& [path, value] : settings_of_ours(name)) paths.insert(path);
        } else {
            for (std::string& path : settings_of_others(name)) paths.insert(std::move(path));
        }
    }
    for (const auto& [path, value] : changed) paths.insert(path);
    return paths;
}

}  // namespace

// What was left under way and has ended; where it was, things are not as we knew them.
void Reconciler::take_finished() {
    for (Kernel::Finished& ended : kernel_.take_finished()) {
        const auto known = under_way_.extract(ended.place);
        if (known.empty()) continue;
        stale_ |= touched_by(known.mapped().step);
        settled_ = false;
        finished_.emplace_back(std::move(known.mapped()), std::move(ended.result));
    }
}

void Reconciler::report_finished(TimePoint now, Report& report) {
    for (const auto& [done, result] : std::exchange(finished_, {})) {
        if (result) {
            problems_.solved(subject(done.step));
            note_done(done.step, done.restores, now, report);
        } else {
            note_failure(subject(done.step), describe(done.step), result.error(), now, report);
        }
    }
}

// In place: a device may have ten thousand peers. True when something is not as it was.
bool Reconciler::take_tunnels(Kernel::Tunnels&& now) {
    bool changed = have_.unanswered_tunnels != now.unanswered;
    have_.unanswered_tunnels = std::move(now.unanswered);
    changed |=
        std::erase_if(have_.tunnels, [&](const auto& known) {
            return !now.devices.contains(known.first) && !have_.unanswered_tunnels.contains(known.first);
        }) > 0;
    for (auto& [name, device] : now.devices) {
        const auto [known, is_new] = have_.tunnels.try_emplace(name);
        if (!is_new && known->second == device) continue;
        known->second = std::move(device);
        changed = true;
    }
    return changed;
}

Result<bool> Reconciler::refresh() {
    take_finished();
    bool changed = false;
    std::optional<Error> error;
    const auto read = [&](bool& stale, auto& known, const char* what, const auto& ask) {
        if (!stale || error) return;
        auto now = ask();
        if (!now) {
            error = Error{now.error().code, fmt::format("read {}: {}", what, now.error().context)};
            return;
        }
        stale = false;
        if (*now == known) return;
        known = std::move(*now);
        changed = true;
        settled_ = false;  // until the next run has looked at it, whoever asked for this read
    };
    read(stale_.links, have_.links, "links", [&] { return kernel_.links(); });
    read(stale_.addresses, have_.addresses, "addresses", [&] { return kernel_.addresses(); });
    bool stale_endpoint_routes = stale_.routes;
    read(stale_endpoint_routes, have_.endpoint_routes, "endpoint routes",
         [&] { return kernel_.endpoint_routes(); });
    read(stale_.routes, have_.routes, "routes", [&] { return kernel_.our_routes(); });
    read(stale_.rules, have_.rules, "rules", [&] { return kernel_.rules(); });
    if (stale_.tunnels && !error) {
        auto answers = kernel_.tunnels(our_interfaces(have_.links));
        if (!answers) {
            error = Error{answers.error().code, "read tunnels: " + answers.error().context};
        } else {
            stale_.tunnels = false;
            if (take_tunnels(std::move(*answers))) {
                changed = true;
                settled_ = false;
            }
        }
    }
    read(stale_.firewall, have_.firewall, "firewall", [&] { return kernel_.firewall(); });
    if (stale_.sysctls) have_.changed_sysctls = kernel_.changed_sysctls();
    read(stale_.sysctls, have_.sysctls, "sysctls",
         [&] { return kernel_.sysctls(sysctl_paths(have_.links, have_.changed_sysctls)); });
    if (error) return tl::unexpected<Error>{std::move(*error)};
    return changed;
}

Reconciler::Report Reconciler::run(const Want& want, TimePoint now, bool slow_too) {
    Report report;
    settled_ = false;
    fight_on_at_.reset();
    Tries tries;
    for (int round = 0; round < kMaxRounds; ++round) {
        if (auto read = refresh(); !read) {
            // We cannot know what is there, so nothing is done on a guess; the caller's timer brings us back.
            note_failure(kReading, "read the kernel's state", read.error(), now, report);
            return report;
        }
        report_finished(now, report);
        Wanted wanted = want(have_);
        note_leases(wanted);
        const std::vector<Step> steps = plan(wanted, have_);
        forget_solved_problems(steps);
        bool acted = false;
        fight_on_at_.reset();
        for (const Step& step : steps) {
            if (waiting(step, wanted, now) || (!slow_too && std::holds_alternative<CreateTunnel>(step)))
                continue;
            if (held_back(step)) continue;
            if (tries.count(step) > kMaxTries) {
                const Error ineffective{{},
                                        "applied without error, but the kernel reports a different state"};
                note_failure(subject(step), describe(step), ineffective, now, report);
                continue;
            }
            acted = true;
            apply(step, wanted, now, report);
        }
        if (!acted) {
            settled_ = steps.empty() && !under_way();
            if (settled_) in_place_ = std::move(wanted);
            break;
        }
    }
    return report;
}

void Reconciler::apply(const Step& step, const Wanted& wanted, TimePoint now, Report& report) {
    const auto result = kernel_.apply(step);
    stale_ |= touched_by(step);
    if (!result && result.error().code == std::errc::operation_in_progress) {
        under_way_.insert_or_assign(place_of(step),
                                    UnderWay{step, in_place_ && restores(step, *in_place_, wanted)});
        return;
    }
    if (result) {
        // Even if the next plan wants it again: its time is over, and a deadline in the past would spin.
        problems_.solved(subject(step));
        note_done(step, in_place_ && restores(step, *in_place_, wanted), now, report);
        return;
    }
    note_failure(subject(step), describe(step), result.error(), now, report);
}

void Reconciler::note_leases(const Wanted& wanted) {
    leases_.clear();
    for (const auto& [address, wish] : wanted.addresses) {
        if (wish.leased) leases_.push_back(address);
    }
}

Reconciler::Report Reconciler::apply_ahead(const Step& step, TimePoint now) {
    Report report;
    const auto result = kernel_.apply(step);
    stale_ |= touched_by(step);
    if (!result && result.error().code == std::errc::operation_in_progress) {
        under_way_.insert_or_assign(place_of(step), UnderWay{step, false});
    } else if (result) {
        report.done.push_back({describe(step)});
    } else {
        note_failure(subject(step), describe(step), result.error(), now, report);
    }
    return report;
}

Reconciler::Report Reconciler::apply_as_known(const Step& step, TimePoint now) {
    const Stale before = stale_;
    Report report = apply_ahead(step, now);
    if (!report.failed.empty()) return report;
    stale_ = before;
    simulate(have_, step);
    return report;
}

Reconciler::Report Reconciler::renew_leases(const std::function<TimePoint()>& clock) {
    Report report;
    for (unsigned rounds = 0; rounds < kMostRenewals; ++rounds) {
        const TimePoint begun = clock();
        report = renew_each_lease(begun);
        if (!report.failed.empty() || clock() - begun <= kTogether) break;
    }
    return report;
}

Reconciler::Report Reconciler::renew_each_lease(TimePoint now) {
    Report report;
    for (const AddressKey& address : leases_) {
        if (!have_.addresses.contains(address)) continue;  // the next run puts it there
        const Step step = PutAddress{address, {.leased = true}};
        if (const auto renewed = kernel_.apply(step); !renewed) {
            stale_.addresses = true;
            note_failure(subject(step), "renew " + subject(step), renewed.error(), now, report);
        }
    }
    return report;
}

void Reconciler::note_done(const Step& step, bool restores, TimePoint now, Report& report) {
    Done done{describe(step), restores};
    if (restores) done.again = !fights_.restored(subject(step), now);
    report.done.push_back(std::move(done));
}

void Reconciler::note_failure(const std::string& subject, std::string what, const Error& error, TimePoint now,
                              Report& report) {
    report.failed.push_back(problems_.failed(subject, std::move(what), error, now));
}

// By what is under way: one step at a time at one place, and nothing leads to a link that is about to come
// up.
bool Reconciler::held_back(const Step& step) const {
    if (!under_way()) return false;
    if (under_way_.contains(place_of(step))) return true;
    const std::string link = needs_link(step);
    if (!under_way_.contains(link) && !have_.unanswered_tunnels.contains(link)) return false;
    const auto known = have_.links.find(link);
    return known == have_.links.end() || !known->second.up;
}

bool Reconciler::waiting(const Step& step, const Wanted& wanted, TimePoint now) {
    const std::string about = subject(step);
    if (problems_.waits(about, now)) return true;
    const TimePoint due = fights_.may_restore_at(about);
    if (due <= now || !in_place_ || !restores(step, *in_place_, wanted)) return false;
    fight_on_at_ = std::min(fight_on_at_.value_or(due), due);
    return true;
}

// A subject that needs no step any more is not a problem any more, whoever solved it.
void Reconciler::forget_solved_problems(const std::vector<Step>& open) {
    if (problems_.all().empty()) return;
    std::set<std::string> still_open;
    for (const Step& step : open) still_open.insert(subject(step));
    problems_.keep_only(still_open);
}

std::optional<Reconciler::TimePoint> Reconciler::deadline() const {
    // While nothing can be read no step is tried, so their own times mean nothing.
    if (const auto reading = problems_.all().find(kReading); reading != problems_.all().end())
        return reading->second.retry_at;
    const auto retry = problems_.deadline();
    if (!retry || !fight_on_at_) return retry ? retry : fight_on_at_;
    return std::min(*retry, *fight_on_at_);
}

}  // namespace ulagate
