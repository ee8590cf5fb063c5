// SPDX-License-Identifier: GPL-2.0-or-later
// What happens to the routers, the hosts and the wire of a day.
#include <algorithm>
#include <utility>

#include "tests/sim/day.h"
#include "tests/sim/site.h"

namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

std::uint8_t random_priority(Dice& dice) { return static_cast<std::uint8_t>(dice.number(1, 254)); }

void draw_manners(Dice& dice, vrrp::Config& machine) {
    machine.preempt = dice.chance(80);
    machine.preempt_delay = dice.one_of(std::vector<Duration>{0s, 0s, 500ms, 3s, 10s});
    machine.start_delay = dice.one_of(std::vector<Duration>{0s, 0s, 1s, 5s});
}

std::vector<LanConfig> random_site(Dice& dice) {
    const auto interval = random_interval(dice);
    const bool virtual_mac = dice.chance(15);
    std::vector<LanConfig> site;
    for (std::size_t count = 2 + dice.below(4); count > 0; --count) {
        LanConfig made = lan(random_priority(dice), interval);
        if (!site.empty() && dice.chance(15))
            made.vrrp->machine.priority = site.front().vrrp->machine.priority;
        if (site.empty() && dice.chance(5)) made.vrrp->machine.priority = vrrp::kPriorityOwner;
        draw_manners(dice, made.vrrp->machine);
        made.vrrp->virtual_mac = virtual_mac;
        site.push_back(std::move(made));
    }
    return site;
}

}  // namespace

vrrp::Centiseconds random_interval(Dice& dice) {
    // The shortest ones cost as much time as all the others.
    static const std::vector<int> kIntervals{1,  2,  5,  10,  10,  10,  10,  25,
                                             25, 50, 50, 100, 100, 100, 100, 100};
    return vrrp::Centiseconds{dice.one_of(kIntervals)};
}

Day::Day(std::uint64_t seed) {
    Dice dice{seed ^ 0x5eedULL};
    world_ = std::make_unique<World>(seed, random_site(dice), 1 + dice.below(3));
}

void Day::later(Duration in, std::function<void()> what) {
    scripts_.emplace(world_->now() + in, std::move(what));
}

void Day::run_scripts(Duration length) {
    const TimePoint end = world_->now() + length;
    while (!scripts_.empty() && scripts_.begin()->first <= end && !wrong_) {
        world_->run_until(std::max(world_->now(), scripts_.begin()->first));
        const auto what = std::move(scripts_.begin()->second);
        scripts_.erase(scripts_.begin());
        what();
    }
    world_->run_until(end);
    if (world_->offence()) expect(false, *world_->offence());
}

void Day::finish_scripts() {
    // After an offence the world stands still, and who waits for something there waits for ever.
    while (!scripts_.empty() && !wrong_)
        run_scripts(std::max(scripts_.rbegin()->first - world_->now(), Duration{0}));
}

void Day::storm() {
    for (std::int64_t left = world_->dice.number(1, 25); left > 0; --left) {
        disturb();
        run_scripts(world_->dice.one_of(std::vector<Duration>{0s, 10ms, 300ms, 1s, 3s, 8s}) +
                    world_->dice.between(0s, 1s));
    }
}

void Day::disturb() {
    World& world = *world_;
    const std::size_t i = world.dice.chance(50) ? the_active().value_or(any_router()) : any_router();
    Router& router = world.router(i);
    switch (world.dice.number(0, 13)) {
        case 0:
            router.power(!router.powered(), world.now());
            if (router.powered()) restart(i, world.dice.between(0s, 5s));
            break;
        case 1:
        case 2:
            world.plug(i, !world.wire.plugged(i));
            break;
        case 3:
            router.kill();
            restart(i, world.dice.between(100ms, 6s));
            break;
        case 4:
            router.hand_over(world.now());
            restart(i, world.dice.between(100ms, 6s));
            break;
        case 5:
            router.withdraw(world.now());
            restart(i, world.dice.between(1s, 12s));
            break;
        case 6:
        case 7:
            stand_still(i);
            break;
        case 8:
            part_wire();
            break;
        case 9:
            router.deduct(world.dice.chance(50) ? random_priority(world.dice) : 0, world.now());
            break;
        case 10:
            reload(i);
            break;
        case 11:
            world.host(world.dice.below(world.hosts())).boot(world.now());
            break;
        default:
            change_wire();
            break;
    }
}

// By the supervisor, if nobody has started it before.
void Day::restart(std::size_t router, Duration in) {
    later(in, [this, router] {
        Router& machine = world_->router(router);
        if (machine.leaving() || machine.frozen()) return restart(router, 200ms);
        machine.start(world_->now());
    });
}

