// SPDX-License-Identifier: GPL-2.0-or-later
// The first process with programs that play the services, in a folder of its own: as an ordinary process, and
// as the first one of a namespace of processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>

#include "image/boot/init/init.h"

namespace ulagate::init::trial_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr unsigned kFaster = 20;  // a sign of life within 1 s, not 20; ready within 3 s

// A service as ours are: it says that it is ready, then that it lives, until SIGTERM. `life`: what else it
// does after it is ready.
std::string service(const std::string& life) {
    return R"(#!/usr/bin/python3 -IS
import os, signal, socket, sys, time
folder = os.path.dirname(sys.argv[0])
name = os.path.basename(sys.argv[0])
def note(text):
    with open(folder + "/notes", "a") as file: file.write(name + " " + text + "\n")
def tell(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s: s.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
def stop(*_):
    note("stops"); tell("STOPPING=1"); time.sleep(0.1); note("ends"); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
starts = 1
try: starts += open(folder + "/notes").read().count(name + " starts")
except OSError: pass
note("starts")
print("<3>" + name + " speaks", flush=True)
print("<6>only for the file", flush=True)
tell("READY=1")
)" + life + R"(
assert 100_000 < int(os.environ["WATCHDOG_USEC"]) <= 1_000_000
while True:
    tell("WATCHDOG=1")
    time.sleep(0.1)
)";
}

