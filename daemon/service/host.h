// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/base/result.h"

namespace ulagate {

// What a daemon needs of the process around it, and of the machine beside the kernel's state. Process is the
// real one.
class Host {
public:
    Host() = default;
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    Host(Host&&) = delete;
    Host& operator=(Host&&) = delete;
    virtual ~Host() = default;

    // For who supervises it.
    virtual void ready(const std::string& status) = 0;
    virtual void reloading() = 0;
    virtual void stopping() = 0;
    virtual void alive() = 0;
    // alive() is to be called at least this often; nullopt: nobody watches.
    [[nodiscard]] virtual std::optional<std::chrono::microseconds> watchdog_interval() = 0;

    // Who may use the control socket.
    virtual Result<void> set_control_group(const std::string& group) = 0;
    // The plan's steps have been applied.
    virtual void applied() = 0;
    // After each turn and in each second: what is to be said of tunnels' processes.
    virtual void look_at_tunnels() = 0;
    virtual void second() = 0;
    // All is out of the kernel.
    virtual void taken_down() = 0;
    virtual void exit() = 0;
};

}  // namespace ulagate
