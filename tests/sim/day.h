// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/sim/world.h"

namespace ulagate::sim {

vrrp::Centiseconds random_interval(Dice& dice);

// One day of a site with random routers, in episodes: something happens, then it is quiet for a while, and
// what must hold then is checked. The first thing that does not hold ends the day.
class Day {
public:
    explicit Day(std::uint64_t seed);

    // Nothing, or what went wrong.
    std::optional<std::string> run(Duration length);
    [[nodiscard]] unsigned episodes() const { return episodes_; }

private:
    using Problem = std::optional<std::string>;

    // How long things may take, with the reasons.
    [[nodiscard]] Duration slowest_interval() const;
    [[nodiscard]] Duration fastest_interval() const;
    [[nodiscard]] Duration settle_bound() const;
    [[nodiscard]] Duration two_bound(bool processes_stand) const;
    [[nodiscard]] Duration successor_skew(std::size_t leaves) const;
    [[nodiscard]] Duration failover_bound(std::size_t dies) const;
    [[nodiscard]] Duration hosts_bound() const;
    [[nodiscard]] Duration prompt() const;

    // What can happen: day_events.cpp.
    void later(Duration in, std::function<void()> what);
    void run_scripts(Duration length);
    void finish_scripts();
    void storm();
    void disturb();
    void restart(std::size_t router, Duration in);
    void stand_still(std::size_t i);
    void part_wire();
    void join_wire();
    void reload(std::size_t i);
    void reload_intervals(vrrp::Centiseconds interval);
    void change_wire();
    void calm_wire();
    void perfect_wire();
    void repair(bool everything);
    [[nodiscard]] std::size_t any_router() { return world_->dice.below(world_->routers()); }
    [[nodiscard]] std::optional<std::size_t> the_active() const;

    // What is planned, or breaks one machine, on a perfect wire: day_planned.cpp.
    void planned_episode();
    void hand_over(std::size_t active);
    void deduct(std::size_t active);
    void reload_something();
    void kill(std::size_t active);
    void stall(std::size_t active);
    void freeze(std::size_t active);
    void die(std::size_t active);
    void split(std::size_t active);
    void expect_planned(const std::string& change);
    void expect_nothing_lost(const std::string& by);
    void expect_gap(Duration bound);
    void expect_none(Duration bound);
    void expect_two(Duration bound);

    // What must hold: day.cpp.
    void stormy_episode();
    void calm_hours();
    void settle();
    void quiet(Duration length);
    void within(Duration bound, const std::function<Problem()>& problem);
    [[nodiscard]] Problem not_one_active() const;
    [[nodiscard]] Problem hosts_elsewhere() const;
    void expect(bool holds, const std::string& what);
    [[nodiscard]] bool eligible(std::size_t i) const;
    [[nodiscard]] bool virtual_mac() const { return world_->router(0).lan().vrrp->virtual_mac; }

    std::unique_ptr<World> world_;
    std::multimap<TimePoint, std::function<void()>> scripts_;
    Duration slowest_before_{0};  // the interval that routers may have learnt in this episode
    unsigned loss_run_ = 0;       // the longest of this episode
    unsigned episodes_ = 0;
    Problem wrong_;
};

}  // namespace ulagate::sim
