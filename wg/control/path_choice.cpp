// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/path_choice.h"

#include <algorithm>
#include <iterator>

namespace ulagate::wg::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// One that is only better has to be so by this much and this long, and not soon after another change.
constexpr Duration kBetterBy = milliseconds{10};
constexpr int kBetterPercent = 20;
constexpr Duration kBetterFor = seconds{10};
constexpr Duration kDefaultHold = seconds{30};
// What worked before a restart of ours most likely still does.
constexpr Duration kAdopted = seconds{1};
// A relay that came back has to stay this long before it is preferred.
constexpr Duration kSteadyAfter = seconds{10};
// Relays publish and routers ask at different moments: a site that comes or goes is in one list a second
// before the other, and that is not a reason to move.
constexpr Duration kAbsent = seconds{2};
// A site comes back to the default when that has been good so long; doubled when it fails again soon.
constexpr Duration kSiteHold = seconds{10};
constexpr Duration kLongestSiteHold = minutes{5};
constexpr Duration kSoon = minutes{2};
// A long list of sites that may leave the default is gone through so often, when nothing else is reason to.
constexpr Duration kLookAgain = seconds{10};
constexpr std::size_t kMostRemembered = 4096;  // sites that have returned to the default

std::string milliseconds_of(Duration time) {
    return std::to_string(std::chrono::duration_cast<milliseconds>(time).count()) + " ms";
}

bool has(const PathChoice::Relay& relay, const net::Ipv6Prefix& site) {
    return relay.sites && relay.sites->covers(site);
}

Duration margin(Duration round_trip) { return std::max(kBetterBy, round_trip * kBetterPercent / 100); }

}  // namespace

void PathChoice::adopt(const std::string& relay, TimePoint now) {
    default_.relay = relay;
    adopted_until_ = now + kAdopted;
}

bool PathChoice::update(const Input& input, TimePoint now) {
    input_ = input;
    changed_ = false;
    deadline_.reset();
    leave_who_forwards_nothing();
    note_relays(now);
    note_lists(now);
    const std::string before = default_.relay;
    choose_default(now);
    if (default_.relay != before) keep_where_they_are(before, now);

    for (const net::Ipv6Prefix& site : suspects(now)) {
        if (!exceptions_.contains(site)) judge_default(site, Traffic::some, now);
    }
    count_exceptions();
    judge_idle(now);
    std::vector<net::Ipv6Prefix> away;
    for (const auto& [site, path] : exceptions_) away.push_back(site);
    for (const net::Ipv6Prefix& site : away) judge_exception(site, now);
    forget_old_sites(now);
    return changed_;
}

const PathChoice::Path& PathChoice::path_to(const net::Ipv6Prefix& site) const {
    const auto found = exceptions_.find(site);
    return found == exceptions_.end() ? default_ : found->second;
}

// --- relays ---

// Its word is about itself alone. While no other relay works, it may as well be wrong.
void PathChoice::leave_who_forwards_nothing() {
    const bool another = std::any_of(input_.relays.begin(), input_.relays.end(),
                                     [](const Relay& relay) { return relay.alive && relay.forwards; });
    if (!another) return;
    for (Relay& relay : input_.relays) relay.alive = relay.alive && relay.forwards;
}

void PathChoice::note_relays(TimePoint now) {
    std::erase_if(memory_, [&](const auto& entry) { return find(entry.first) == nullptr; });
    for (const Relay& relay : input_.relays) {
        Memory& memory = memory_[relay.name];
        if (relay.alive && !memory.alive) memory.alive_since = now;
        if (relay.alive != memory.alive) idle_from_ = now;
        memory.alive = relay.alive;
    }
}

// Which sites are in some list and not in this one, or only as transit.
void PathChoice::note_lists(TimePoint now) {
    Lists lists;
    for (const Relay& relay : input_.relays) lists.emplace_back(relay.name, relay.sites);
    if (lists != lists_) {
        lists_ = std::move(lists);
        // clang 14 finds no default constructor of a nested type with initializers here.
        Comparison& comparison = comparison_.emplace(Comparison{});
        for (const auto& [name, sites] : lists_) {
            if (!sites) continue;
            for (const auto* more : {&sites->prefixes(), &sites->transit()}) {
                std::vector<net::Ipv6Prefix> both;
                std::set_union(comparison.all.begin(), comparison.all.end(), more->begin(), more->end(),
                               std::back_inserter(both));
                comparison.all = std::move(both);
            }
        }
        comparison.absent.resize(lists_.size());
        comparison.transit.resize(lists_.size());
    }
    if (!comparison_) return;
    const std::size_t before = comparison_->next;
    compare_slice(*comparison_, now);
    work_ += comparison_->next - before;
    if (comparison_->next < comparison_->all.size()) {
        deadline_ = now;
        return;
    }
    for (std::size_t i = 0; i < lists_.size(); ++i) {
        Memory& memory = memory_.at(lists_[i].first);
        memory.absent_since = std::move(comparison_->absent[i]);
        memory.transit_since = std::move(comparison_->transit[i]);
    }
    comparison_.reset();
    idle_from_ = std::min(idle_from_.value_or(now), now);
}

