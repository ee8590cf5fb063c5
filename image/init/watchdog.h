// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>

#include "daemon/base/fd.h"

namespace ulagate::init {

// The hardware's own timer, which resets the machine when nobody feeds it. Left alone when this process dies:
// a machine without its first process is to be reset.
class Watchdog {
public:
    explicit Watchdog(std::string path) : path_(std::move(path)) {}

    // True when it is open; its driver may come later, so this may be tried again.
    bool open();
    [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }
    void feed() const;
    // How often it wants to be fed, with room for two misses.
    [[nodiscard]] std::chrono::milliseconds interval() const { return timeout_ / 3; }
    // Before a machine is switched off for good; a watchdog that cannot be stopped goes on.
    void disarm();

private:
    std::string path_;
    UniqueFd fd_;
    std::chrono::seconds timeout_{15};  // what the Raspberry Pi can do
};

}  // namespace ulagate::init
