// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/referee.h"

#include <fmt/format.h>

#include <algorithm>

#include "vrrp/neighbor.h"

namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

// RFC 4861 section 10, and the default of our configuration.
constexpr Duration kMinDelayBetweenAdvertisements = 3s;
// MAX_NEIGHBOR_ADVERTISEMENT, when it takes over, and once more when a rival has gone.
constexpr unsigned kMaxAnnouncements = 3 + 3;
constexpr Duration kMaxRouterInterval = 30s;
// A process gets its turn (0.5 ms), and its kernel what it decided (2 ms). Kernel events wait for 20 ms.
constexpr Duration kPrompt = 5ms;
constexpr Duration kAfterEvents = 30ms;

// RFC 9568 section 5.2
std::uint8_t priority_in(const Frame& frame) { return std::to_integer<std::uint8_t>(frame.bytes.at(2)); }
Duration interval_in(const Frame& frame) {
    const auto high = std::to_integer<int>(frame.bytes.at(4) & std::byte{0x0f});
    return vrrp::Centiseconds{high * 256 + std::to_integer<int>(frame.bytes.at(5))};
}

// Section 6.1, in our own words: the product's are under test.
Duration skew(std::uint8_t priority, Duration interval) { return interval * (256 - priority) / 256; }

}  // namespace

std::string in_words(Duration duration) {
    return fmt::format("{:.4f} s", std::chrono::duration<double>(duration).count());
}

Referee::Referee(const std::vector<std::unique_ptr<Router>>& routers, const Wire& wire)
    : routers_(routers), wire_(wire) {}

void Referee::blame(std::size_t router, const std::string& what) {
    if (!wrong_) wrong_ = fmt::format("r{} {}", router + 1, what);
}

Referee::Seat& Referee::seat_of(std::size_t router) {
    Seat& seat = seats_.at(router);
    if (seat.life != routers_[router]->life()) {
        seat = {};
        seat.life = routers_[router]->life();
    }
    // Which of several it was when the link came up is not seen from here.
    seat.start_delay = std::min(seat.start_delay, routers_[router]->lan().vrrp->machine.start_delay);
    return seat;
}

void Referee::note_manners(std::size_t router, Seat& seat) {
    const vrrp::Machine& machine = *routers_[router]->lan_router()->machine();
    const vrrp::Config& config = machine.config();
    const Manners now{machine.priority(), config.preempt, config.preempt_delay, config.interval};
    if (now == seat.manners) return;
    seat.manners = now;
    seat.sure = false;
}

// --- when a Backup may take over: RFC 9568 section 6.4.2, and the delay ---

void Referee::delivered(Station from, std::size_t to, const Frame& frame, TimePoint now) {
    const Router& router = *routers_[to];
    if (!router.hears() || router.leaving()) return;
    const vrrp::Machine& machine = *router.lan_router()->machine();
    if (machine.state() == vrrp::State::init) return;
    Seat& seat = seat_of(to);
    note_manners(to, seat);
    hear_as_backup(seat, from, priority_in(frame), interval_in(frame), router.awake_since(now).has_value(),
                   machine.config().priority, router.clock(now));
}

void Referee::hear_as_backup(Seat& seat, Station from, std::uint8_t priority, Duration interval, bool awake,
                             std::uint8_t configured, TimePoint now) {
    const auto before = std::exchange(seat.last_heard, std::pair{from, priority});
    if (priority == vrrp::kPriorityStopping) {
        seat.stopped = now;
        return;
    }
    // What waits in the socket of a process that stands still is read by one that may be worth more.
    const std::uint8_t own = awake ? seat.manners.priority : std::max(seat.manners.priority, configured);
    if (priority < own) {
        seat.sure &= awake;
        if (!awake) return;
        // From one that lowers itself another takes over without delay; one that was not heard for a while,
        // because another was Active, has not said that it lowers itself.
        const bool lowered = before && before->first == from && before->second >= own;
        const bool at_once = lowered || !seat.sure;
        if (!seat.lower_since) seat.lower_since = at_once ? TimePoint{} : now;
        const bool waits = now < *seat.lower_since + seat.manners.preempt_delay;
        if (seat.manners.preempt && !waits) return;
    } else {
        seat.lower_since.reset();
        seat.sure |= awake;
    }
    seat.obeyed = now;
    seat.obeyed_interval = interval;
    seat.stopped.reset();
}