void PathChoice::compare_slice(Comparison& comparison, TimePoint now) const {
    const auto note = [now](Noted& noted, const Noted& before, const net::Ipv6Prefix& site) {
        const TimePoint* known = find(before, site);
        noted.emplace_back(site, known == nullptr ? now : *known);
    };
    const std::size_t end = std::min(comparison.all.size(), comparison.next + kSlice);
    for (; comparison.next < end; ++comparison.next) {
        const net::Ipv6Prefix& site = comparison.all[comparison.next];
        const bool own = std::any_of(input_.own.begin(), input_.own.end(),
                                     [&](const net::Ipv6Prefix& ours) { return ours.overlaps(site); });
        if (own) continue;
        const bool somewhere = std::any_of(lists_.begin(), lists_.end(), [&](const auto& list) {
            return list.second && list.second->covers(site);
        });
        for (std::size_t i = 0; i < lists_.size(); ++i) {
            const auto& [name, sites] = lists_[i];
            if (!sites || sites->covers(site)) continue;
            const Memory& memory = memory_.at(name);
            if (!sites->transits_to(site)) {
                note(comparison.absent[i], memory.absent_since, site);
            } else if (somewhere) {
                note(comparison.transit[i], memory.transit_since, site);
            }
        }
    }
}

const TimePoint* PathChoice::find(const Noted& noted, const net::Ipv6Prefix& site) {
    const auto found =
        std::lower_bound(noted.begin(), noted.end(), site,
                         [](const auto& entry, const auto& wanted) { return entry.first < wanted; });
    return found == noted.end() || found->first != site ? nullptr : &found->second;
}

// The one that the site lies in.
const PathChoice::Noted::value_type* PathChoice::covering(const Noted& noted, const net::Ipv6Prefix& site) {
    const auto behind =
        std::upper_bound(noted.begin(), noted.end(), site,
                         [](const auto& wanted, const auto& entry) { return wanted < entry.first; });
    if (behind == noted.begin() || !std::prev(behind)->first.contains(site)) return nullptr;
    return &*std::prev(behind);
}

// The first in the configuration of those that are not clearly slower than the fastest. Who does not tell
// how fast it is counts as equal.
const PathChoice::Relay* PathChoice::best_of(const std::vector<const Relay*>& candidates) const {
    std::optional<Duration> fastest;
    for (const Relay* relay : candidates) {
        if (relay->round_trip && (!fastest || *relay->round_trip < *fastest)) fastest = relay->round_trip;
    }
    for (const Relay* relay : candidates) {
        if (!relay->round_trip || *relay->round_trip - *fastest < margin(*relay->round_trip)) return relay;
    }
    return nullptr;
}

void PathChoice::choose_default(TimePoint now) {
    const Relay* current = find(default_.relay);
    if (current != nullptr && current->alive) {
        any_lived_ = true;
        note_better(now);
        return;
    }
    if (current != nullptr && !any_lived_ && adopted_until_ && now < *adopted_until_) {
        wake_at(*adopted_until_, now);
        return;
    }
    for (auto& [name, memory] : memory_) memory.better_since.reset();
    std::vector<const Relay*> living;
    std::vector<const Relay*> steady;
    for (const Relay& relay : input_.relays) {
        if (!relay.alive) continue;
        living.push_back(&relay);
        if (now >= memory_.at(relay.name).alive_since + kSteadyAfter) steady.push_back(&relay);
    }
    if (const Relay* best = best_of(steady.empty() ? living : steady)) {
        set_default(best->name, any_lived_ ? fault_of_relay(default_.relay) : "the first that answered", now);
        any_lived_ = true;
    } else if (current == nullptr) {
        set_default(input_.relays.empty() ? "" : input_.relays.front().name, "", now);
    }
}

