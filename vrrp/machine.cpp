// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/machine.h"

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"

namespace ulagate::vrrp {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::size_t kMaxTransitions = 16;
constexpr std::uint8_t kHighestOfBackups = 254;

// How long a second Active router may go on before it is more than a hand-over.
constexpr Duration kHandOver = std::chrono::seconds{1};
// One with a short interval is not gone because one of its advertisements is.
constexpr Duration kOtherHeard = std::chrono::seconds{3};
// Three times within these are often.
constexpr Duration kWithin = std::chrono::seconds{10};
constexpr Centiseconds kUsualInterval{100};  // RFC 9568 section 5.2.7

std::string in_words(Duration duration) { return human_duration(duration_cast<milliseconds>(duration)); }
std::string in_words(Centiseconds interval) { return ulagate::to_string(milliseconds{interval}); }

Config conforming(Config config) {
    config.priority = std::max<std::uint8_t>(config.priority, 1);
    config.interval = std::clamp(config.interval, kMinInterval, kMaxInterval);
    return config;
}

std::string list_in_words(const std::vector<net::Ipv6Address>& addresses) {
    if (addresses.empty()) return "no address";
    std::string first = net::to_string(addresses.front());
    if (addresses.size() == 1) return first;
    return first + " and " + std::to_string(addresses.size() - 1) + " more";
}

}  // namespace

std::string_view to_string(State state) {
    switch (state) {
        case State::init:
            return "init";
        case State::backup:
            return "backup";
        case State::active:
            return "active";
    }
    return "";
}

Duration skew_time(std::uint8_t priority, Centiseconds active_interval) {
    return Duration{active_interval} * (256 - priority) / 256;
}

Duration down_interval(std::uint8_t priority, Centiseconds active_interval) {
    return 3 * Duration{active_interval} + skew_time(priority, active_interval);
}

Machine::Machine(Config config)
    : config_(conforming(config)), priority_(config_.priority), active_interval_(config_.interval) {}

Actions Machine::start(TimePoint now) {
    if (state_ != State::init || timer_) return {};
    peer_.reset();
    if (config_.start_delay > Duration{0}) {
        timer_ = now + config_.start_delay;
        return {};
    }
    Actions actions;
    begin(now, "started", actions);
    return actions;
}

Actions Machine::stop(TimePoint now, std::string reason) {
    timer_.reset();
    if (state_ == State::init) return {};
    Actions actions;
    if (state_ == State::active) actions.emplace_back(SendAdvertisement{kPriorityStopping});
    change(State::init, now, std::move(reason), actions);
    return actions;
}

Actions Machine::on_advertisement(const Advertisement& advertisement, const net::Ipv6Address& from,
                                  const net::Ipv6Address& self, TimePoint now) {
    // Our own words, reflected by the link, must not be answered: the answer would come back as well.
    if (state_ == State::init || advertisement.vrid != config_.vrid || from == self) return {};
    Actions actions = differences(advertisement, from);
    if (advertisement.addresses.empty() || advertisement.addresses.front() != config_.address) {
        other_virtual_router_ =
            OtherVirtualRouter{{from, advertisement.priority, advertisement.interval, now}, std::nullopt};
        if (!advertisement.addresses.empty())
            other_virtual_router_->address = advertisement.addresses.front();
        return actions;
    }
    if (state_ == State::backup) {
        hear_as_backup(advertisement, from, now);
    } else {
        hear_as_active(advertisement, from, from > self, now, actions);
    }
    peer_ = Peer{from, advertisement.priority, advertisement.interval, now};
    return actions;
}

// RFC 9568 section 6.4.2
void Machine::hear_as_backup(const Advertisement& advertisement, const net::Ipv6Address& from,
                             TimePoint now) {
    if (advertisement.priority == kPriorityStopping) {
        if (std::exchange(gave_way_, false)) stops_.note(now);
        timer_ = now + (stops_.often(now) ? patience(now) : skew_time(priority_, active_interval_));
        return;
    }
    if (obeys(advertisement, from, now)) {
        learn(advertisement);
        timer_ = now + patience(now);
    }
}

// A lower priority is obeyed while we have not been ready for preempt_delay: by then we may have fetched all
// that is needed to do better than the other. A router that lowers its own priority below ours says that it
// cannot do its work; another takes over without delay.
bool Machine::obeys(const Advertisement& advertisement, const net::Ipv6Address& from, TimePoint now) {
    if (advertisement.priority >= priority_) {
        preempt_from_.reset();
        return true;
    }
    if (!preempt_from_) {
        const bool lowered = peer_ && peer_->address == from && peer_->priority >= priority_;
        preempt_from_ = lowered ? now : now + config_.preempt_delay;
    }
    if (priority_ == kPriorityOwner) return false;
    return !config_.preempt || now < *preempt_from_;
}