class InitTrial : public testing::Test {
protected:
    InitTrial() {
        std::string name = (std::filesystem::temp_directory_path() / "ulagate-init-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        for (const char* file : {"kmsg", "watchdog", "notes"}) std::ofstream{folder_ + "/" + file};
        write("prepare", "#!/bin/sh\necho '<5>prepared'\n");
        write("modprobe", "#!/bin/sh\nfor a; do echo \"$a\"; done >>\"${0%/*}/modules\"\n");
        write("ulagate", service(""));
        write("ulagate-appliance", service(""));
    }
    ~InitTrial() override {
        if (init_ > 0) {
            ::kill(init_, SIGKILL);
            ::waitpid(init_, nullptr, 0);
        }
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream{folder_ + "/" + name} << text;
        std::filesystem::permissions(folder_ + "/" + name, std::filesystem::perms::owner_all);
    }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream in{folder_ + "/" + name, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    [[nodiscard]] std::size_t count(const std::string& file, const std::string& what) const {
        const std::string text = read(file);
        std::size_t n = 0;
        for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
        return n;
    }
    void start() {
        init_ = ::fork();
        ASSERT_GE(init_, 0);
        if (init_ > 0) return;
        static const char* kEnds[] = {"reboot", "power off", "halt"};
        const End how = Init{trial_plan(folder_, kFaster)}.run();
        Log{folder_ + "/kmsg", folder_ + "/log"}.say(
            false, std::string{"end: "} + kEnds[static_cast<std::size_t>(how)]);
        ::_exit(0);
    }
    static testing::AssertionResult eventually(const std::function<bool()>& holds) {
        const auto end = std::chrono::steady_clock::now() + 30s;
        while (!holds()) {
            if (std::chrono::steady_clock::now() > end) return testing::AssertionFailure() << "not in 30 s";
            std::this_thread::sleep_for(20ms);
        }
        return testing::AssertionSuccess();
    }
    testing::AssertionResult says(const std::string& what, std::size_t times = 1) {
        return eventually([&] { return count("kmsg", what) >= times; }) << what << "\n" << read("kmsg");
    }
    void end(int signal) {
        ::kill(init_, signal);
        int status = 0;
        ASSERT_TRUE(eventually([&] { return ::waitpid(init_, &status, WNOHANG) == init_; })) << read("kmsg");
        init_ = 0;
        EXPECT_TRUE(WIFEXITED(status));
    }

    std::string folder_;
    pid_t init_ = 0;
};

TEST_F(InitTrial, EachHasTheCapabilitiesThatItNeeds) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    write("prepare", "#!/bin/sh\ngrep CapBnd /proc/self/status >\"${0%/*}/prepare.caps\"\n");
    write("ulagate", service("note(open('/proc/self/status').read())\n"));
    write("preload", "one\n");
    write("modprobe", "#!/bin/sh\ngrep CapBnd /proc/self/status >\"${0%/*}/modprobe.caps\"\n");
    start();
    ASSERT_TRUE(says("<5>ulagate-init: ready after "));
    EXPECT_EQ(read("prepare.caps"), "CapBnd:\t0000000002200000\n") << "clock, host name";
    EXPECT_TRUE(eventually([&] { return !read("modprobe.caps").empty(); }));
    EXPECT_EQ(read("modprobe.caps"), "CapBnd:\t0000000000010000\n") << "modules";
    EXPECT_TRUE(eventually([&] { return count("notes", "CapEff:\t0000008000803001\n") == 1; }))
        << read("notes");
    EXPECT_THAT(read("notes"), HasSubstr("NoNewPrivs:\t1\n"));
    end(SIGTERM);
}

TEST_F(InitTrial, StartsBothFeedsTheWatchdogAndEndsThemInOrder) {
    start();
    ASSERT_TRUE(says("<5>ulagate-init: ready after "));
    EXPECT_THAT(read("kmsg"), HasSubstr("<5>prepare: prepared\n"));
    EXPECT_THAT(read("kmsg"), HasSubstr("<3>ulagate: ulagate speaks\n"));
    EXPECT_THAT(read("kmsg"), Not(HasSubstr("only for the file")));
    EXPECT_THAT(read("log/messages"), HasSubstr("<6>appliance: only for the file\n"));
    const auto fed = read("watchdog").size();
    EXPECT_TRUE(eventually([&] { return read("watchdog").size() > fed; }));
    end(SIGTERM);
    EXPECT_THAT(read("notes"),
                testing::EndsWith("ulagate stops\nulagate ends\nulagate-appliance stops\nulagate-appliance "
                                  "ends\n"));
    EXPECT_THAT(read("kmsg"), HasSubstr("end: reboot\n"));
    EXPECT_THAT(read("watchdog"), Not(HasSubstr("V")));  // a reboot that hangs is to be cut short
}

TEST_F(InitTrial, PowerOffDisarmsTheWatchdog) {
    start();
    ASSERT_TRUE(says("ready after"));
    end(SIGUSR2);
    EXPECT_THAT(read("kmsg"), HasSubstr("end: power off\n"));
    EXPECT_THAT(read("watchdog"), testing::EndsWith("V"));
}

TEST_F(InitTrial, StartsAgainWhatDies) {
    write("ulagate", service("if starts < 3: os.kill(os.getpid(), signal.SIGSEGV); time.sleep(9)"));
    start();
    ASSERT_TRUE(eventually([&] { return count("notes", "ulagate starts") == 3; }));
    EXPECT_TRUE(says("ulagate ended (killed by signal 11), restarting it", 2));
    EXPECT_EQ(count("notes", "ulagate-appliance starts"), 1U);
    end(SIGTERM);
}

TEST_F(InitTrial, KillsWhatHangsWithItsChildren) {
    // The hung one has a child that holds on to something, as hostapd does to its radio.
    write("ulagate-appliance", service(R"(
if starts == 1:
    if os.fork() == 0:
        while True:
            note("child lives"); time.sleep(0.05)
    time.sleep(60)
)"));
    start();
    ASSERT_TRUE(says("appliance: no watchdog message for 1.0 s, killing it"));
    ASSERT_TRUE(eventually([&] { return count("notes", "ulagate-appliance starts") == 2; }));
    const auto lived = count("notes", "child lives");
    EXPECT_GT(lived, 0U);
    std::this_thread::sleep_for(300ms);
    EXPECT_EQ(count("notes", "child lives"), lived);
    EXPECT_EQ(count("notes", "ulagate starts"), 1U);
    end(SIGTERM);
}

TEST_F(InitTrial, TheWatchdogStarvesWhenAServiceDoesNotComeBack) {
    write("ulagate", "#!/bin/sh\nexit 1\n");
    start();
    // It gives up after 9 s here; then there is nothing to see but that the file grows no more.
    ASSERT_TRUE(says("ulagate ended (exit code 1)", 5));
    std::size_t size = 0;
    ASSERT_TRUE(eventually([&] {
        const auto before = std::exchange(size, read("watchdog").size());
        if (before != size) std::this_thread::sleep_for(1s);  // it would be fed every 0.25 s
        return before == size;
    }));
    EXPECT_THAT(size, testing::AllOf(testing::Ge(20U), testing::Le(45U)));
    EXPECT_EQ(::waitpid(init_, nullptr, WNOHANG), 0);  // it waits for the reset, and does not end
}

TEST_F(InitTrial, RescueStartsTheManagerOnly) {
    write("prepare", "#!/bin/sh\necho '<3>ulagate.toml:3: no'\nexit 3\n");
    start();
    ASSERT_TRUE(says("ready after"));
    EXPECT_THAT(read("kmsg"), HasSubstr("rescue"));
    EXPECT_EQ(count("notes", "ulagate starts"), 0U);
    EXPECT_EQ(count("notes", "ulagate-appliance starts"), 1U);
    end(SIGTERM);
}

TEST_F(InitTrial, APrepareThatHangsOrIsNotThereIsRescueToo) {
    write("prepare", "#!/bin/sh\nsleep 100\n");
    start();
    ASSERT_TRUE(says("prepare took too long"));
    ASSERT_TRUE(says("ready after"));
    end(SIGTERM);
    std::filesystem::remove(folder_ + "/prepare");
    start();
    ASSERT_TRUE(says("prepare: could not be started"));
    ASSERT_TRUE(says("ready after", 2));
    end(SIGTERM);
}

TEST_F(InitTrial, ARestartIsPossibleWhilePreparing) {
    write("prepare", "#!/bin/sh\nexec sleep 100\n");
    start();
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder_ + "/notify"); }));
    end(SIGTERM);
    EXPECT_THAT(read("kmsg"), HasSubstr("end: reboot\n"));
    EXPECT_THAT(read("notes"), testing::IsEmpty());
}

