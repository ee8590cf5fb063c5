// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/process.h"

#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() and the signal sets are POSIX
#include <sys/wait.h>
#include <unistd.h>

namespace ulagate::init {

std::optional<Ended> next_ended() {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return std::nullopt;
    const bool left = info.si_code == CLD_EXITED;
    return Ended{info.si_pid, left && info.si_status == 0, left ? info.si_status : -1,
                 left ? fmt::format("exit code {}", info.si_status)
                      : fmt::format("killed by signal {}", info.si_status)};
}

void kill_group(pid_t pid) { ::kill(-pid, SIGKILL); }

void reap(pid_t pid) { ::waitpid(pid, nullptr, WNOHANG); }

}  // namespace ulagate::init
