// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/spawn.h"

#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() and the signal sets are POSIX
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "daemon/base/process.h"

namespace ulagate::wg {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kPoll{10};

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
    const std::string how = (WIFSIGNALED(status) ? "was " : "ended with ") + how_it_ended(status);
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) {
        return fail_errno(what + " " + how + ": /dev/net/tun (modprobe tun)");
    }
    return fail(fmt::format("{} {}; `LOG_LEVEL=debug {}` in a shell says why", what, how, what));
}

}  // namespace

Result<void> start_wireguard_go(const std::string& binary, const std::string& interface) {
    Command command;
    // With LOG_LEVEL set, wireguard-go hands its own standard streams on to the process that stays. They must
    // be nobody's: a pipe would kill it with SIGPIPE as soon as its reader is gone.
    command.words = {binary, interface};
    // Its own environment: WG_PROCESS_FOREGROUND or a file descriptor number in ours would mislead it.
    command.environment = {"LOG_LEVEL=error", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    const auto child = start_process(command);
    if (!child) return tl::unexpected<Error>{child.error()};
    return wait_for(*child, binary + " " + interface);
}

}  // namespace ulagate::wg
