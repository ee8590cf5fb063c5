// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>

#include "daemon/kernel/rtnl/state.h"

namespace ulagate {

// Tells when the egress to a relay has changed, so that the tunnel should send by the new one at once:
// WireGuard keeps the source address that it used before. A storm of changes is answered a few times a
// second. Pure.
class EgressMonitor {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // The egress as it is after something that we have done ourselves.
    void expect(const std::optional<Egress>& egress);
    // Another address of the relay is tried by the same egress.
    void send_now() { due_ = true; }
    enum class Send { no, again, by_new_egress };
    // The egress as it is now, and whether a packet should go by it at once. The MTU does not count.
    Send update(const std::optional<Egress>& egress, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    std::optional<Egress> egress_;
    bool due_ = false;
    bool moved_ = false;  // since the last packet that we caused
    TimePoint not_before_;
};

}  // namespace ulagate
