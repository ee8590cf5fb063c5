// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/endpoint_selector.h"

#include <algorithm>
#include <utility>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// More than a round trip to most relays; the rounds that follow have time for the others.
constexpr auto kFirstTry = 300ms;
constexpr auto kLongestTry = 5s;
// A probe leaves with the try: time for one round trip.
constexpr auto kShortestGentleTry = 100ms;
constexpr auto kLongestGentleTry = 1s;
// So long WireGuard may go on without a daemon.
constexpr auto kRestart = 5s;
// From a handshake to the first round trip in the tunnel. One that does not come is a path that lets only
// small packets through, say; or there is nobody who would answer, by whatever path.
constexpr auto kProof = 3s;
constexpr auto kLaterProof = 60s;
constexpr auto kTrial = 1s;
constexpr std::chrono::seconds kTrialEvery = 10min;
// Traffic puts off a trial for better addresses as long as it flows, but another uplink may be one that costs
// money.
constexpr std::chrono::seconds kTrialUnderTraffic = 1h;
// The addresses and routes of a network come one after the other, and so do the answers to A and AAAA.
constexpr std::chrono::seconds kTrialSoon = 2s;

template <class Range, class Value>
bool has(const Range& range, const Value& value) {
    return std::find(range.begin(), range.end(), value) != range.end();
}

// How good it is: less is better.
int cost(const Candidate& candidate) {
    return (candidate.via ? 2 : 0) + (family_of(candidate.address) == IpFamily::ipv4 ? 1 : 0);
}

std::chrono::milliseconds gentle_patience(const EndpointSelector::View& view) {
    return std::clamp<std::chrono::milliseconds>(2 * view.round_trip + 50ms, kShortestGentleTry,
                                                 kLongestGentleTry);
}

}  // namespace

void EndpointSelector::remember(std::optional<net::IpAddress> winner, std::vector<net::IpAddress> addresses) {
    winner_ = winner;
    known_ = std::move(addresses);
}

std::vector<Candidate> EndpointSelector::candidates(const View& view) {
    std::vector<Candidate> out;
    for (const net::IpAddress& address : view.addresses) {
        if (view.own_uplink(address)) out.push_back({address, std::nullopt});
    }
    for (const net::IpAddress& address : view.addresses) {
        for (const Uplink& uplink : view.other_uplinks(address)) out.push_back({address, uplink});
    }
    return out;
}

bool EndpointSelector::usable(const Candidate& candidate, const View& view) {
    if (!candidate.via) return view.own_uplink(candidate.address).has_value();
    return has(view.other_uplinks(candidate.address), *candidate.via);
}

bool EndpointSelector::is_new(const net::IpAddress& address) const {
    return !known_.empty() && !has(known_, address);
}

// Of those that were not tried in this round: what the name has got since the tunnel worked, the last winner,
// the others in their order. Other uplinks than the routing table's come last of all.
const Candidate* EndpointSelector::best(const std::vector<Candidate>& field) const {
    const auto order = [this](const Candidate& candidate) {
        if (candidate.via) return 3;
        if (is_new(candidate.address)) return 0;
        return candidate.address == winner_ ? 1 : 2;
    };
    const Candidate* found = nullptr;
    for (const Candidate& candidate : field) {
        if (has(tried_, candidate)) continue;
        if (found == nullptr || order(candidate) < order(*found)) found = &candidate;
    }
    return found;
}

void EndpointSelector::forget_tries() {
    search_ = Search::none;
    answered_ = false;
    tried_.clear();
    round_ = 0;
}

std::optional<EndpointSelector::Try> EndpointSelector::update(const View& view, TimePoint now) {
    const std::vector<Candidate> field = candidates(view);
    // From before a restart of ours: what works is kept.
    if (!choice_ && view.alive) choice_ = view.in_use;
    // The routing table has come to the same.
    if (choice_ && choice_->via && choice_->via == view.own_uplink(choice_->address)) choice_->via.reset();
    if (field.empty() || !view.may_send) {
        rest(field, view);
        return std::nullopt;
    }
    if (fallback_) return judge_trial(view, now);
    // Also when the name has other addresses now: that is not a reason to leave one that works.
    if (view.alive && choice_ && usable(*choice_, view)) return settle(field, view, now);
    return search(field, view, now);
}

// Nobody can or may be tried: only what the first one would be is of interest.
void EndpointSelector::rest(const std::vector<Candidate>& field, const View& view) {
    if (fallback_) choice_ = std::exchange(fallback_, std::nullopt);
    forget_tries();
    trial_at_.reset();
    deadline_.reset();
    if (choice_ && (field.empty() || (usable(*choice_, view) && (view.alive || has(field, *choice_)))))
        return;
    if (const Candidate* first = best(field)) {
        choice_ = *first;
        rested_ = true;
    } else if (!view.addresses.empty()) {
        choice_ = Candidate{view.addresses.front(), std::nullopt};
    }
}

