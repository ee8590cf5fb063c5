// SPDX-License-Identifier: GPL-2.0-or-later
// Everything works, and then one thing happens that somebody planned, or that breaks one machine. Nothing
// gets lost on the wire, so that what hosts and neighbours may notice is known exactly.
#include <algorithm>

#include "tests/sim/day.h"

namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLongestPeriod = 100ms;  // between two packets of a host
constexpr Duration kAnnouncedAgain = 1s;    // RFC 4861: RetransTimer between two Neighbor Advertisements

}  // namespace

// Both ways over the wire, a process that gets its turn at both ends (0.5 ms), and its kernel (2 ms).
Duration Day::prompt() const { return 2 * world_->wire.quality().max_delay + 5ms; }

// RFC 9568 section 6.1, for the best of the others.
Duration Day::successor_skew(std::size_t leaves) const {
    int best = 0;
    for (std::size_t i = 0; i < world_->routers(); ++i) {
        if (i != leaves && eligible(i))
            best = std::max<int>(best, world_->router(i).lan_router()->machine()->priority());
    }
    return Duration{world_->router(leaves).lan().vrrp->machine.interval} * (256 - best) / 256;
}

// Counted from the last advertisement, so that this is the most.
Duration Day::failover_bound(std::size_t dies) const {
    return 3 * Duration{world_->router(dies).lan().vrrp->machine.interval} + successor_skew(dies) + prompt();
}

// Two that answered at the same time, as two Backups do whose skews differ by less than the way over the
// wire: the one that stays tells the hosts again when the other one counts as gone (CONFORMANCE V-50).
Duration Day::hosts_bound() const { return 4 * slowest_before_ + kAnnouncedAgain + prompt(); }

void Day::planned_episode() {
    perfect_wire();
    join_wire();
    repair(true);
    finish_scripts();
    settle();
    const auto active = the_active();
    if (wrong_ || !active) return;
    world_->forget();
    switch (world_->dice.number(0, 9)) {
        case 0:
        case 1:
            hand_over(*active);
            break;
        case 2:
            deduct(*active);
            break;
        case 3:
            reload_something();
            break;
        case 4:
            kill(*active);
            break;
        case 5:
            stall(*active);
            break;
        case 6:
            freeze(*active);
            return settle();
        case 7:
            split(*active);
            return settle();
        default:
            die(*active);
            break;
    }
    if (wrong_) return;
    within(hosts_bound(), [this] { return hosts_elsewhere(); });
    settle();
}

// A virtual MAC is where the switch saw it last. That may be a frame of the router that yields, which met the
// other one's first advertisement on the way; the next one puts it right.
void Day::expect_planned(const std::string& change) {
    if (virtual_mac()) return expect_gap(slowest_before_ + prompt() + kLongestPeriod);
    expect_nothing_lost(change);
}

// The daemon stops, is upgraded, or leaves for good while others stay: nobody loses anything.
void Day::hand_over(std::size_t active) {
    const bool leaves_for_good = world_->dice.chance(30);
    const Duration nobody = leaves_for_good ? prompt() : successor_skew(active) + prompt();
    if (leaves_for_good) {
        world_->router(active).withdraw(world_->now());
    } else {
        world_->router(active).hand_over(world_->now());
    }
    restart(active, world_->dice.between(100ms, 8s));
    finish_scripts();
    within(settle_bound(), [this] { return not_one_active(); });
    expect_planned("a hand-over");
    expect_two(prompt());
    expect_none(nobody);
}

void Day::deduct(std::size_t active) {
    world_->router(active).deduct(static_cast<std::uint8_t>(world_->dice.number(1, 254)), world_->now());
    later(world_->dice.between(0s, 20s), [this, active] { world_->router(active).deduct(0, world_->now()); });
    finish_scripts();
    run_scripts(prompt() + 20ms);
    within(settle_bound(), [this] { return not_one_active(); });
    expect_planned("a change of priority");
    expect_two(prompt());
    expect_none(prompt());
}

void Day::reload_something() {
    reload(any_router());
    finish_scripts();
    run_scripts(prompt());
    within(settle_bound(), [this] { return not_one_active(); });
    expect_planned("a reload");
    expect_two(prompt());
    expect_none(prompt());
}

