// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/base/fd.h"

namespace ulagate {

// What systemd wants to hear from a service of Type=notify, in the protocol of sd_notify(3). Not libsystemd's
// function: that blocks while the receiver does not read, and a router must not stand still because its
// supervisor does. Without a supervisor every call does nothing.
class SupervisorLink {
public:
    SupervisorLink();

    void ready(const std::string& status) const;
    void reloading() const;
    void stopping() const;
    // To be called at least this often; nullopt = no watchdog.
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const { return watchdog_; }
    void alive() const;

private:
    void send(const std::string& message) const;

    UniqueFd socket_;
    std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace ulagate