std::optional<EndpointSelector::Try> EndpointSelector::settle(const std::vector<Candidate>& field,
                                                              const View& view, TimePoint now) {
    if (search_ != Search::none || known_.empty()) known_ = view.addresses;
    forget_tries();
    rested_ = false;
    settled_ = true;
    winner_ = choice_->address;
    const auto better = std::find_if(field.begin(), field.end(), [this](const Candidate& candidate) {
        return cost(candidate) < cost(*choice_);
    });
    if (better == field.end()) {
        trial_at_.reset();
        deadline_.reset();
        return std::nullopt;
    }
    // One that came too late for the search gets its chance soon.
    if (!trial_at_) trial_at_ = now + (has(met_, better->address) ? kTrialEvery : kTrialSoon);
    if (now < *trial_at_) {
        deadline_ = trial_at_;
        return std::nullopt;
    }
    if (view.traffic && !(choice_->via && now >= *trial_at_ + kTrialUnderTraffic)) {
        deadline_.reset();  // whoever tells us that it ends brings us back
        if (choice_->via) deadline_ = *trial_at_ + kTrialUnderTraffic;
        return std::nullopt;
    }
    fallback_ = std::exchange(choice_, *better);
    met_.push_back(choice_->address);
    trial_at_.reset();
    deadline_ = now + (view.answers_probes ? gentle_patience(view) : kTrial);
    return Try{!view.answers_probes};
}

std::optional<EndpointSelector::Try> EndpointSelector::judge_trial(const View& view, TimePoint now) {
    if (view.answered) {
        fallback_.reset();
        winner_ = choice_->address;
        known_ = view.addresses;
        deadline_.reset();
        return std::nullopt;
    }
    if (usable(*choice_, view) && now < *deadline_) return std::nullopt;
    choice_ = std::exchange(fallback_, std::nullopt);
    trial_at_ = now + kTrialEvery;
    deadline_ = trial_at_;
    if (view.answers_probes) return Try{false};
    // Its session went with the trial.
    search_ = Search::anew;
    begin_try(*choice_, now + patience());
    return Try{true};
}

std::optional<EndpointSelector::Try> EndpointSelector::search(const std::vector<Candidate>& field,
                                                              const View& view, TimePoint now) {
    if (search_ == Search::none) return first(field, view, now);
    const bool listed = choice_ && has(field, *choice_);
    const bool news = std::any_of(field.begin(), field.end(), [this](const Candidate& candidate) {
        return is_new(candidate.address) && !has(met_, candidate.address);
    });
    if (news && !(listed && is_new(choice_->address))) return next(field, now);
    if (listed && view.answered && !answered_) {
        answered_ = true;
        winner_ = choice_->address;
        deadline_ = now + (search_ == Search::gentle ? kRestart : round_ == 0 ? kProof : kLaterProof);
    }
    if (listed && now < *deadline_) return std::nullopt;
    return search_ == Search::gentle && !answered_ ? next_gentle(field, view, now) : next(field, now);
}

std::optional<EndpointSelector::Try> EndpointSelector::first(const std::vector<Candidate>& field,
                                                             const View& view, TimePoint now) {
    forget_tries();
    met_.clear();
    search_ = Search::anew;
    const bool worked = std::exchange(settled_, false);
    // The peer is only now about to come.
    if (std::exchange(rested_, false) && choice_ && has(field, *choice_)) {
        begin_try(*choice_, now + patience());
        return std::nullopt;
    }
    if (worked && view.in_use && view.answers_probes && !is_new(best(field)->address)) {
        search_ = Search::gentle;
        return next_gentle(field, view, now);
    }
    return next(field, now);
}

// Where the session may still work: as it is, the same address by other uplinks, the other addresses.
std::optional<EndpointSelector::Try> EndpointSelector::next_gentle(const std::vector<Candidate>& field,
                                                                   const View& view, TimePoint now) {
    const auto order = [this](const Candidate& candidate) {
        if (candidate == choice_) return 0;
        return candidate.address == winner_ ? 1 : 2;
    };
    const Candidate* found = nullptr;
    for (const Candidate& candidate : field) {
        if (has(tried_, candidate) || (order(candidate) == 2 && candidate.via)) continue;
        if (found == nullptr || order(candidate) < order(*found)) found = &candidate;
    }
    if (found != nullptr) {
        begin_try(*found, now + gentle_patience(view));
        return Try{false};
    }
    return next(field, now);
}

std::optional<EndpointSelector::Try> EndpointSelector::next(const std::vector<Candidate>& field,
                                                            TimePoint now) {
    if (std::exchange(search_, Search::anew) == Search::gentle) tried_.clear();
    const Candidate* candidate = best(field);
    if (candidate == nullptr) {
        tried_.clear();
        ++round_;
        candidate = best(field);
    }
    begin_try(*candidate, now + patience());
    return Try{true};
}

void EndpointSelector::begin_try(const Candidate& candidate, TimePoint until) {
    answered_ = false;
    choice_ = candidate;
    tried_.push_back(candidate);
    met_.push_back(candidate.address);
    deadline_ = until;
}

std::chrono::milliseconds EndpointSelector::patience() const {
    return std::min<std::chrono::milliseconds>(kFirstTry * (1U << std::min(round_, 5U)), kLongestTry);
}

void EndpointSelector::network_changed(TimePoint now) {
    if (fallback_) choice_ = std::exchange(fallback_, std::nullopt);
    forget_tries();
    met_.clear();
    settled_ = false;
    trial_at_ = now + kTrialSoon;
}

}  // namespace ulagate
