// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): the signal sets are POSIX
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "daemon/base/fd.h"

namespace ulagate::process_test {
namespace {

using ::testing::HasSubstr;

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};
Pipe make_pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

int status_of(pid_t child) {
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
}

// What it writes, and that it ended well.
std::string output_of(Command command) {
    Pipe pipe = make_pipe();
    command.output = pipe.write.get();
    const auto child = start_process(command);
    EXPECT_TRUE(child) << child.error().text();
    if (!child) return {};
    pipe.write.reset();
    std::string text;
    std::array<char, 1024> chunk{};
    for (ssize_t n = 0; (n = ::read(pipe.read.get(), chunk.data(), chunk.size())) > 0;)
        text.append(chunk.data(), static_cast<std::size_t>(n));
    EXPECT_EQ(how_it_ended(status_of(*child)), "exit code 0");
    return text;
}

Command shell(const std::string& script) {
    Command out;
    out.words = {"sh", "-c", script};
    out.environment = {"PATH=/usr/bin:/bin"};
    return out;
}

TEST(StartProcess, RunsWithItsOwnEnvironmentInTheRootDirectoryAndASessionOfItsOwn) {
    Command command =
        shell("echo $GREETING$HOME; pwd; read _ _ _ _ _ sid _ < /proc/$$/stat; test $sid = $$ && echo own");
    command.environment.emplace_back("GREETING=hello");
    EXPECT_EQ(output_of(command), "hello\n/\nown\n");
}

TEST(StartProcess, HasNoDescriptorOfOursButTheOneThatIsPassed) {
    const Pipe ours = make_pipe();
    ASSERT_EQ(::fcntl(ours.read.get(), F_SETFD, 0), 0) << "even one that execve() would leave open";
    EXPECT_EQ(
        output_of(shell("cd /proc/self/fd && for f in 3 4 5 6 7 8 9; do test -e $f && echo $f; done; true")),
        "");
    Pipe passed = make_pipe();
    ASSERT_EQ(::write(passed.write.get(), "through 3\n", 10), 10);
    passed.write.reset();
    Command command = shell("cat <&3");
    command.passed = passed.read.get();
    EXPECT_EQ(output_of(command), "through 3\n");
}

TEST(StartProcess, BlocksAndHandlesNoSignal) {
    sigset_t blocked{};
    sigset_t before{};
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &blocked, &before);
    struct sigaction ignore {};
    struct sigaction old {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &old);
    const std::string text = output_of(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status"));
    ::sigaction(SIGPIPE, &old, nullptr);
    sigset_t now{};
    ::sigprocmask(SIG_SETMASK, &before, &now);
    EXPECT_THAT(text, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
    EXPECT_EQ(::sigismember(&now, SIGTERM), 1) << "ours stay blocked";
    EXPECT_EQ(::sigismember(&now, SIGINT), 0);
}

TEST(StartProcess, SaysWhyItCannotAndLeavesNoChild) {
    Command command;
    command.words = {"/no/such/program"};
    const auto started = start_process(command);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, std::errc::no_such_file_or_directory);
    EXPECT_THAT(started.error().text(), HasSubstr("/no/such/program"));
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    command.words = {"/etc/passwd"};
    EXPECT_EQ(start_process(command).error().code, std::errc::permission_denied);
}

TEST(StartProcess, SaysHowItEnded) {
    const auto how = [](const char* script) {
        const auto child = start_process(shell(script));
        EXPECT_TRUE(child);
        return how_it_ended(status_of(child.value_or(-1)));
    };
    EXPECT_EQ(how("exit 3"), "exit code 3");
    EXPECT_EQ(how("kill -9 $$"), "killed by signal 9");
}

TEST(StartProcess, InheritsOurEnvironmentWithoutTheSupervisors) {
    ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
    ::setenv("ULAGATE_TEST", "yes", 1);
    Command command = shell("echo $ULAGATE_TEST$NOTIFY_SOCKET");
    command.environment = inherited_environment();
    const std::string text = output_of(command);
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("ULAGATE_TEST");
    EXPECT_EQ(text, "yes\n");
}

}  // namespace
}  // namespace ulagate::process_test
