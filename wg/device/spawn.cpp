// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() and the signal sets are POSIX
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "daemon/base/spawn_plan.h"

namespace ulagate::wg {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kPoll{10};

// 0 or an errno.
int detach(SpawnPlan& plan) {
    // With LOG_LEVEL set, wireguard-go hands its own standard streams on to the process that stays. They must
    // be nobody's: a pipe would kill it with SIGPIPE as soon as its reader is gone.
    if (const int rc = plan.silence(); rc != 0) return rc;
    if (const int rc = ::posix_spawn_file_actions_addclosefrom_np(&plan.files, STDERR_FILENO + 1); rc != 0)
        return rc;
    if (const int rc = ::posix_spawn_file_actions_addchdir_np(&plan.files, "/"); rc != 0) return rc;
    return plan.reset_signals(POSIX_SPAWN_SETSID);
}

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
    return fmt::format("ended with status {}", WEXITSTATUS(status));
}

// Waits for this child and no other.
Result<void> wait_for(pid_t child, const std::string& what) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    int status = 0;
    for (;;) {
        const pid_t ended = ::waitpid(child, &status, WNOHANG);
        if (ended == child) break;
        // Somebody ignores SIGCHLD for the whole process: gone, with a status that we shall never know.
        if (ended < 0 && errno == ECHILD) return {};
        if (ended < 0 && errno != EINTR) return fail_errno("wait for " + what);
        if (std::chrono::steady_clock::now() > deadline) {
            ::kill(child, SIGKILL);
            (void)::waitpid(child, &status, 0);
            return fail_errno(what + " did not go into the background", ETIMEDOUT);
        }
        std::this_thread::sleep_for(kPoll);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) {
        return fail_errno(what + " " + how_it_ended(status) + ": /dev/net/tun (modprobe tun)");
    }
    return fail(
        fmt::format("{} {}; `LOG_LEVEL=debug {}` in a shell says why", what, how_it_ended(status), what));
}

}  // namespace

Result<void> start_wireguard_go(const std::string& binary, const std::string& interface) {
    SpawnPlan plan;
    if (const int rc = detach(plan); rc != 0) return fail_errno("prepare " + binary, rc);
    // Its own environment: WG_PROCESS_FOREGROUND or a file descriptor number in ours would mislead it.
    std::array<std::string, 2> arguments{binary, interface};
    std::array<std::string, 2> environment{"LOG_LEVEL=error", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    const std::array<char*, 3> argv{arguments[0].data(), arguments[1].data(), nullptr};
    const std::array<char*, 3> envp{environment[0].data(), environment[1].data(), nullptr};
    pid_t child = -1;
    const int rc =
        ::posix_spawn(&child, binary.c_str(), &plan.files, &plan.attributes, argv.data(), envp.data());
    if (rc != 0) return fail_errno("start " + binary, rc);
    return wait_for(child, binary + " " + interface);
}

}  // namespace ulagate::wg
