// SPDX-License-Identifier: GPL-2.0-or-later
// The episodes of a day, what must hold in them, and how long it may take.
#include "tests/sim/day.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/base/text.h"

namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

std::string in_words(Duration duration) {
    return fmt::format("{:.4f} s", std::chrono::duration<double>(duration).count());
}

// From an event to what the process makes of it, and both ways over the slowest calm wire: kernel events are
// merged for 20 ms, the rest are handlers that run one after the other.
constexpr Duration kReaction = 20ms + 30ms;

// A host whose next hop's new address never reached it: an advertisement names it within 30 s (60 s if one is
// lost). Without one it would find out by itself: it doubts after 45 s (REACHABLE_TIME * MAX_RANDOM_FACTOR),
// waits for 5 s and asks for 3 s.
constexpr Duration kHostBound = 60s;

}  // namespace

Duration Day::slowest_interval() const {
    Duration slowest{0};
    for (std::size_t i = 0; i < world_->routers(); ++i)
        slowest = std::max<Duration>(slowest, world_->router(i).lan().vrrp->machine.interval);
    return slowest;
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
    const Duration heard = (loss_run_ + 1) * slowest_before_ + kReaction + 300ms;  // 300 ms: the slowest wire
    return heard + (processes_stand ? 2 * Duration{kAddressLease} : Duration{0});
}

// RFC 9568: the others wait for three intervals and the skew, counted from the last advertisement.
Duration Day::failover_bound() const { return 4 * slowest_before_ + kReaction; }

bool Day::eligible(std::size_t i) const {
    const Router& router = world_->router(i);
    return router.powered() && !router.frozen() && world_->wire.plugged(i) && router.port() != nullptr &&
           !router.leaving();
}

void Day::expect(bool holds, const std::string& what) {
    if (!holds && !wrong_) wrong_ = world_->story() + what;
}

std::optional<std::string> Day::run(Duration length) {
    const TimePoint end = world_->now() + length;
    while (world_->now() < end && !wrong_) {
        ++episodes_;
        slowest_before_ = slowest_interval();
        loss_run_ = 1;
        partitioned_ = false;
        if (world_->dice.chance(30)) reload_intervals();
        if (world_->dice.chance(50)) {
            stormy_episode();
        } else {
            planned_episode();
        }
    }
    return wrong_;
}

void Day::stormy_episode() {
    const bool was_whole = world_->wire.whole();
    world_->forget();
    storm();
    finish_scripts();
    world_->run_for(0s);
    if (was_whole && !partitioned_) {
        expect(world_->seen().two <= two_bound(true),
               fmt::format("two routers answered for {}, bound {}", in_words(world_->seen().two),
                           in_words(two_bound(true))));
    }
    calm_wire();
    repair(world_->dice.chance(30));
    finish_scripts();
    settle();
}

void Day::settle() {
    run_scripts(settle_bound());
    expect_one_active();
    slowest_before_ = slowest_interval();  // by now all have heard the Active router
    run_scripts(kHostBound);
    expect_hosts_follow();
    world_->forget();
    const bool fast = slowest_interval() < 50ms;
    run_scripts(world_->dice.between(10s, fast ? 20s : 200s));
    expect_quiet();
}

void Day::expect_one_active() {
    const auto answering = world_->answering();
    expect(answering.size() == 1, fmt::format("{} routers answer for the address", answering.size()));
    if (answering.size() != 1) return;
    const Router& active = world_->router(answering.front());
    expect(active.active(), "the router that answers is not Active");
    if (active.port() == nullptr) return;
    const auto priority = active.port()->machine()->priority();
    for (std::size_t i = 0; i < world_->routers(); ++i) {
        if (i == answering.front() || !eligible(i)) continue;
        const vrrp::Machine& other = *world_->router(i).port()->machine();
        expect(other.state() != vrrp::State::active, fmt::format("r{} is Active too", i + 1));
        expect(other.state() != vrrp::State::init, fmt::format("r{} has not started", i + 1));
        const bool preempts = other.config().preempt || other.priority() == vrrp::kPriorityOwner;
        expect(other.priority() <= priority || !preempts,
               fmt::format("r{} with priority {} is Backup, r{} with {} Active", i + 1, other.priority(),
                           answering.front() + 1, priority));
    }
}

