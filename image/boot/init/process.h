// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace ulagate::init {

// A child that has ended and is still to be reaped.
struct Ended {
    pid_t pid = 0;
    bool success = false;
    int code = 0;     // of exit(), else -1
    std::string how;  // "exit code 1", "killed by signal 11"
};
std::optional<Ended> next_ended();
// What a child of ours that has ended left in its process group; before reap(), for until then nobody else
// can have its number.
void kill_group(pid_t pid);
void reap(pid_t pid);

}  // namespace ulagate::init
