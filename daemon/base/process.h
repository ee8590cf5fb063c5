// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "daemon/base/capabilities.h"
#include "daemon/base/result.h"

namespace ulagate {

// A program that is to be started as a child. It gets nothing of ours but what is named here: no descriptor,
// no blocked signal and no handler.
struct Command {
    std::vector<std::string> words;  // the first is the program; without a slash it is looked for in PATH
    std::vector<std::string> environment;            // "NAME=value"
    int output = -1;                                 // standard output and error; -1: /dev/null
    int passed = -1;                                 // it has this descriptor as number 3; -1: none
    bool own_session = true;                         // and so a process group of its own
    bool at_root = true;                             // it runs in "/", else where we do
    std::optional<int> death_signal = std::nullopt;  // that it gets when our thread that started it ends
    // What it, and whatever it starts, may have of root's; with all of them it is not limited in any way.
    Capabilities capabilities = Capabilities::all();
};

// Our own environment, without what a supervisor has told us alone (sd_notify(3)).
std::vector<std::string> inherited_environment();

// Returns when the program runs. An error: there is no such process, and errno says why: of fork(), of
// taking its capabilities away, or of execve(). Whoever starts it reaps it.
Result<pid_t> start_process(const Command& command);

// "killed by signal 9", "exit code 1". `status`: of waitpid(2).
std::string how_it_ended(int status);

}  // namespace ulagate