void Day::expect_hosts_follow() {
    const auto active = the_active();
    expect(active.has_value(), "not one router answers");
    for (std::size_t i = 0; active && i < world_->hosts(); ++i) {
        expect(world_->host(i).has_route(world_->now()), fmt::format("host {} has no route", i + 1));
        // While it asks, its packets wait.
        const auto& next_hop = world_->host(i).next_hop();
        expect(!next_hop || *next_hop == world_->router(*active).speaking_mac(),
               fmt::format("host {} sends to another router than r{}", i + 1, *active + 1));
    }
}

void Day::expect_quiet() {
    expect(world_->seen().changes == 0, "a router changed its state without a reason");
    expect(world_->seen().two == 0s, "two routers answered in quiet times");
    expect(world_->seen().none == 0s, "no router answered in quiet times");
    for (std::size_t i = 0; i < world_->hosts(); ++i) {
        expect(world_->host(i).flow().lost == 0,
               fmt::format("host {} lost {} packets in quiet times", i + 1, world_->host(i).flow().lost));
    }
}

// Everything works, and then one thing happens that somebody planned, or that breaks one machine.
void Day::planned_episode() {
    perfect_wire();
    for (Station s = 0; s < world_->routers() + world_->hosts(); ++s) world_->wire.set_segment(s, 0);
    repair(true);
    finish_scripts();
    settle();
    const auto active = the_active();
    if (wrong_ || !active) return;
    world_->forget();
    bool planned = true;
    Router& router = world_->router(*active);
    switch (world_->dice.number(0, 6)) {
        case 0:
        case 1:
            router.hand_over(world_->now());
            restart(*active, world_->dice.between(100ms, 8s));
            break;
        case 2:
            router.deduct(static_cast<std::uint8_t>(world_->dice.number(1, 254)), world_->now());
            later(world_->dice.between(0s, 20s),
                  [this, i = *active] { world_->router(i).deduct(0, world_->now()); });
            break;
        case 3:
            reload(any_router());
            break;
        case 4:
            router.kill();
            restart(*active, world_->dice.between(100ms, 8s));
            break;
        case 5:
            router.stall(world_->now() + world_->dice.between(0s, 10s));
            later(10s, [] {});
            break;
        default:
            planned = false;
            if (world_->dice.chance(50)) {
                world_->plug(*active, false);
            } else {
                router.power(false, world_->now());
            }
            break;
    }
    finish_scripts();
    run_scripts(settle_bound());
    expect_one_active();
    for (std::size_t i = 0; i < world_->hosts(); ++i) {
        const Flow& flow = world_->host(i).flow();
        // The virtual MAC is taken from a router that stops before another has it.
        if (planned && !virtual_mac()) {
            expect(flow.lost == 0,
                   fmt::format("host {} lost {} packets by a planned change", i + 1, flow.lost));
        } else {
            expect(flow.longest_gap <= failover_bound() + 100ms,  // 100 ms: the next packet
                   fmt::format("host {} lost packets for {}, bound {}", i + 1, in_words(flow.longest_gap),
                               in_words(failover_bound() + 100ms)));
        }
    }
    world_->forget();
    settle();
    if (planned) return;
    // The machine comes back, and nobody notices.
    world_->forget();
    world_->plug(*active, true);
    router.power(true, world_->now());
    restart(*active, world_->dice.between(0s, 5s));
    finish_scripts();
    run_scripts(settle_bound());
    expect_one_active();
    for (std::size_t i = 0; i < world_->hosts() && !virtual_mac(); ++i) {
        expect(world_->host(i).flow().lost == 0,
               fmt::format("host {} lost {} packets when a router came back", i + 1,
                           world_->host(i).flow().lost));
    }
}

}  // namespace ulagate::sim
