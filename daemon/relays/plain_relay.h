// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>

namespace ulagate {

// State of a plain relay (WireGuard only). It answers no probes, and only the Active router of a site has a
// peer there, so a Backup cannot know whether it is out of reach, and a router that has just taken over
// does not know yet. Pure.
class PlainRelay {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // How it is now. `used`: this router shall talk to it (a peer that is made anew for a moment does not
    // count as an end of that); `session`: there is a live one.
    void update(bool used, bool session, TimePoint now);
    [[nodiscard]] bool unreachable(TimePoint now) const { return now < unreachable_until_; }

    // True once for each time that something is to be sent to it, whatever it is. It answers to wherever the
    // site's key was heard last: a packet that the former Active router had on its way would have it send
    // there until WireGuard speaks again by itself, 10 s later (KEEPALIVE_TIMEOUT). After some seconds all
    // hosts know the new router.
    bool take_reminder(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const { return remind_at_; }

private:
    bool used_ = false;
    std::optional<TimePoint> remind_at_;
    unsigned reminders_ = 0;
    std::optional<TimePoint> silent_since_;  // used, and without a session
    TimePoint unreachable_until_;
};

}  // namespace ulagate
