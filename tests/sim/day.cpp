// SPDX-License-Identifier: GPL-2.0-or-later
// The episodes of a day, what must hold in each of them, and how long it may take.
#include "tests/sim/day.h"

#include <fmt/format.h>

#include <algorithm>

namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

// From an event to what the process makes of it, and both ways over the slowest calm wire: kernel events are
// merged for 20 ms, the rest are handlers that run one after the other.
constexpr Duration kReaction = 20ms + 30ms;
constexpr Duration kSlowestWire = 300ms;

// A host whose next hop's new address never reached it: an advertisement names it within 30 s (60 s if one is
// lost). Without one it would find out by itself: it doubts after 45 s (REACHABLE_TIME * MAX_RANDOM_FACTOR),
// waits for 5 s and asks for 3 s.
constexpr Duration kHostBound = 60s;

constexpr Duration kLookEvery = 250ms;

}  // namespace

Duration Day::slowest_interval() const {
    Duration slowest{0};
    for (std::size_t i = 0; i < world_->routers(); ++i)
        slowest = std::max<Duration>(slowest, world_->router(i).lan().vrrp->machine.interval);
    return slowest;
}

Duration Day::fastest_interval() const {
    Duration fastest = Duration::max();
    for (std::size_t i = 0; i < world_->routers(); ++i)
        fastest = std::min<Duration>(fastest, world_->router(i).lan().vrrp->machine.interval);
    return fastest;
}

// One Active router that may stay it, from the last disturbance on.
Duration Day::settle_bound() const {
    Duration waiting{0};
    for (std::size_t i = 0; i < world_->routers(); ++i) {
        const vrrp::Config& machine = world_->router(i).lan().vrrp->machine;
        waiting = std::max(waiting, machine.start_delay + machine.preempt_delay);
    }
    const Duration down = 4 * slowest_before_;  // three intervals and the skew, which is below one
    // A lease that nobody renews ends by itself. Then a Backup waits for silence; after its delays the best
    // router stops obeying, and waits once more. Two that believe to be Active hear each other within an
    // interval, or two if one advertisement is lost. 2 s: duplicate address detection of a machine that has
    // just booted.
    return kAddressLease + 2s + waiting + 2 * down + 2 * slowest_before_ + 4 * kReaction;
}

// Two routers that answer for the address, while they could hear each other. The one that must yield does so
// with the first advertisement that gets through. A process that stands still hears nothing, but its address
// goes when the lease ends; and the other one may stand still by then.
Duration Day::two_bound(bool processes_stand) const {
    const Duration heard = (loss_run_ + 1) * slowest_before_ + kReaction + kSlowestWire;
    return heard + (processes_stand ? 2 * Duration{kAddressLease} : Duration{0});
}

bool Day::eligible(std::size_t i) const {
    const Router& router = world_->router(i);
    return router.powered() && !router.frozen() && world_->wire.plugged(i) &&
           router.lan_router() != nullptr && !router.leaving();
}

void Day::expect(bool holds, const std::string& what) {
    if (!holds && !wrong_) wrong_ = world_->story() + what;
}

// Asks again and again, and in the end it must be well.
void Day::within(Duration bound, const std::function<Problem()>& problem) {
    const TimePoint end = world_->now() + bound;
    Problem found = problem();
    while (found && world_->now() < end && !wrong_) {
        run_scripts(std::min(kLookEvery, end - world_->now()));
        found = problem();
    }
    if (found) expect(false, fmt::format("{} after {}", *found, in_words(bound)));
}

std::optional<std::string> Day::run(Duration length) {
    const TimePoint end = world_->now() + length;
    while (world_->now() < end && !wrong_) {
        ++episodes_;
        slowest_before_ = slowest_interval();
        loss_run_ = 1;
        if (world_->dice.chance(50)) {
            stormy_episode();
        } else {
            planned_episode();
        }
        if (world_->dice.chance(30)) calm_hours();
    }
    return wrong_;
}

void Day::stormy_episode() {
    world_->forget();
    storm();
    finish_scripts();
    run_scripts(0s);
    calm_wire();
    join_wire();
    repair(world_->dice.chance(30));
    finish_scripts();
    settle();
}

