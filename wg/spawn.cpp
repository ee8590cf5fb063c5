// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() and the signal sets are POSIX
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

namespace ulagate::wg {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kPoll{10};

// The C interface wants everything initialised and destroyed in pairs.
struct SpawnPlan {
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};

    SpawnPlan() {
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawnattr_init(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    SpawnPlan(SpawnPlan&&) = delete;
    SpawnPlan& operator=(SpawnPlan&&) = delete;
    ~SpawnPlan() {
        ::posix_spawnattr_destroy(&attributes);
        ::posix_spawn_file_actions_destroy(&files);
    }

    // 0 or an errno.
    int detach() {
        // With LOG_LEVEL set, wireguard-go hands its own standard streams on to the process that stays. They
        // must be nobody's: a pipe would kill it with SIGPIPE as soon as its reader is gone.
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
            if (const int rc = ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
                rc != 0) {
                return rc;
            }
        }
        if (const int rc = ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1); rc != 0) {
            return rc;
        }
        if (const int rc = ::posix_spawn_file_actions_addchdir_np(&files, "/"); rc != 0) return rc;
        // A daemon blocks signals to read them from a file descriptor; its child must not inherit that.
        sigset_t none{};
        sigset_t all{};
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setsigdefault(&attributes, &all);
        return ::posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
};

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
    if (const int rc = plan.detach(); rc != 0) return fail_errno("prepare " + binary, rc);
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