// RFC 9568 section 6.4.3. The owner of the address does the same as others: erratum 8298 (two owners would
// else stay Active for ever).
void Machine::hear_as_active(const Advertisement& advertisement, const net::Ipv6Address& from,
                             bool larger_address, TimePoint now, Actions& actions) {
    if (advertisement.priority == kPriorityStopping) {
        // It was Active beside us, and hosts may have believed it.
        send(now, actions);
        rival_silent_.reset();
        actions.emplace_back(Announce{});
        return;
    }
    const bool higher = advertisement.priority > priority_;
    const bool wins = higher || (advertisement.priority == priority_ && larger_address);
    if (wins) {
        gave_way_ = true;
        changes_.note(now);
        if (changes_.often(now)) restless_ = Peer{from, advertisement.priority, advertisement.interval, now};
        learn(advertisement);
        timer_ = now + patience(now);
        change(State::backup, now,
               net::to_string(from) + (higher ? " has priority " + std::to_string(advertisement.priority)
                                              : " has the same priority and the larger address"),
               actions);
        return;
    }
    const TimePoint silent = now + vrrp::down_interval(advertisement.priority, advertisement.interval);
    if (!rival_silent_) rival_since_ = now;
    rival_silent_ = std::max(rival_silent_.value_or(silent), silent);
    rival_ = Peer{from, advertisement.priority, advertisement.interval, now};
    // The RFC does not restart the timer here: our other advertisements keep their rhythm.
    actions.emplace_back(SendAdvertisement{priority_});
}

// How long a Backup waits from now on.
Duration Machine::patience(TimePoint now) const {
    if (!changes_.often(now)) return down_interval();
    return std::max(down_interval(), vrrp::down_interval(priority_, kUsualInterval));
}

void Machine::LastTimes::note(TimePoint now) {
    std::rotate(when_.begin(), when_.begin() + 1, when_.end());
    when_.back() = now;
}

bool Machine::LastTimes::often(TimePoint now) const {
    return when_.front() && now - *when_.front() < kWithin;
}

std::optional<Peer> Machine::rival(TimePoint now) const {
    const bool there = state_ == State::active && rival_ && rival_silent_ && now < *rival_silent_;
    return there && rival_->when - rival_since_ >= kHandOver ? rival_ : std::nullopt;
}

std::optional<OtherVirtualRouter> Machine::other_virtual_router(TimePoint now) const {
    if (!other_virtual_router_ || state_ == State::init) return std::nullopt;
    const Duration silence =
        vrrp::down_interval(other_virtual_router_->who.priority, other_virtual_router_->who.interval);
    return now - other_virtual_router_->who.when < std::max(silence, kOtherHeard) ? other_virtual_router_
                                                                                  : std::nullopt;
}

std::optional<Peer> Machine::restless(TimePoint now) const {
    // Who goes on with it is followed three times again when the ten seconds are over.
    const bool still = state_ != State::init && restless_ && now - restless_->when < 2 * kWithin;
    return still ? restless_ : std::nullopt;
}

Actions Machine::on_deadline(TimePoint now) {
    Actions actions;
    if (timer_ && now >= *timer_) {
        switch (state_) {
            case State::init:
                begin(now, "the start delay of " + in_words(config_.start_delay) + " is over", actions);
                return actions;
            case State::backup:
                become_active(now, why_active(now), actions);
                return actions;
            case State::active:
                send(now, actions);
                break;
        }
    }
    if (rival_silent_ && now >= *rival_silent_) {
        rival_silent_.reset();
        actions.emplace_back(Announce{});
    }
    return actions;
}

Actions Machine::set_config(Config config, TimePoint now) {
    const Config before = std::exchange(config_, conforming(config));
    const bool new_interval = config_.interval != before.interval;
    if (new_interval && state_ == State::backup && !peer_) {
        active_interval_ = config_.interval;
        timer_ = now + down_interval();
    }
    const int deduction = before.priority - priority_;
    return assume_priority(config_.priority - deduction, new_interval, now);
}

Actions Machine::set_priority(std::uint8_t effective, TimePoint now) {
    return assume_priority(effective, false, now);
}

