// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/relays/endpoint_selector.h"
#include "tests/unit/text_values.h"

namespace ulagate::race_story {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using TimePoint = EndpointSelector::TimePoint;

inline constexpr TimePoint kStart{1000s};

inline const net::IpAddress kSix = ip("2001:db8::1");
inline const net::IpAddress kSixToo = ip("2001:db8::2");
inline const net::IpAddress kFour = ip("192.0.2.1");
inline const net::IpAddress kFourToo = ip("192.0.2.2");
inline const Uplink kOwn{"wan0", ip("192.168.1.1")};  // by the routing table
inline const Uplink kSpare{"wan1", ip("198.51.100.1")};

// A relay with some addresses of which some answer, and the tunnel to it, in virtual time.
class Story {
public:
    EndpointSelector selector;
    TimePoint now = kStart;
    std::vector<net::IpAddress> addresses{kSix, kFour};
    std::set<IpFamily> families{IpFamily::ipv6, IpFamily::ipv4};
    Uplink own = kOwn;
    std::vector<Uplink> spares;
    std::set<std::string> answering;  // "2001:db8::1", "192.0.2.1 wan1"
    milliseconds round_trip = 40ms;
    bool may_send = true;
    bool traffic = false;
    bool answers_probes = true;
    bool daemon_runs = true;  // else only WireGuard answers
    bool has_peer = true;
    bool alive = false;

    struct Tried {
        milliseconds when;  // since kStart
        std::string what;
        bool operator==(const Tried&) const = default;
        friend std::ostream& operator<<(std::ostream& out, const Tried& one) {
            return out << one.when.count() << " ms " << one.what;
        }
    };
    std::vector<Tried> tried;

    [[nodiscard]] std::string choice() const {
        if (!selector.choice()) return "none";
        return net::to_string(selector.choice()->address) +
               (selector.choice()->via ? " " + selector.choice()->via->link : "");
    }
    // In steps of 10 ms, or larger ones while all is well; what is heard is heard at once.
    void run(milliseconds time) {
        const TimePoint end = now + time;
        while (now < end) {
            step();
            const bool calm = alive && !selector.on_trial();
            now = std::min(calm ? std::max(now + 10ms, selector.deadline().value_or(end)) : now + 10ms, end);
        }
    }
    // How long until the tunnel works.
    milliseconds until_alive() {
        const TimePoint begin = now;
        while (!alive && now < begin + 1h) {
            step();
            now += 10ms;
        }
        return std::chrono::duration_cast<milliseconds>(now - begin);
    }
    void settle_on(const char* only_answering) {
        answering = {only_answering};
        until_alive();
        tried.clear();
    }
    void lose() {
        alive = false;
        answered_at_.reset();
    }
    // The tunnel is lost after so long; `tried` is from then on.
    void lose_after(milliseconds time) {
        run(time);
        tried.clear();
        lose();
    }
    [[nodiscard]] std::vector<std::string> what_was_tried() const {
        std::vector<std::string> what;
        for (const Tried& one : tried) what.push_back(one.what);
        return what;
    }

private:
    void step() {
        const bool answers = answering.contains(choice());
        if (answers && sent_at_ && now >= *sent_at_ + round_trip && !answered_at_) answered_at_ = now;
        if (answered_at_ && !answers) lose();
        if (answered_at_ && daemon_runs && now >= *answered_at_ + (answers_probes ? round_trip : 0ms))
            alive = true;
        EndpointSelector::View view;
        view.addresses = addresses;
        view.own_uplink = [this](const net::IpAddress& address) {
            return families.contains(family_of(address)) ? std::optional{own} : std::nullopt;
        };
        view.other_uplinks = [this](const net::IpAddress&) { return spares; };
        if (has_peer) view.in_use = selector.choice();
        view.may_send = may_send;
        view.alive = alive;
        view.answered = answered_at_.has_value();
        view.traffic = traffic;
        view.answers_probes = answers_probes;
        view.round_trip = round_trip;
        const auto before = choice();
        const auto attempt = selector.update(view, now);
        if (before != choice() || attempt) {
            sent_at_ = now;
            answered_at_.reset();
            if (attempt && attempt->renew) alive = false;
        }
        if (!attempt) return;
        tried.push_back({std::chrono::duration_cast<milliseconds>(now - kStart),
                         choice() + (attempt->renew ? "" : " kept")});
    }
    std::optional<TimePoint> sent_at_;
    std::optional<TimePoint> answered_at_;
};

}  // namespace ulagate::race_story
