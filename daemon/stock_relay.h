// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>

namespace ulagate {

// Whether a stock relay (WireGuard only) counts as out of reach. It answers no probes, and only the Active
// router of a site has a peer there: a Backup cannot know, and one that has just taken over does not know
// yet. Pure.
class StockRelay {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // How it is now. `used`: this router shall talk to it (a peer that is made anew for a moment does not
    // count as an end of that); `session`: there is a live one.
    void update(bool used, bool session, TimePoint now);
    [[nodiscard]] bool unreachable(TimePoint now) const { return now < unreachable_until_; }

private:
    std::optional<TimePoint> silent_since_;  // used, and without a session
    TimePoint unreachable_until_;
};

}  // namespace ulagate
