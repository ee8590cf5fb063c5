// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "daemon/base/fd.h"

namespace ulagate::init {

// The hardware's own timer, which resets the machine when nobody feeds it. Left alone when this process dies:
// a machine without its first process is to be reset.
class Watchdog {
public:
    // Without a path there is none.
    Watchdog(std::string path, std::chrono::milliseconds timeout)
        : path_(std::move(path)), timeout_(timeout) {}

    // True when it is open; its driver may come later, so this may be tried again.
    bool open();
    [[nodiscard]] bool wanted() const { return !path_.empty(); }
    void feed() const;
    // How often it wants to be fed, with room for two misses.
    [[nodiscard]] std::chrono::milliseconds interval() const { return timeout_ / 3; }
    // Before a machine is switched off for good; a watchdog that cannot be stopped goes on.
    void disarm();

private:
    std::string path_;
    UniqueFd fd_;
    std::chrono::milliseconds timeout_;
};

}  // namespace ulagate::init