// The kernel goes on forwarding. A virtual MAC is taken from it by the new process, and that may come before
// another router has it.
void Day::kill(std::size_t active) {
    const Duration bound = failover_bound(active);
    world_->router(active).kill();
    restart(active, world_->dice.between(100ms, 8s));
    finish_scripts();
    within(settle_bound(), [this] { return not_one_active(); });
    if (virtual_mac()) {
        expect_gap(bound + kLongestPeriod);
    } else {
        expect_nothing_lost("a process that was killed");
    }
    expect_two(kAddressLease + prompt());
    expect_none(bound);
}

void Day::stall(std::size_t active) {
    const Duration bound = failover_bound(active);
    const Duration length = world_->dice.between(0s, 10s);
    world_->router(active).stall(world_->now() + length);
    run_scripts(length);
    run_scripts(kAnnouncedAgain);
    within(settle_bound(), [this] { return not_one_active(); });
    if (virtual_mac()) {
        expect_gap(bound + kLongestPeriod);
    } else {
        expect_nothing_lost("a process that stood still");
    }
    expect_two(kAddressLease + prompt());
    expect_none(bound);
}

// A machine whose clock stood still as well believes for up to an interval that nothing has happened.
void Day::freeze(std::size_t active) {
    const Duration bound = failover_bound(active);
    const bool clock_goes_on = world_->dice.chance(50);
    world_->router(active).freeze(world_->now());
    run_scripts(world_->dice.one_of(std::vector<Duration>{50ms, 1s, 4s, 30s}) + world_->dice.between(0s, 1s));
    world_->router(active).thaw(clock_goes_on, world_->now());
    run_scripts(kAnnouncedAgain);
    within(settle_bound(), [this] { return not_one_active(); });
    expect_gap(bound + kLongestPeriod);
    expect_two(Duration{world_->router(active).lan().vrrp->machine.interval} + prompt());
    expect_none(bound);
}

void Day::die(std::size_t active) {
    Router& router = world_->router(active);
    const Duration bound = failover_bound(active);
    if (world_->dice.chance(50)) {
        world_->plug(active, false);
    } else {
        router.power(false, world_->now());
    }
    within(settle_bound(), [this] { return not_one_active(); });
    expect_gap(bound + kLongestPeriod);
    expect_two(prompt());
    expect_none(bound);
    // A host that was asking whether the dead router is there gives up, for the same MAC address told by the
    // new one is not an answer (RFC 4861 section 7.2.5), and asks anew with its next packet.
    const Duration told = virtual_mac() ? 2 * prompt() + kLongestPeriod : prompt();
    // Of two that took over one may have yielded before the other held the address, and what it told the
    // hosts may still come last: a frame that left earlier is not always there earlier.
    const bool once = world_->seen().two == 0s && world_->seen().takeovers == 1;
    within(once ? told : hosts_bound(), [this] { return hosts_elsewhere(); });
    settle();
    if (wrong_) return;
    // The machine comes back, and nobody notices.
    world_->forget();
    world_->plug(active, true);
    router.power(true, world_->now());
    restart(active, world_->dice.between(0s, 5s));
    finish_scripts();
    run_scripts(prompt() + 20ms);
    within(settle_bound(), [this] { return not_one_active(); });
    expect_planned("a router that came back");
    expect_two(prompt());
    expect_none(prompt());
}

// Each half has its router, and when they meet again the first advertisement of either settles it.
void Day::split(std::size_t active) {
    const Duration bound = 4 * slowest_before_ + prompt();  // whichever routers a half has
    for (Station s = 0; s < world_->routers() + world_->hosts(); ++s) {
        const bool other_half = s != active && world_->dice.chance(50);
        world_->wire.set_segment(s, other_half ? 1 : 0);
    }
    const bool whole = world_->wire.whole();
    bool other_routers = false;
    for (std::size_t i = 0; i < world_->routers(); ++i) other_routers |= world_->wire.segment(i) == 1;
    world_->tell("wire", "falls in two");
    run_scripts(world_->dice.between(50ms, 8s) + (world_->dice.chance(50) ? bound : 0s));
    if (other_routers || whole) expect_gap(bound + kLongestPeriod);
    expect_two(prompt());
    Duration first = Duration::max();
    for (std::size_t i = 0; i < world_->routers(); ++i) {
        if (world_->router(i).active())
            first = std::min<Duration>(first, world_->router(i).lan().vrrp->machine.interval);
    }
    world_->forget();
    join_wire();
    world_->tell("wire", "is whole");
    within(settle_bound(), [this] { return not_one_active(); });
    expect_two(first + prompt());
    expect_none(prompt());
    if (other_routers) expect_planned("halves that meet");
}

}  // namespace ulagate::sim
