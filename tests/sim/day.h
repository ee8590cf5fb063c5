// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/sim/world.h"

namespace ulagate::sim {

// One day of a site with random routers, in episodes: something happens, then it is quiet for a while, and
// what must hold then is checked. The first thing that does not hold ends the day.
class Day {
public:
    explicit Day(std::uint64_t seed);

    // Nothing, or what went wrong.
    std::optional<std::string> run(Duration length);
    [[nodiscard]] unsigned episodes() const { return episodes_; }

private:
    // How long things may take, with the reasons.
    [[nodiscard]] Duration slowest_interval() const;
    [[nodiscard]] Duration settle_bound() const;
    [[nodiscard]] Duration two_bound(bool processes_stand) const;
    [[nodiscard]] Duration failover_bound() const;

    // What can happen: day_events.cpp.
    void later(Duration in, std::function<void()> what);
    void run_scripts(Duration length);
    void finish_scripts();
    void storm();
    void disturb();
    void restart(std::size_t router, Duration in);
    void stand_still(std::size_t router);
    void part_wire();
    void reload(std::size_t router);
    void reload_intervals();
    void change_wire();
    void calm_wire();
    void perfect_wire();
    void repair(bool everything);
    [[nodiscard]] std::size_t any_router() { return world_->dice.below(world_->routers()); }
    [[nodiscard]] std::optional<std::size_t> the_active() const;

    // What must hold: day.cpp.
    void stormy_episode();
    void planned_episode();
    void settle();
    void expect_one_active();
    void expect_quiet();
    void expect_hosts_follow();
    void expect(bool holds, const std::string& what);
    [[nodiscard]] bool eligible(std::size_t router) const;
    [[nodiscard]] bool virtual_mac() const { return world_->router(0).lan().vrrp->virtual_mac; }

    std::unique_ptr<World> world_;
    std::multimap<TimePoint, std::function<void()>> scripts_;
    Duration slowest_before_{0};  // the interval that routers may have learnt in this episode
    unsigned loss_run_ = 0;       // the longest of this episode
    bool partitioned_ = false;    // in this episode
    unsigned episodes_ = 0;
    std::optional<std::string> wrong_;
};

}  // namespace ulagate::sim