void Referee::changed(std::size_t router, const vrrp::Changed& change, TimePoint now) {
    Seat& seat = seat_of(router);
    note_manners(router, seat);
    const vrrp::Config& config = routers_[router]->lan_router()->machine()->config();
    const TimePoint clock = routers_[router]->clock(now);
    if (change.from == vrrp::State::init && clock - routers_[router]->started() < seat.start_delay)
        blame(router, "does not wait for its start delay");
    if (change.to == vrrp::State::active) {
        if (change.from == vrrp::State::backup) judge_takeover(router, seat, clock);
        seat.active_since = clock;
        seat.announced = false;
        seat.announcements = 0;
        seat.rivals_gone.reset();
        seat.unread_down.reset();
    }
    if (change.to == vrrp::State::backup) {
        if (change.from == vrrp::State::init && config.priority == vrrp::kPriorityOwner)
            blame(router, "owns the address and does not take it at once");
        const Duration own = config.interval;
        seat.obeyed_interval = seat.obeyed ? std::min(own, seat.obeyed_interval) : own;
        seat.obeyed = clock;
        seat.stopped.reset();
        seat.lower_since.reset();
        if (change.from == vrrp::State::init) seat.last_heard.reset();
        seat.sure = routers_[router]->awake_since(now).has_value();
    }
    look_at(router, now);
}

void Referee::judge_takeover(std::size_t router, const Seat& seat, TimePoint now) {
    const std::uint8_t priority = seat.manners.priority;
    if (!seat.sure || !seat.obeyed || priority == vrrp::kPriorityOwner) return;
    const Duration skew_time = skew(priority, seat.obeyed_interval);
    const Duration due = seat.stopped ? skew_time : 3 * seat.obeyed_interval + skew_time;
    const Duration silent = now - seat.stopped.value_or(*seat.obeyed);
    if (silent + 1us < due)
        blame(router, fmt::format("takes over after {}, not {}", in_words(silent), in_words(due)));
}

// --- what an Active router must do about what it hears: section 6.4.3 ---

void Referee::handled(std::size_t to, const Frame& frame, TimePoint now) {
    const Router& router = *routers_[to];
    if (!router.active() || !router.answers()) return;
    Seat& seat = seat_of(to);
    seat.announcements = 0;
    const std::uint8_t priority = priority_in(frame);
    const Duration down = 3 * interval_in(frame) + skew(priority, interval_in(frame));
    // What waits in the socket is read when the process wakes.
    const auto awake = router.awake_since(now);
    if (!awake) {
        seat.rivals_gone.reset();
        const bool stops = priority == vrrp::kPriorityStopping;
        seat.unread_down = stops ? Duration{0} : std::max(seat.unread_down.value_or(down), down);
        return;
    }
    const std::uint8_t own = router.lan_router()->machine()->priority();
    if (priority > own || (priority == own && frame.source > router.address()))
        return blame(to, fmt::format("stays Active beside priority {}", priority));
    const TimePoint clock = router.clock(now);
    if (seat.last_advertisement != clock)
        blame(to, fmt::format("does not answer priority {} at once", priority));
    count_unread(seat, router.clock(*awake));
    const TimePoint gone = clock + down;
    seat.rivals_gone =
        priority == vrrp::kPriorityStopping ? clock : std::max(seat.rivals_gone.value_or(gone), gone);
}

void Referee::count_unread(Seat& seat, TimePoint awake) {
    if (!seat.unread_down) return;
    const TimePoint gone = awake + *std::exchange(seat.unread_down, std::nullopt);
    seat.rivals_gone = std::max(seat.rivals_gone.value_or(gone), gone);
}

// --- what may be on the wire ---

void Referee::sent(std::size_t router, const Frame& frame, TimePoint now) {
    const Router& sender = *routers_[router];
    if (sender.lan_router() == nullptr) return;  // its kernel answers
    Seat& seat = seat_of(router);
    now = sender.clock(now);
    if (frame.protocol == vrrp::kProtocol) {
        seat.last_advertisement = now;
        seat.said = priority_in(frame);
        if (priority_in(frame) != vrrp::kPriorityStopping && !sender.active())
            blame(router, "advertises and is not Active");
        return;
    }
    if (frame.destination.is_multicast() && !sender.active() && !sender.leaving())
        blame(router, "speaks for the address and is not Active");
    if (frame.bytes.front() == kRouterAdvertisement) return judge_advertisement(router, seat, frame, now);
    if (frame.destination.is_multicast() && frame.source == sender.lan().vrrp->machine.address)
        judge_announcement(router, seat, now);
}

