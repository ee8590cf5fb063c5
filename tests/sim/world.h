// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/host.h"
#include "tests/sim/referee.h"
#include "tests/sim/router.h"
#include "tests/sim/wire.h"

namespace ulagate::sim {

// What was seen on the wire since somebody last asked to forget().
struct Seen {
    Duration two{0};  // the longest time that the same two routers of one segment answered for the address
    Duration two_awake{0};   // and no process stood still, or was dead, meanwhile
    Duration none{0};        // the longest time that nobody did
    unsigned changes = 0;    // of VRRP states
    unsigned takeovers = 0;  // those to Active
};

// The site: its routers and hosts on one wire, and their time.
class World {
public:
    World(std::uint64_t seed, std::vector<LanConfig> routers, std::size_t hosts);

    Dice dice;
    Wire wire;

    void run_until(TimePoint end);
    void run_for(Duration duration) { run_until(now_ + duration); }
    [[nodiscard]] TimePoint now() const { return now_; }

    [[nodiscard]] std::size_t routers() const { return routers_.size(); }
    [[nodiscard]] std::size_t hosts() const { return hosts_.size(); }
    [[nodiscard]] Router& router(std::size_t i) { return *routers_.at(i); }
    [[nodiscard]] Host& host(std::size_t i) { return *hosts_.at(i); }
    [[nodiscard]] Station station_of_host(std::size_t i) const { return routers_.size() + i; }
    // Cable out or in, at the switch; both ends notice.
    void plug(std::size_t router, bool in);
    // Which routers of a segment answer for the virtual address.
    [[nodiscard]] std::vector<std::size_t> answering(unsigned segment = 0) const;

    void forget();
    [[nodiscard]] const Seen& seen() const { return seen_; }
    // What a router did that none may do.
    [[nodiscard]] const std::optional<std::string>& offence() const { return referee_.wrong(); }
    // What happened lately, for a test that fails.
    [[nodiscard]] std::string story() const;
    void tell(const std::string& who, const std::string& what);

private:
    void watch(std::size_t router);
    void look_around();
    void note_times();
    void deliver(const Wire::Delivery& delivery);
    [[nodiscard]] bool carried(Station host, const net::MacAddress& mac) const;
    [[nodiscard]] bool drained(std::size_t router) const;

    TimePoint now_{std::chrono::seconds{1000}};
    std::vector<std::unique_ptr<Router>> routers_;
    std::vector<std::unique_ptr<Host>> hosts_;
    Referee referee_{routers_, wire};
    Seen seen_;
    std::array<unsigned, kMaxRouters> answers_in_{};  // segment + 1; 0: does not answer
    std::array<TimePoint, kMaxRouters> answers_since_{};
    std::array<std::array<std::optional<TimePoint>, kMaxRouters>, kMaxRouters> two_since_;
    std::optional<TimePoint> none_since_;
    std::array<unsigned, kMaxRouters> faces_seen_{};
    unsigned virtual_seen_ = 0;
    std::deque<std::string> story_;
};

}  // namespace ulagate::sim
