// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/lan/router.h"
#include "ra/message.h"
#include "tests/sim/router.h"
#include "tests/sim/wire.h"

namespace ulagate::sim {

std::string in_words(Duration duration);

// Knows what no router may do, whatever happens to it: rules of RFC 9568, RFC 4861 and our own, each for one
// router and the moment. It sees what is on the wire, what reaches the router, and its changes of state. How
// long things may take that need two routers, or a host, depends on the wire: that is for Day.
class Referee {
public:
    Referee(const std::vector<std::unique_ptr<Router>>& routers, const Wire& wire);

    void sent(std::size_t router, const Frame& frame, TimePoint now);
    // An advertisement comes to a router; it has had time to do something about it.
    void delivered(Station from, std::size_t to, const Frame& frame, TimePoint now);
    void handled(std::size_t to, const Frame& frame, TimePoint now);
    void changed(std::size_t router, const vrrp::Changed& change, TimePoint now);
    // What a router should have done by now.
    void look(TimePoint now);

    // The first offence.
    [[nodiscard]] const std::optional<std::string>& wrong() const { return wrong_; }

private:
    // All times here are those of the router's clock.
    // What decides when a Backup may take over.
    struct Manners {
        std::uint8_t priority = 0;
        bool preempt = true;
        Duration preempt_delay{0};
        Duration interval{0};
        bool operator==(const Manners&) const = default;
    };
    struct Seat {
        unsigned life = 0;                       // of which process
        Duration start_delay = Duration::max();  // the shortest that it was configured to
        Manners manners;
        bool sure = false;  // the manners were these all the time since it became Backup
        // The last advertisement that a Backup must obey, or when it became one.
        std::optional<TimePoint> obeyed;
        Duration obeyed_interval{0};
        std::optional<TimePoint> stopped;      // priority 0 came, and nothing to obey since then
        std::optional<TimePoint> lower_since;  // it hears a lower priority, and no other one
        std::optional<std::pair<Station, std::uint8_t>> last_heard;  // and its priority

        std::optional<TimePoint> last_advertisement;
        std::uint8_t said = 0;                               // its priority
        std::optional<TimePoint> unsaid_since;               // it has another one
        std::optional<TimePoint> last_router_advertisement;  // multicast
        std::optional<TimePoint> last_announcement;          // while it holds the address
        std::optional<TimePoint> active_since;
        bool announced = false;                // since then
        unsigned announcements = 0;            // since then, or since a rival was heard
        std::optional<TimePoint> rivals_gone;  // whom hosts may have believed: from when they count as that
        std::uint64_t refused = 0;             // by the kernel, of what the router wanted to send
        std::optional<TimePoint> refused_at;
        std::optional<Duration> unread_down;  // of a rival whose advertisement waits in the socket
        std::optional<TimePoint> holds_since;
        std::optional<TimePoint> differs_since;  // Active without the address, or the other way round
    };

    Seat& seat_of(std::size_t router);
    void note_manners(std::size_t router, Seat& seat);
    void hear_as_backup(Seat& seat, Station from, std::uint8_t priority, Duration interval, bool awake,
                        std::uint8_t configured, TimePoint now);
    static void count_unread(Seat& seat, TimePoint awake);
    void judge_takeover(std::size_t router, const Seat& seat, TimePoint now);
    void judge_advertisement(std::size_t router, Seat& seat, const Frame& frame, TimePoint now);
    void judge_announcement(std::size_t router, Seat& seat, TimePoint now);
    void look_at(std::size_t router, TimePoint now);
    void blame(std::size_t router, const std::string& what);

    const std::vector<std::unique_ptr<Router>>& routers_;
    const Wire& wire_;
    std::array<Seat, kMaxRouters> seats_;
    std::vector<ra::Option> content_;  // of the first Router Advertisement, without the link-layer address
    std::optional<std::string> wrong_;
};

}  // namespace ulagate::sim
