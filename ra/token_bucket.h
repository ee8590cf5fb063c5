// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <chrono>

namespace ulagate::ra {

// How many answers, and how soon after each other: `burst` at once, then one every `spacing`.
struct Limit {
    std::chrono::steady_clock::duration spacing;
    int burst = 1;
};

// A token bucket kept as the time until which the answers so far have used it up. The limit is the caller's,
// so that thousands of these are small.
class TokenBucket {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    bool take(TimePoint now, const Limit& limit) {
        const TimePoint paid = std::max(paid_until_, now);
        if (paid - now > (limit.burst - 1) * limit.spacing) return false;
        paid_until_ = paid + limit.spacing;
        return true;
    }

private:
    TimePoint paid_until_ = TimePoint::min();
};

}  // namespace ulagate::ra