// `announce`: there is more than the priority to tell the others.
Actions Machine::assume_priority(int priority, bool announce, TimePoint now) {
    // Section 5.2.4: the owner's is 255, and nobody else's.
    const int lowest = config_.priority == kPriorityOwner ? kPriorityOwner : 1;
    const int highest = config_.priority == kPriorityOwner ? kPriorityOwner : kHighestOfBackups;
    const auto before =
        std::exchange(priority_, static_cast<std::uint8_t>(std::clamp(priority, lowest, highest)));
    Actions actions;
    if (state_ == State::active && (announce || priority_ != before)) send(now, actions);
    if (state_ == State::backup && peer_ && peer_->priority != kPriorityStopping) {
        if (peer_->priority >= priority_) {
            preempt_from_.reset();
        } else if (!preempt_from_) {
            preempt_from_ = now + config_.preempt_delay;
        }
    }
    return actions;
}

Actions Machine::lease_lost(TimePoint now, std::string reason) {
    if (state_ != State::active) return {};
    Actions actions;
    active_interval_ = config_.interval;
    timer_ = now + down_interval();
    change(State::backup, now, std::move(reason), actions);
    return actions;
}

std::optional<TimePoint> Machine::deadline() const {
    if (timer_ && rival_silent_) return std::min(*timer_, *rival_silent_);
    return timer_;
}

Duration Machine::down_interval() const { return vrrp::down_interval(priority_, active_interval_); }

Advertisement Machine::advertisement(std::uint8_t priority) const {
    return {config_.vrid, priority, config_.interval, {config_.address}};
}

// RFC 9568 section 6.4.1
void Machine::begin(TimePoint now, std::string reason, Actions& actions) {
    if (priority_ == kPriorityOwner) {
        become_active(now, "the address is ours (priority 255)", actions);
        return;
    }
    active_interval_ = config_.interval;
    timer_ = now + down_interval();
    change(State::backup, now, std::move(reason), actions);
}

void Machine::become_active(TimePoint now, std::string reason, Actions& actions) {
    send(now, actions);
    change(State::active, now, std::move(reason), actions);
}

void Machine::send(TimePoint now, Actions& actions) {
    actions.emplace_back(SendAdvertisement{priority_});
    timer_ = now + config_.interval;
}

void Machine::learn(const Advertisement& advertisement) {
    active_interval_ = std::clamp(advertisement.interval, kMinInterval, kMaxInterval);
}

void Machine::change(State to, TimePoint now, std::string reason, Actions& actions) {
    if (to == State::active) actions.emplace_back(TakeAddress{});
    if (state_ == State::active) actions.emplace_back(ReleaseAddress{});
    actions.emplace_back(Changed{state_, to, reason});
    transitions_.push_back({state_, to, now, std::move(reason)});
    if (transitions_.size() > kMaxTransitions) transitions_.pop_front();
    state_ = to;
    since_ = now;
    rival_silent_.reset();
    preempt_from_.reset();
}

std::string Machine::why_active(TimePoint now) const {
    if (!peer_) return "no advertisement for " + in_words(now - since_);
    const std::string name = net::to_string(peer_->address);
    if (peer_->priority == kPriorityStopping) return name + " has stopped";
    const bool preempts = config_.preempt || priority_ == kPriorityOwner;
    if (preempts && preempt_from_ && *preempt_from_ <= peer_->when) {
        return name + " has the lower priority " + std::to_string(peer_->priority);
    }
    return "no advertisement for " + in_words(now - peer_->when);
}

Actions Machine::differences(const Advertisement& advertisement, const net::Ipv6Address& from) const {
    Actions found;
    const auto name = [&] { return net::to_string(from); };  // seldom needed
    if (state_ == State::active && advertisement.interval != config_.interval) {
        found.emplace_back(Differs{Difference::interval, name() + " advertises every " +
                                                             in_words(advertisement.interval) +
                                                             ", we every " + in_words(config_.interval)});
    }
    if (advertisement.addresses != std::vector{config_.address}) {
        found.emplace_back(Differs{Difference::addresses, name() + " advertises " +
                                                              list_in_words(advertisement.addresses) +
                                                              ", we " + net::to_string(config_.address)});
    }
    if (priority_ == kPriorityOwner && advertisement.priority != kPriorityStopping) {
        found.emplace_back(Differs{
            Difference::owner, name() + (advertisement.priority == kPriorityOwner
                                             ? " also has priority 255: only one router can own the address"
                                             : " is Active for the address that we own")});
    }
    return found;
}

}  // namespace ulagate::vrrp
