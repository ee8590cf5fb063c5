// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "daemon/base/capabilities.h"
#include "daemon/base/result.h"

namespace ulagate::init {

struct Command {
    std::vector<std::string> words;        // the first is the path of the program
    std::vector<std::string> environment;  // "NAME=value"
    int output = -1;                       // standard output and error; -1: /dev/null
    // What it, and whatever it starts, may have of root's; with all of them it is not limited in any way.
    Capabilities capabilities = Capabilities::all();
};

// Starts a process in a session (and so a process group) of its own, without a file or signal mask of ours.
Result<pid_t> spawn(const Command& command);

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
