// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>

#include "daemon/kernel/rtnl/state.h"

namespace ulagate {

// Tells when the way to a relay has changed, so that the tunnel should send by the new one at once: WireGuard
// keeps the source address that it used before. A storm of changes is answered a few times a second. Pure.
class WayWatch {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // The way as it is after something that we have done ourselves.
    void expect(const std::optional<Way>& way);
    // Another address of the relay is tried by the same way.
    void send_now() { due_ = true; }
    enum class Send { no, again, by_new_way };
    // The way as it is now, and whether a packet should go by it at once. The MTU does not count.
    Send update(const std::optional<Way>& way, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    std::optional<Way> way_;
    bool due_ = false;
    bool moved_ = false;  // since the last packet that we caused
    TimePoint not_before_;
};

}  // namespace ulagate
