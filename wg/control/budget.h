// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>

#include "wg/control/message.h"

namespace ulagate::wg::control {

// What somebody else's word may cost us: so much at once, and from then on one unit in every `price`. Whoever
// spends it asks first, and puts off or drops what it does not cover.
class Budget {
public:
    constexpr Budget(std::size_t burst, Duration price) : burst_(burst), price_(price) {}

    // Whether it covers so much now; then that is spent. More than the burst counts as the burst.
    bool take(std::size_t cost, TimePoint now) {
        if (ready_at(cost) > now) return false;
        paid_until_ = std::max(paid_until_, now) + price_ * static_cast<int>(std::min(cost, burst_));
        return true;
    }
    // From when on it does.
    [[nodiscard]] TimePoint ready_at(std::size_t cost) const {
        return paid_until_ - price_ * static_cast<int>(burst_ - std::min(cost, burst_));
    }

private:
    std::size_t burst_;
    Duration price_;
    TimePoint paid_until_ = TimePoint::min() + std::chrono::hours{24 * 365};  // far from the end of time
};

}  // namespace ulagate::wg::control