void Day::settle() {
    run_scripts(kReaction);
    within(settle_bound(), [this] { return not_one_active(); });
    // One that has just become Backup waits by its own interval, and may be too early for a slower Active
    // one.
    run_scripts(4 * slowest_before_);
    within(settle_bound(), [this] { return not_one_active(); });
    expect_two(two_bound(true));
    expect(world_->seen().two_awake <= two_bound(false),
           fmt::format("two routers that can hear answered for {}, bound {}",
                       in_words(world_->seen().two_awake), in_words(two_bound(false))));
    slowest_before_ = slowest_interval();  // by now all have heard the Active router
    within(kHostBound, [this] { return hosts_elsewhere(); });
    quiet(world_->dice.between(1s, fastest_interval() < 50ms ? 10s : 60s));
}

// It must be well all the time, and nobody changes anything.
void Day::quiet(Duration length) {
    if (wrong_) return;
    world_->forget();
    run_scripts(length);
    const Seen& seen = world_->seen();
    expect(seen.changes == 0, "a router changed its state without a reason");
    expect(seen.two == 0s, "two routers answered in quiet times");
    expect(seen.none == 0s, "no router answered in quiet times");
    expect_nothing_lost("a quiet time");
    if (const auto problem = hosts_elsewhere()) expect(false, *problem);
}

// Most of a day. Seldom advertisements, for nobody wants to wait for this test.
void Day::calm_hours() {
    static const std::vector<int> kSlow{100, 100, 500, 1000, 4095};
    const auto usual = std::chrono::duration_cast<vrrp::Centiseconds>(slowest_interval());
    perfect_wire();
    quiet(1s);
    world_->forget();
    reload_intervals(vrrp::Centiseconds{world_->dice.one_of(kSlow)});
    expect(world_->seen().changes == 0, "another interval changed the state of a router");
    calm_wire();
    quiet(world_->dice.between(5min, 60min));
    perfect_wire();
    world_->forget();
    reload_intervals(world_->dice.chance(30) ? random_interval(world_->dice) : usual);
    expect(world_->seen().changes == 0, "the usual interval changed the state of a router");
}

Day::Problem Day::not_one_active() const {
    const auto answering = world_->answering();
    if (answering.size() != 1) return fmt::format("{} routers answer for the address", answering.size());
    const std::size_t one = answering.front();
    const Router& active = world_->router(one);
    if (!active.active()) return "the router that answers is not Active";
    const auto priority = active.lan_router()->machine()->priority();
    for (std::size_t i = 0; i < world_->routers(); ++i) {
        if (i == one || !eligible(i)) continue;
        const vrrp::Machine& other = *world_->router(i).lan_router()->machine();
        if (other.state() != vrrp::State::backup)
            return fmt::format("r{} is {} too", i + 1, vrrp::to_string(other.state()));
        const bool preempts = other.config().preempt || other.priority() == vrrp::kPriorityOwner;
        if (preempts && other.priority() > priority)
            return fmt::format("r{} with priority {} is Backup, r{} with {} Active", i + 1, other.priority(),
                               one + 1, priority);
    }
    return {};
}

Day::Problem Day::hosts_elsewhere() const {
    const auto active = the_active();
    if (!active) return "not one router answers";
    for (std::size_t i = 0; i < world_->hosts(); ++i) {
        const Host& host = world_->host(i);
        if (!host.has_route(world_->now())) return fmt::format("host {} has no route", i + 1);
        if (host.next_hop() != world_->router(*active).sending_mac())
            return fmt::format("host {} sends to another router than r{}", i + 1, *active + 1);
    }
    return {};
}

void Day::expect_nothing_lost(const std::string& by) {
    for (std::size_t i = 0; i < world_->hosts(); ++i) {
        const std::uint64_t lost = world_->host(i).flow().lost;
        expect(lost == 0, fmt::format("host {} lost {} packets by {}", i + 1, lost, by));
    }
}

void Day::expect_gap(Duration bound) {
    for (std::size_t i = 0; i < world_->hosts(); ++i) {
        const Duration gap = world_->host(i).flow().longest_gap;
        expect(gap <= bound,
               fmt::format("host {} lost packets for {}, bound {}", i + 1, in_words(gap), in_words(bound)));
    }
}

void Day::expect_two(Duration bound) {
    const Duration two = world_->seen().two;
    expect(two <= bound,
           fmt::format("two routers answered for {}, bound {}", in_words(two), in_words(bound)));
}

void Day::expect_none(Duration bound) {
    const Duration none = world_->seen().none;
    expect(none <= bound,
           fmt::format("no router answered for {}, bound {}", in_words(none), in_words(bound)));
}

}  // namespace ulagate::sim