void Day::stand_still(std::size_t i) {
    Router& router = world_->router(i);
    const Duration length =
        world_->dice.one_of(std::vector<Duration>{50ms, 1s, 4s, 30s}) + world_->dice.between(0s, 1s);
    if (world_->dice.chance(60)) {
        router.stall(world_->now() + length);
        later(length, [] {});  // that is when the disturbance ends
        return;
    }
    if (router.frozen()) return;
    router.freeze(world_->now());
    later(length, [this, i, clock_goes_on = world_->dice.chance(50)] {
        world_->router(i).thaw(clock_goes_on, world_->now());
    });
}

void Day::part_wire() {
    const bool heal = !world_->wire.whole() && world_->dice.chance(60);
    world_->tell("wire", heal ? "is whole" : "falls apart");
    for (Station s = 0; s < world_->routers() + world_->hosts(); ++s)
        world_->wire.set_segment(s, heal ? 0 : static_cast<unsigned>(world_->dice.below(3)));
}

void Day::join_wire() {
    for (Station s = 0; s < world_->routers() + world_->hosts(); ++s) world_->wire.set_segment(s, 0);
}

void Day::reload(std::size_t i) {
    LanConfig lan = world_->router(i).lan();
    vrrp::Config& machine = lan.vrrp->machine;
    if (machine.priority == vrrp::kPriorityOwner) return;
    if (world_->dice.chance(50)) machine.priority = random_priority(world_->dice);
    if (world_->dice.chance(50)) draw_manners(world_->dice, machine);
    if (world_->dice.chance(20)) machine.interval = random_interval(world_->dice);
    slowest_before_ = std::max(slowest_before_, slowest_interval());
    world_->router(i).set_config(std::move(lan), world_->now());
    slowest_before_ = std::max(slowest_before_, slowest_interval());
}

void Day::reload_intervals(vrrp::Centiseconds interval) {
    slowest_before_ = std::max<Duration>(slowest_before_, std::max<Duration>(slowest_interval(), interval));
    for (std::size_t i = 0; i < world_->routers(); ++i) {
        later(world_->dice.between(0s, 2s), [this, i, interval] {
            LanConfig lan = world_->router(i).lan();
            lan.vrrp->machine.interval = interval;
            world_->router(i).set_config(std::move(lan), world_->now());
        });
    }
    finish_scripts();
    run_scripts(prompt());
}

void Day::change_wire() {
    Wire::Quality quality;
    quality.loss = static_cast<unsigned>(world_->dice.number(0, 40));
    quality.loss_run = static_cast<unsigned>(world_->dice.number(0, 5));
    quality.max_delay = world_->dice.one_of(std::vector<Duration>{300us, 3ms, 50ms, 300ms});
    world_->tell("wire", "becomes bad");
    loss_run_ = std::max(loss_run_, quality.loss_run);
    world_->wire.set_quality(quality);
}

// What a wire may do without anybody taking it for a dead router: three intervals and the skew must hold one
// lost advertisement and the difference of two delays.
void Day::calm_wire() {
    Wire::Quality quality;
    quality.loss = static_cast<unsigned>(world_->dice.number(0, 20));
    quality.loss_run = 1;
    quality.repeats_unicast = true;  // or a host that asks three times could hear nothing
    quality.max_delay =
        world_->dice.between(quality.min_delay, std::min<Duration>(fastest_interval() / 2, 20ms));
    world_->tell("wire", "is calm");
    world_->wire.set_quality(quality);
}

void Day::perfect_wire() {
    Wire::Quality quality;
    quality.max_delay = world_->dice.one_of(std::vector<Duration>{100us, 1ms, 4ms});
    quality.reorders = false;
    world_->tell("wire", "is perfect");
    world_->wire.set_quality(quality);
}

// All machines, or some: one at least.
void Day::repair(bool everything) {
    const std::size_t lucky = any_router();
    for (std::size_t i = 0; i < world_->routers(); ++i) {
        Router& router = world_->router(i);
        if (everything && router.deduction() > 0) router.deduct(0, world_->now());
        if (!everything && i != lucky && world_->dice.chance(30)) continue;
        if (!world_->wire.plugged(i)) world_->plug(i, true);
        router.power(true, world_->now());
        if (router.lan_router() == nullptr) restart(i, world_->dice.between(0s, 3s));
    }
}

std::optional<std::size_t> Day::the_active() const {
    const auto answering = world_->answering();
    return answering.size() == 1 ? std::optional{answering.front()} : std::nullopt;
}

}  // namespace ulagate::sim
