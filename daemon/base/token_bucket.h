// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

// Rate limits of all kinds: of answers, of log lines, of what somebody else may make us do. Pure.
namespace ulagate {

// So many at once, and from then on one in each `spacing`.
struct RateLimit {
    std::chrono::steady_clock::duration spacing;
    std::int64_t burst = 1;
};

// A token bucket, kept as the time at which all its tokens are back. The limit is the caller's, so that
// thousands of buckets with one limit are small.
class TokenBucket {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // From when on there are so many tokens. More than the burst count as the burst.
    [[nodiscard]] constexpr TimePoint ready_at(const RateLimit& limit, std::int64_t cost = 1) const {
        return spent_until_ - limit.spacing * (limit.burst - std::min(cost, limit.burst));
    }
    [[nodiscard]] constexpr bool full(TimePoint now) const { return spent_until_ <= now; }
    // Whether there are so many now; then they are taken.
    constexpr bool take(TimePoint now, const RateLimit& limit, std::int64_t cost = 1) {
        if (ready_at(limit, cost) > now) return false;
        spent_until_ = std::max(spent_until_, now) + limit.spacing * std::min(cost, limit.burst);
        return true;
    }

private:
    TimePoint spent_until_ = TimePoint::min() + std::chrono::hours{24 * 365};  // far from the end of time
};

// A bucket with a limit of its own: what somebody may cost us. Whoever spends it asks first, and puts off or
// drops what it does not cover.
class Budget {
public:
    using TimePoint = TokenBucket::TimePoint;

    constexpr Budget(std::int64_t burst, std::chrono::steady_clock::duration spacing)
        : limit_{spacing, burst} {}

    constexpr bool take(std::int64_t cost, TimePoint now) { return bucket_.take(now, limit_, cost); }
    [[nodiscard]] constexpr bool has(std::int64_t cost, TimePoint now) const { return ready_at(cost) <= now; }
    [[nodiscard]] constexpr TimePoint ready_at(std::int64_t cost) const {
        return bucket_.ready_at(limit_, cost);
    }
    [[nodiscard]] constexpr bool full(TimePoint now) const { return bucket_.full(now); }

private:
    RateLimit limit_;
    TokenBucket bucket_;
};

}  // namespace ulagate