void PathChoice::set_default(const std::string& relay, std::string why, TimePoint now) {
    if (relay == default_.relay && why == default_.why) return;
    changed_ = true;
    if (relay != default_.relay) {
        idle_from_ = now;
        for (auto& [site, state] : sites_) state.good_since.reset();
        for (auto& [name, memory] : memory_) memory.better_since.reset();
    }
    default_ = {relay, now, std::move(why)};
}

bool PathChoice::is_better(const Relay& candidate, const Relay& than) const {
    if (candidate.round_trip && than.round_trip)
        return *than.round_trip - *candidate.round_trip >= margin(*than.round_trip);
    return &candidate < &than;  // elements of one vector, in the order of the configuration
}

void PathChoice::note_better(TimePoint now) {
    const Relay& current = *find(default_.relay);
    std::vector<const Relay*> ready;
    for (const Relay& relay : input_.relays) {
        auto& since = memory_.at(relay.name).better_since;
        if (!relay.alive || relay.name == current.name || !is_better(relay, current)) {
            since.reset();
            continue;
        }
        if (!since) since = now;
        const TimePoint due = std::max(*since + kBetterFor, default_.since + kDefaultHold);
        if (due <= now) ready.push_back(&relay);
        wake_at(due, now);
    }
    const Relay* best = best_of(ready);
    if (best == nullptr) return;
    const bool faster = best->round_trip && current.round_trip;
    set_default(best->name,
                faster ? milliseconds_of(*best->round_trip) + " instead of " +
                             milliseconds_of(*current.round_trip) + " over " + current.name
                       : "before " + current.name + " in the configuration",
                now);
}

// --- sites ---

// The default is another relay, and `before` may still live: who has just moved, or cannot be reached by the
// new one, stays. Who is there already stays too, and is not an exception any more.
void PathChoice::keep_where_they_are(const std::string& before, TimePoint now) {
    std::set<net::Ipv6Prefix> there;
    for (const auto& [site, path] : exceptions_) {
        if (path.relay == default_.relay) there.insert(site);
    }
    for (const net::Ipv6Prefix& site : there) exceptions_.erase(site);
    const Relay* left = find(before);
    if (left == nullptr || !left->alive) return;
    std::map<net::Ipv6Prefix, std::string> stay;
    count_exceptions();
    auto keep = [&, looked = std::size_t{0}](const net::Ipv6Prefix& site, const char* why) mutable {
        if (is_active(site) || (has_room(before) && ++looked <= kSlice))
            stay.emplace(site, why + default_.relay);
    };
    const Memory& memory = memory_.at(default_.relay);
    for (const auto& [site, since] : memory.absent_since) keep(site, "not connected to ");
    for (const auto& [site, since] : memory.transit_since) {
        if (has(*left, site)) keep(site, "only in transit over ");
    }
    for (const auto& [path, works] : input_.end_to_end) {
        if (!works && path.second == default_.relay)
            stay.emplace(path.first, "no answer over " + default_.relay);
    }
    for (const auto& [site, state] : sites_) {
        if (now < state.moved + state.hold) stay.emplace(site, "it has just moved");
    }
    for (const auto& [site, why] : stay) {
        if (there.contains(site) || exceptions_.contains(site) || !fault(site, before, now).empty()) continue;
        if (!is_active(site) && !has_room(before)) continue;
        exceptions_[site] = {before, now, why};
        if (!is_active(site)) ++idle_[before];
        Site& state = sites_[site];
        state.hold = std::max(state.hold, kSiteHold);
        state.good_since.reset();
    }
}

bool PathChoice::is_active(const net::Ipv6Prefix& site) const {
    const auto first = input_.active_prefixes.lower_bound(site);
    return first != input_.active_prefixes.end() && site.contains(*first);
}

void PathChoice::count_exceptions() {
    idle_.clear();
    for (const auto& [site, path] : exceptions_) {
        if (!is_active(site)) ++idle_[path.relay];
    }
    work_ += exceptions_.size();
}

bool PathChoice::has_room(const std::string& relay) const {
    const auto used = idle_.find(relay);
    return used == idle_.end() || used->second < kMostIdle;
}

// Relays that a site without traffic may leave the default for.
std::vector<const PathChoice::Relay*> PathChoice::with_room() const {
    std::vector<const Relay*> out;
    for (const Relay& relay : input_.relays) {
        if (relay.alive && relay.name != default_.relay && has_room(relay.name)) out.push_back(&relay);
    }
    return out;
}