void Referee::judge_advertisement(std::size_t router, Seat& seat, const Frame& frame, TimePoint now) {
    if (frame.destination.is_multicast()) {
        if (seat.last_router_advertisement &&
            now - *seat.last_router_advertisement < kMinDelayBetweenAdvertisements)
            blame(router, "sends two Router Advertisements within 3 s");
        seat.last_router_advertisement = now;
    }
    if (routers_[router]->leaving()) return;  // the last word says something else
    auto parsed = ra::parse_router_advertisement(frame.bytes, {frame.source, frame.destination, 255});
    if (!parsed) return blame(router, "sends a Router Advertisement that is none");
    const ra::Option sending = ra::SourceLinkLayerAddress{routers_[router]->sending_mac()};
    if (std::erase(parsed->options, sending) != 1)
        blame(router, "advertises without the link-layer address that it speaks with");
    if (content_.empty()) content_ = parsed->options;
    if (parsed->options != content_) blame(router, "advertises something else than the others");
}

// Three of them, and again when there is reason to, but not faster (RFC 4861 section 7.2.6).
void Referee::judge_announcement(std::size_t router, Seat& seat, TimePoint now) {
    if (seat.last_announcement && now - *seat.last_announcement < kRetransTimer)
        blame(router, "sends two Neighbor Advertisements within 1 s");
    if (++seat.announcements > kMaxAnnouncements) blame(router, "does not stop telling the neighbors");
    seat.last_announcement = now;
    seat.announced = true;
    if (seat.rivals_gone && now >= *seat.rivals_gone) seat.rivals_gone.reset();
}

// --- what must have happened by now ---

void Referee::look(TimePoint now) {
    for (std::size_t i = 0; i < routers_.size(); ++i) look_at(i, now);
}

void Referee::look_at(std::size_t router, TimePoint now) {
    const Router& it = *routers_[router];
    if (it.lan_router() == nullptr || it.frozen() || it.leaving()) return;
    Seat& seat = seat_of(router);
    const auto awake = it.awake_since(now);
    now = it.clock(now);
    const bool differs = awake && wire_.plugged(router) && it.active() != it.answers();
    if (awake && seat.differs_since && now - std::max(*seat.differs_since, it.clock(*awake)) > kAfterEvents)
        blame(router, it.answers() ? "answers for the address and is not Active"
                                   : "is Active and does not hold the address");
    if (differs != seat.differs_since.has_value())
        seat.differs_since = differs ? std::optional{now} : std::nullopt;

    const std::uint64_t refused = it.lan_router()->counters().send_errors;
    if (refused != std::exchange(seat.refused, refused)) seat.refused_at = now;

    if (!it.answers()) {
        seat.holds_since.reset();
        seat.unsaid_since.reset();
        seat.last_announcement.reset();
        seat.announcements = 0;
        seat.rivals_gone.reset();
        return;
    }
    if (!seat.holds_since) seat.holds_since = now;
    if (!it.active() || !awake || !wire_.plugged(router)) {
        seat.unsaid_since.reset();
        return;
    }
    if (seat.said == it.lan_router()->machine()->priority()) {
        seat.unsaid_since.reset();
    } else if (!seat.unsaid_since) {
        seat.unsaid_since = now;
    } else if (seat.refused_at && *seat.refused_at + kAfterEvents >= *seat.unsaid_since) {
        // Its word met a link without a carrier; the next one comes with the interval.
    } else if (now - std::max(*seat.unsaid_since, it.clock(*awake)) > kAfterEvents) {
        blame(router, "does not say its new priority at once");
    }
    count_unread(seat, it.clock(*awake));
    const TimePoint from = std::max({*seat.active_since, *seat.holds_since, it.clock(*awake)});
    if (!seat.announced && now - from > kPrompt) blame(router, "does not tell the neighbors");
    if (seat.rivals_gone && now - std::max(*seat.rivals_gone, from) > kRetransTimer + kPrompt)
        blame(router, "does not tell the neighbors that a rival has gone");
    const auto last = seat.last_router_advertisement;
    TimePoint due = from;
    if (last) due = std::max(from, *last + kMinDelayBetweenAdvertisements);
    if (last && *last >= *seat.active_since) due = std::max(from, *last + kMaxRouterInterval);
    // What the kernel refused, because the address had just run out, is not repeated.
    if (seat.refused_at) due = std::max(due, *seat.refused_at + kMaxRouterInterval);
    if (now - due > kPrompt) blame(router, "does not advertise");
}

}  // namespace ulagate::sim
