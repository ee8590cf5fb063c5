// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>

#include "daemon/base/address.h"

namespace ulagate {

// When to make a relay's peer anew because its first handshake may have been lost. WireGuard sends an
// initiation at most every 5 s a peer (REKEY_TIMEOUT), so one packet lost while the uplink comes up costs 5
// s; a peer that is removed and added again may send at once. Harmless as long as there is no session to
// lose. A few tries, then WireGuard's own timers are left alone. Pure.
class FirstHandshake {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // How the peer is now: its endpoint, and whether it ever had a handshake. A new endpoint starts the tries
    // again.
    void update(const std::optional<net::Endpoint>& endpoint, bool handshake_seen, TimePoint now);
    // The network under it changed: the tries start again.
    void start_again();
    // True once for each try that is due.
    bool take_try(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const { return next_; }

private:
    std::optional<net::Endpoint> endpoint_;
    std::optional<TimePoint> next_;
    unsigned tries_ = 0;
};

}  // namespace ulagate