// Those with traffic that may not be reached over the default, by its list or by what probes say.
std::set<net::Ipv6Prefix> PathChoice::suspects(TimePoint now) {
    std::set<net::Ipv6Prefix> out;
    for (const auto& [path, works] : input_.end_to_end) {
        if (!works && path.second == default_.relay) out.insert(path.first);
    }
    const auto memory = memory_.find(default_.relay);
    if (memory == memory_.end()) return out;
    for (const net::Ipv6Prefix& site : input_.active_prefixes) {
        if (const auto* absent = covering(memory->second.absent_since, site)) {
            if (absent->second + kAbsent <= now) out.insert(absent->first);
            wake_at(absent->second + kAbsent, now);
        }
        if (const auto* transit = covering(memory->second.transit_since, site)) out.insert(transit->first);
    }
    work_ += input_.active_prefixes.size() + input_.end_to_end.size();
    return out;
}

// The others, as far as there is room: all of a short list each time; of a long one a slice, and not again
// before something is otherwise.
void PathChoice::judge_idle(TimePoint now) {
    const auto found = memory_.find(default_.relay);
    if (found == memory_.end()) return;
    const Noted &absent = found->second.absent_since, &transit = found->second.transit_since;
    const std::size_t all = absent.size() + transit.size();
    const bool many = all > kSlice;
    if (!many || (idle_from_ && *idle_from_ <= now)) {
        next_idle_ = 0;
        idle_from_.reset();
    }
    std::vector<const Relay*> open = with_room();
    for (std::size_t looked = 0; next_idle_ < all && !open.empty(); ++next_idle_, ++looked) {
        if (looked == kSlice) {
            deadline_ = now;
            return;
        }
        ++work_;
        const bool is_absent = next_idle_ < absent.size();
        const auto& [site, since] = is_absent ? absent[next_idle_] : transit[next_idle_ - absent.size()];
        if (is_absent && since + kAbsent > now) {
            wake_at(since + kAbsent, now);
            if (many) idle_from_ = std::min(idle_from_.value_or(since + kAbsent), since + kAbsent);
            continue;
        }
        const bool can_go = std::any_of(open.begin(), open.end(), [&site = site](const Relay* relay) {
            return !relay->sites || relay->sites->covers(site) || relay->sites->transits_to(site);
        });
        if (!can_go || exceptions_.contains(site)) continue;
        if (judge_default(site, Traffic::none, now)) open = with_room();
    }
    if (!many) return;
    next_idle_ = all;
    if (!idle_from_) idle_from_ = now + kLookAgain;
    wake_at(*idle_from_, now);
}

// True: it leaves.
bool PathChoice::judge_default(const net::Ipv6Prefix& site, Traffic traffic, TimePoint now) {
    std::string why = reason_to_leave(site, default_.relay, now);
    if (why.empty()) return false;
    const Relay* best = best_for(site, default_.relay);
    if (best == nullptr) return false;
    if (traffic == Traffic::none) {
        if (!has_room(best->name)) return false;
        ++idle_[best->name];
    }
    leave_default(site, best->name, std::move(why), now);
    return true;
}

void PathChoice::leave_default(const net::Ipv6Prefix& site, const std::string& to, std::string why,
                               TimePoint now) {
    Site& state = sites_[site];
    const bool soon = state.returned && now < *state.returned + kSoon;
    state.hold = soon ? std::min(2 * state.hold, kLongestSiteHold) : kSiteHold;
    state.good_since.reset();
    state.moved = now;
    exceptions_[site] = {to, now, std::move(why)};
    changed_ = true;
}

void PathChoice::judge_exception(const net::Ipv6Prefix& site, TimePoint now) {
    const std::string here = exceptions_.at(site).relay;
    Site& state = sites_[site];
    const bool good = fault(site, default_.relay, now).empty() && !transit_ends(site, default_.relay);
    if (!good) {
        state.good_since.reset();
    } else if (!state.good_since) {
        state.good_since = now;
    }
    if (std::string why = reason_to_leave(site, here, now); !why.empty()) {
        const Relay* best = good ? nullptr : best_for(site, here);
        if (best == nullptr || best->name == default_.relay) {
            return_to_default(site, now);
        } else {
            exceptions_[site] = {best->name, now, std::move(why)};
            state.moved = now;
            changed_ = true;
        }
        return;
    }
    // It had traffic when it left, and takes room from those that wait.
    if (!is_active(site) && idle_[here] > kMostIdle && now >= state.moved + state.hold) {
        --idle_[here];
        return return_to_default(site, now);
    }
    if (!state.good_since) return;
    wake_at(*state.good_since + state.hold, now);
    if (now >= *state.good_since + state.hold) return_to_default(site, now);
}

