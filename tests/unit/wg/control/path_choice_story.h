// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/text_values.h"
#include "wg/control/path_choice.h"

namespace ulagate::wg::control {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

inline const net::Ipv6Prefix kOwn = prefix("fd12:3456:789a:a::/64");
inline const net::Ipv6Prefix kB = prefix("fd12:3456:789a:b::/64");
inline const net::Ipv6Prefix kC = prefix("fd12:3456:789a:c::/64");

// A router with the relays r1, r2 and r3 in virtual time. Every change is recorded with its moment.
class PathChoiceStory : public ::testing::Test {
protected:
    PathChoiceStory() {
        input_.own = {kOwn};
        for (const char* name : {"r1", "r2", "r3"}) input_.relays.push_back({name, false, {}, nullptr});
    }
    PathChoice::Relay& relay(int number) { return input_.relays.at(static_cast<std::size_t>(number - 1)); }
    void lives(int number, std::optional<milliseconds> round_trip = 20ms) {
        relay(number).alive = true;
        relay(number).round_trip = round_trip;
        decide();
    }
    void dies(int number) {
        relay(number).alive = false;
        decide();
    }
    void lists(int number, std::vector<net::Ipv6Prefix> sites, std::vector<net::Ipv6Prefix> transit = {}) {
        relay(number).sites = std::make_shared<const SiteSet>(std::move(sites), std::move(transit));
        decide();
    }
    void end_to_end(const net::Ipv6Prefix& site, int number, std::optional<bool> works) {
        const PathChoice::SiteAndRelay path{site, relay(number).name};
        input_.end_to_end.erase(path);
        if (works) input_.end_to_end.emplace(path, *works);
        decide();
    }
    void decide() { choice_.update(input_, kStart + at_); }
    // From alarm to alarm.
    void run_until(Duration end) {
        while (choice_.deadline() && *choice_.deadline() <= kStart + end) {
            at_ = *choice_.deadline() - kStart;
            decide();
        }
        at_ = end;
    }
    [[nodiscard]] std::string on(const net::Ipv6Prefix& site) const { return choice_.path_to(site).relay; }
    [[nodiscard]] std::string by_default() const { return choice_.default_path().relay; }
    [[nodiscard]] std::string why(const net::Ipv6Prefix& site) const { return choice_.path_to(site).why; }
    [[nodiscard]] milliseconds since(const net::Ipv6Prefix& site) const {
        return std::chrono::duration_cast<milliseconds>(choice_.path_to(site).since - kStart);
    }

    static constexpr TimePoint kStart{1000s};
    Duration at_{};
    PathChoice::Input input_;
    PathChoice choice_;
};

}  // namespace ulagate::wg::control
