// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): the signal sets are POSIX
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

namespace ulagate {
namespace {

constexpr int kPassed = 3;

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> out;
    out.reserve(words.size() + 1);
    // execve() does not change them, whatever its type says.
    for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
    out.push_back(nullptr);
    return out;
}

// All that the child needs, made before it is there.
struct Plan {
    const Command& command;
    char* const* words;
    char* const* environment;
    pid_t parent;
};

bool take_streams(const Command& command) {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    const int out = command.output >= 0 ? command.output : null;
    if (null < 0 || ::dup2(null, STDIN_FILENO) < 0 || ::dup2(out, STDOUT_FILENO) < 0 ||
        ::dup2(out, STDERR_FILENO) < 0)
        return false;
    // dup2() onto itself would leave it to be closed by execve().
    if (command.passed == kPassed && ::fcntl(kPassed, F_SETFD, 0) != 0) return false;
    if (command.passed >= 0 && ::dup2(command.passed, kPassed) < 0) return false;
    const unsigned first = command.passed >= 0 ? kPassed + 1 : kPassed;
    return ::close_range(first, UINT_MAX, 0) == 0;
}

// A handler of ours must not run there, in our memory.
void reset_signals() {
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &usual, nullptr);
    sigset_t none{};
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// In the child, which has our memory until execve(): nothing here allocates, locks, or changes a variable of
// ours. An errno.
int become(const Plan& plan) {
    const Command& command = plan.command;
    if (command.own_session) ::setsid();
    if (command.death_signal) {
        if (::prctl(PR_SET_PDEATHSIG, *command.death_signal) != 0) return errno;
        if (::getppid() != plan.parent) ::_exit(0);
    }
    if (!take_streams(command)) return errno;
    if (command.at_root && ::chdir("/") != 0) return errno;
    if (command.capabilities != Capabilities::all() && !keep_only(command.capabilities)) return errno;
    reset_signals();
    ::execvpe(plan.words[0], plan.words, plan.environment);
    return errno;
}

// vfork(), as posix_spawn(3) does it, and for the same reason: fork() would copy the page tables of a daemon
// that knows ten thousand sites. posix_spawn() itself can neither take capabilities away nor set a signal for
// the end of the parent. We wait until the child has another memory or is gone, so its word comes back in a
// variable.
[[gnu::noinline]] pid_t fork_and_become(const Plan& plan, volatile int& error) {
    const pid_t pid = ::vfork();
    if (pid == 0) {
        error = become(plan);
        ::_exit(127);
    }
    return pid;
}

}  // namespace

std::vector<std::string> inherited_environment() {
    constexpr std::array<std::string_view, 3> kOurs{"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID="};
    std::vector<std::string> out;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        if (std::none_of(kOurs.begin(), kOurs.end(), [&](auto name) { return text.starts_with(name); }))
            out.emplace_back(text);
    }
    return out;
}

Result<pid_t> start_process(const Command& command) {
    const auto words = pointers(command.words);
    const auto environment = pointers(command.environment);
    const std::string what = "start " + command.words.at(0);
    sigset_t all{};
    sigset_t before{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    volatile int error = 0;
    const pid_t pid = fork_and_become({command, words.data(), environment.data(), ::getpid()}, error);
    const int forked = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return fail_errno(what, forked);
    if (error == 0) return pid;
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
    return fail_errno(what, error);
}

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
    return fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace ulagate
