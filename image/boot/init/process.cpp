// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() and the signal sets are POSIX
#include <sys/wait.h>
#include <unistd.h>

namespace ulagate::init {
namespace {

constexpr int kNotStarted = 127;

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> out;
    out.reserve(words.size() + 1);
    // execve() does not change them, whatever its type says.
    for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
    out.push_back(nullptr);
    return out;
}

// In the child, between fork() and execve(): nothing here allocates.
[[noreturn]] void become(const Command& command, char* const* words, char* const* environment) {
    sigset_t none{};
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setsid();
    const int in = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    const int out = command.output >= 0 ? command.output : in;
    if (in < 0 || ::dup2(in, STDIN_FILENO) < 0 || ::dup2(out, STDOUT_FILENO) < 0 ||
        ::dup2(out, STDERR_FILENO) < 0) {
        ::_exit(kNotStarted);
    }
    if (command.capabilities != Capabilities::all() && !keep_only(command.capabilities)) ::_exit(kNotStarted);
    if (::chdir("/") == 0) ::execve(words[0], words, environment);
    ::_exit(kNotStarted);
}

}  // namespace

Result<pid_t> spawn(const Command& command) {
    const auto words = pointers(command.words);
    const auto environment = pointers(command.environment);
    const pid_t pid = ::fork();
    if (pid < 0) return fail_errno("fork for " + command.words.at(0));
    if (pid == 0) become(command, words.data(), environment.data());
    return pid;
}

std::optional<Ended> next_ended() {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return std::nullopt;
    const bool left = info.si_code == CLD_EXITED;
    return Ended{info.si_pid, left && info.si_status == 0, left ? info.si_status : -1,
                 left && info.si_status == kNotStarted ? "could not be started"
                 : left                                ? fmt::format("exit code {}", info.si_status)
                                                       : fmt::format("killed by signal {}", info.si_status)};
}

void kill_group(pid_t pid) { ::kill(-pid, SIGKILL); }

void reap(pid_t pid) { ::waitpid(pid, nullptr, WNOHANG); }

}  // namespace ulagate::init
