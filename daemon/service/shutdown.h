// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>

namespace ulagate {

// How the daemon ends. It first leaves, in one of two ways or both: it hands over (a signal: another router
// of the site takes over, or a relay's routers move to another relay, while this machine goes on forwarding),
// or it withdraws (an administrator's command: the hosts of the site are told). Then it takes down what is
// its own in the kernel, and then it exits. Each stage has a limit, after which the next one begins in any
// case. Pure.
class Shutdown {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // How long it goes on forwarding for its successor, at most.
    static constexpr std::chrono::milliseconds kFarewell{
        500};  // a relay: until its goodbye has reached the routers
    static constexpr std::chrono::seconds kWithdrawLimit{60};  // a takeover at the longest interval, three
                                                               // advertisements, 3 s apart
    static constexpr std::chrono::seconds kTakeDownLimit{
        5};  // longer than it takes to end a process that hangs

    // False: it was begun before. `limit`: hand_over_limit() of an Active router, kFarewell of a relay, 0 of
    // others. `forwards`: what still comes for this router's site is to be forwarded meanwhile.
    bool hand_over(std::chrono::milliseconds limit, bool forwards, TimePoint now);
    // False: it was begun before. Also while a hand-over goes on, and the other way round.
    bool withdraw(TimePoint now);

    // While it leaves: `handed_over`: the successor has taken over; `silent`: all hosts were told.
    struct Left {
        bool handed_over = false;
        bool silent = false;
    };
    // True once: the take-down begins now.
    bool take_down(const Left& left, TimePoint now);
    // While it takes down. `under_way`: something in the kernel goes on in the background. True once: all is
    // done, or has taken too long, and exit_at() is set.
    bool done(bool under_way, TimePoint now);

    // When to look again; nullopt: the daemon does not end, or has nothing to wait for.
    [[nodiscard]] std::optional<TimePoint> deadline(TimePoint now) const;
    // The answer to a client still has to leave.
    [[nodiscard]] std::optional<TimePoint> exit_at() const { return exit_at_; }

    [[nodiscard]] bool handing_over() const { return hand_over_until_.has_value(); }
    [[nodiscard]] bool forwards_for_successor() const { return forwards_; }
    [[nodiscard]] bool withdrawing() const { return withdraw_until_.has_value(); }
    // Another router is to have the site: claims are given up.
    [[nodiscard]] bool leaving() const { return handing_over() || withdrawing(); }
    // Nothing is planned any more but to take all away.
    [[nodiscard]] bool stopping() const { return take_down_until_.has_value(); }

private:
    std::optional<TimePoint> hand_over_until_;
    std::optional<TimePoint> withdraw_until_;
    std::optional<TimePoint> take_down_until_;
    std::optional<TimePoint> exit_at_;
    bool forwards_ = false;
};

}  // namespace ulagate
