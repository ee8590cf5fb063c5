// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/sim/paths_world.h"

namespace ulagate::wg::control {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

inline constexpr std::size_t kSites = 50;

// What happens to the links and relays of a world: shares of a hundred changes.
struct Weather {
    unsigned cuts = 0;      // a link is cut
    unsigned one_way = 0;   // in one direction
    unsigned relays = 0;    // a relay loses its power, or stops
    unsigned splits = 0;    // many sites lose one relay together
    unsigned flapping = 0;  // a link comes and goes
    unsigned quality = 0;   // another delay
    unsigned max_loss = 0;  // percent, then
    Duration longest_cut = 20s;
};

// Changes something every half second, and sees to it that all of it is mended again.
class Storm {
public:
    Storm(PathWorld& world, const Weather& weather, TimePoint end)
        : world_(world), weather_(weather), end_(end) {
        world_.judge_idle = weather.one_way == 0 && weather.max_loss == 0;
        next();
        other_traffic();
    }

private:
    void next() {
        if (world_.now() >= end_) return;
        one();
        world_.after(milliseconds{world_.draw(50, 1000)}, [this] { next(); });
    }
    void one() {
        auto which = static_cast<unsigned>(world_.draw(0, 99));
        const auto is = [&which](unsigned share) {
            const bool it = which < share;
            which -= it ? 0 : share;
            return it;
        };
        const std::size_t site = world_.draw(0, kSites - 1);
        const std::size_t relay = world_.draw(0, PathWorld::kRelays - 1);
        if (is(weather_.cuts)) {
            cut(site, relay, false, false, weather_.longest_cut);
        } else if (is(weather_.one_way)) {
            const bool up = world_.chance(50);
            cut(site, relay, up, !up, weather_.longest_cut);
        } else if (is(weather_.relays)) {
            world_.chance(50) ? world_.power_off(relay) : world_.stop(relay);
            world_.after(milliseconds{world_.draw(500, 25'000)}, [this, relay] { world_.start(relay); });
        } else if (is(weather_.splits)) {
            const unsigned share = static_cast<unsigned>(world_.draw(10, 90));
            for (std::size_t each = 0; each < kSites; ++each) {
                if (world_.chance(share)) cut(each, relay, false, false, 10s);
            }
        } else if (is(weather_.flapping)) {
            flap(site, relay, milliseconds{world_.draw(100, 5000)}, 10);
        } else if (is(weather_.quality)) {
            PathWorld::Link link = world_.link(site, relay);
            link.delay = milliseconds{world_.draw(1, 150)};
            link.loss = weather_.max_loss == 0 || world_.chance(50)
                            ? 0
                            : static_cast<unsigned>(world_.draw(1, weather_.max_loss));
            world_.set_link(site, relay, link);
        }
    }
    void cut(std::size_t site, std::size_t relay, bool to_relay, bool to_site, Duration longest) {
        PathWorld::Link link = world_.link(site, relay);
        link.to_relay = to_relay;
        link.to_site = to_site;
        world_.set_link(site, relay, link);
        const auto most =
            static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(longest).count());
        world_.after(milliseconds{world_.draw(100, most)}, [this, site, relay] { mend(site, relay); });
    }
    void mend(std::size_t site, std::size_t relay) {
        PathWorld::Link link = world_.link(site, relay);
        link.to_relay = link.to_site = true;
        world_.set_link(site, relay, link);
    }
    void flap(std::size_t site, std::size_t relay, Duration period, unsigned times) {
        if (times == 0) return mend(site, relay);
        PathWorld::Link link = world_.link(site, relay);
        link.to_relay = link.to_site = times % 2 == 1;
        world_.set_link(site, relay, link);
        world_.after(period, [this, site, relay, period, times] { flap(site, relay, period, times - 1); });
    }
    void other_traffic() {
        if (world_.now() >= end_) return;
        const std::size_t site = world_.draw(0, kSites - 1);
        const std::size_t other = world_.draw(0, kSites - 1);
        world_.talk(site, other);
        world_.after(milliseconds{world_.draw(5000, 60'000)},
                     [this, site, other] { world_.fall_silent(site, other); });
        world_.after(milliseconds{world_.draw(100, 1000)}, [this] { other_traffic(); });
    }

    PathWorld& world_;
    Weather weather_;
    TimePoint end_;
};

// Ten quiet seconds, a storm, and some for the dust to settle.
inline void run_storm(PathWorld& world, const Weather& weather, Duration time) {
    for (std::size_t site = 0; site < kSites; site += 2) world.talk(site, world.draw(0, kSites - 1));
    world.run_for(10s);
    Storm storm{world, weather, world.now() + time};
    world.run_for(time + 10s);
    for (const std::string& fault : world.faults) ADD_FAILURE() << fault;
}

}  // namespace ulagate::wg::control
