// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/supervisor_link.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdint>

namespace ulagate {

SupervisorLink::SupervisorLink() {
    std::uint64_t usec = 0;
    // Half of what systemd allows, so that one late turn of the loop is no reason to be killed.
    if (::sd_watchdog_enabled(0, &usec) > 0) watchdog_ = std::chrono::microseconds{usec / 2};
}

void SupervisorLink::ready(const std::string& status) const {
    ::sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str());
}

void SupervisorLink::reloading() const {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", usec).c_str());
}

void SupervisorLink::stopping() const { ::sd_notify(0, "STOPPING=1"); }

void SupervisorLink::alive() const { ::sd_notify(0, "WATCHDOG=1"); }

}  // namespace ulagate