TEST_F(InitTrial, LoadsEachModuleOnceInOneProcess) {
    std::filesystem::create_directories(folder_ + "/sys/bus/virtio/devices/virtio0");
    std::filesystem::create_directories(folder_ + "/sys/bus/virtio/devices/virtio1");
    std::filesystem::create_directories(folder_ + "/sys/bus/usb/devices/usb1");
    std::filesystem::create_directories(folder_ + "/sys/bus/empty");
    write("sys/bus/virtio/devices/virtio0/modalias", "virtio:d1v1\n");
    write("sys/bus/virtio/devices/virtio1/modalias", "virtio:d1v1\n");
    write("sys/bus/usb/devices/usb1/modalias", "usb:v1D6Bp0002\n");
    write("preload", "# what a router needs\nwireguard\nnf_tables  # and its firewall\n\n");
    write("modprobe", "#!/bin/sh\n(echo; for a; do echo \"$a\"; done | sort) >>\"${0%/*}/modules\"\n");
    start();
    ASSERT_TRUE(says("ready after"));
    EXPECT_TRUE(eventually([&] {
        return read("modules") == "\nusb:v1D6Bp0002\nvirtio:d1v1\n\nnf_tables\nwireguard\n";
    })) << read("modules");
    end(SIGTERM);
}

TEST_F(InitTrial, AFloodOfLinesNeitherStopsNorFillsIt) {
    write("ulagate", service(R"(
if starts == 1:
    for i in range(20000): print("<4>flood " + "x" * 90 + str(i))
    print("<4>over", flush=True); note("flooded")
)"));
    start();
    ASSERT_TRUE(says("ready after"));
    ASSERT_TRUE(eventually([&] { return count("notes", "flooded") == 1; }));
    ASSERT_TRUE(eventually([&] {
        return (read("log/messages") + read("log/messages.1")).find("ulagate: over\n") != std::string::npos;
    }));
    EXPECT_LE(read("log/messages").size(), Log::kMaxFile + 1000);
    EXPECT_LE(read("log/messages.1").size(), Log::kMaxFile + 1000);
    EXPECT_LE(count("kmsg", "flood"), 250U);
    EXPECT_EQ(count("notes", "ulagate starts"), 1U);
    end(SIGTERM);
}

// In a namespace of processes it is what it will be: the first process, to whom orphans come.
TEST_F(InitTrial, AsTheFirstProcessItReapsOrphansAndOutlivesSignals) {
    if (::geteuid() != 0) GTEST_SKIP() << "a namespace of processes needs root";
    write("ulagate", service(R"(
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        note("orphan of " + str(os.getppid())); time.sleep(0.2)
        note("orphan of " + str(os.getppid())); os._exit(0)
    os._exit(0)
os.wait()
)"));
    const pid_t keeper = ::fork();
    ASSERT_GE(keeper, 0);
    if (keeper == 0) {
        if (::unshare(CLONE_NEWPID) != 0) ::_exit(77);
        start();
        if (::getpid() == 1) ::_exit(70);
        int status = 0;
        ::waitpid(init_, &status, 0);
        ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
    }
    ASSERT_TRUE(says("ready after"));
    ASSERT_TRUE(eventually([&] { return count("notes", "orphan of 1\n") == 1; }));
    std::this_thread::sleep_for(300ms);
    // Its number here is that of the keeper's child.
    const std::string children =
        "/proc/" + std::to_string(keeper) + "/task/" + std::to_string(keeper) + "/children";
    std::ifstream in{children};
    pid_t first = 0;
    ASSERT_TRUE(in >> first);
    int zombies = 0;
    for (const auto& process : std::filesystem::directory_iterator{"/proc"}) {
        std::ifstream status{process.path() / "status"};
        const std::string text{std::istreambuf_iterator<char>{status}, {}};
        if (text.find("PPid:\t" + std::to_string(first) + "\n") == std::string::npos) continue;
        if (text.find("State:\tZ") != std::string::npos) ++zombies;
    }
    EXPECT_EQ(zombies, 0);
    for (const int harmless : {SIGHUP, SIGQUIT, SIGPIPE, SIGALRM, SIGWINCH, SIGPWR}) ::kill(first, harmless);
    std::this_thread::sleep_for(100ms);
    ASSERT_EQ(::kill(first, SIGTERM), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(keeper, &status, 0), keeper);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_THAT(read("kmsg"), HasSubstr("end: reboot\n"));
}

}  // namespace
}  // namespace ulagate::init::trial_test