void PathChoice::return_to_default(const net::Ipv6Prefix& site, TimePoint now) {
    exceptions_.erase(site);
    Site& state = sites_.at(site);
    state.moved = now;
    state.returned = now;
    changed_ = true;
}

void PathChoice::forget_old_sites(TimePoint now) {
    const bool many = sites_.size() > kMostRemembered;
    std::erase_if(sites_, [&](const auto& entry) {
        const Site& state = entry.second;
        if (exceptions_.contains(entry.first)) return false;
        if (many) return true;
        return now >= std::max(state.moved + state.hold, state.returned.value_or(state.moved) + kSoon);
    });
}

// --- facts ---

const PathChoice::Relay* PathChoice::find(const std::string& name) const {
    const auto found = std::find_if(input_.relays.begin(), input_.relays.end(),
                                    [&](const Relay& relay) { return relay.name == name; });
    return found == input_.relays.end() ? nullptr : &*found;
}

bool PathChoice::is_dead(const net::Ipv6Prefix& site, const std::string& relay) const {
    const auto known = input_.end_to_end.find({site, relay});
    return known != input_.end_to_end.end() && !known->second;
}

std::string PathChoice::fault_of_relay(const std::string& relay) const {
    const Relay* known = find(relay);
    if (known == nullptr) return relay + " was removed from the configuration";
    if (known->alive) return {};
    return relay + (known->forwards ? " does not answer" : " does not forward");
}

std::string PathChoice::fault(const net::Ipv6Prefix& site, const std::string& relay, TimePoint now) const {
    if (std::string why = fault_of_relay(relay); !why.empty()) return why;
    const TimePoint* since = find(memory_.at(relay).absent_since, site);
    if (since != nullptr && now >= *since + kAbsent) return "not connected to " + relay;
    if (is_dead(site, relay)) return "no answer over " + relay;
    return {};
}

// It works, so there is no hurry.
std::optional<TimePoint> PathChoice::transit_ends(const net::Ipv6Prefix& site,
                                                  const std::string& relay) const {
    const auto memory = memory_.find(relay);
    if (memory == memory_.end()) return std::nullopt;
    const TimePoint* since = find(memory->second.transit_since, site);
    if (since == nullptr) return std::nullopt;
    std::optional<TimePoint> ends;
    for (const Relay& other : input_.relays) {
        if (!other.alive || !has(other, site) || is_dead(site, other.name)) continue;
        const TimePoint steady = memory_.at(other.name).alive_since + kSteadyAfter;
        ends = std::min(ends.value_or(steady), steady);
    }
    if (!ends) return std::nullopt;
    const auto state = sites_.find(site);
    if (state != sites_.end()) ends = std::max(*ends, state->second.moved + state->second.hold);
    return std::max(*ends, *since + kSteadyAfter);
}

// A fault, or transit that has not been needed for long.
std::string PathChoice::reason_to_leave(const net::Ipv6Prefix& site, const std::string& relay,
                                        TimePoint now) {
    std::string why = fault(site, relay, now);
    const auto ends = transit_ends(site, relay);
    if (!why.empty() || !ends) return why;
    wake_at(*ends, now);
    return *ends <= now ? "only in transit over " + relay : "";
}

// Preference: relays with a successful end-to-end probe, then relays that list the site, then relays without
// a list, then transit relays.
const PathChoice::Relay* PathChoice::best_for(const net::Ipv6Prefix& site, const std::string& except) const {
    std::vector<const Relay*> works;
    std::vector<const Relay*> says;
    std::vector<const Relay*> may;
    std::vector<const Relay*> transit;
    for (const Relay& relay : input_.relays) {
        if (!relay.alive || relay.name == except || is_dead(site, relay.name)) continue;
        if (relay.sites && !has(relay, site)) {
            if (relay.sites->transits_to(site)) transit.push_back(&relay);
            continue;
        }
        (relay.sites ? says : may).push_back(&relay);
        if (input_.end_to_end.contains({site, relay.name})) works.push_back(&relay);
    }
    for (const auto* field : {&works, &says, &may}) {
        if (!field->empty()) return best_of(*field);
    }
    return best_of(transit);
}

void PathChoice::wake_at(TimePoint when, TimePoint now) {
    if (when > now && (!deadline_ || when < *deadline_)) deadline_ = when;
}

}  // namespace ulagate::wg::control
