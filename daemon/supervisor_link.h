// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace ulagate {

// What systemd wants to hear from a service of Type=notify (sd_notify(3)). Without systemd every call does
// nothing.
class SupervisorLink {
public:
    SupervisorLink();

    void ready(const std::string& status) const;
    void reloading() const;
    void stopping() const;
    // To be called at least this often; nothing = no watchdog.
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const { return watchdog_; }
    void alive() const;

private:
    std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace ulagate
