// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <optional>

#include "daemon/kernel/desired.h"
#include "daemon/relays/clock_floor.h"
#include "daemon/relays/time.h"
#include "daemon/service/context.h"
#include "daemon/service/relay_connections.h"

namespace ulagate {

// What an edge does about its own clock: a relay ignores handshakes that carry a time before the last it saw,
// so none is sent while the clock is known to be behind. Owns the fact clock_behind, and two files.
class EdgeClock {
public:
    // `synchronised`: whether a time service has set the clock.
    EdgeClock(const Context& context, const RelayConnections& relays, std::function<bool()> synchronised)
        : context_(context), relays_(relays), synchronised_(std::move(synchronised)) {}

    void load();
    // Each second; `stopping`: for the last time.
    void tick(bool stopping);
    bool contribute(Facts& facts) const;
    [[nodiscard]] bool behind() const { return behind_; }
    [[nodiscard]] const ClockFloor& floor() const { return floor_; }

private:
    [[nodiscard]] ClockFloor::Sources sources() const;
    void tell_relay_time(ClockFloor::Time relays);

    Context context_;
    const RelayConnections& relays_;
    std::function<bool()> synchronised_;
    ClockFloor floor_;
    std::optional<RelayTime> relay_time_;  // as written
    bool behind_ = false;                  // and no tunnel works that would prove the contrary
};

// By the kernel, which a time service tells; not being allowed to ask is a no.
bool clock_is_synchronised();

}  // namespace ulagate
