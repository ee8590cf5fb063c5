// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/userspace_backend.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "daemon/base/fd.h"
#include "tests/unit/wg/device/backend_support.h"

namespace ulagate::wg::userspace_backend_test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kInterface = "wgtest0";
constexpr const char* kSocket = "/run/wireguard/wgtest0.sock";

// The wireguard-go processes of this network namespace; zombies do not count.
std::vector<pid_t> processes() {
    std::vector<pid_t> out;
    const auto home = std::filesystem::read_symlink("/proc/self/ns/net");
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        std::ifstream file{entry.path() / "cmdline"};
        std::string program;
        std::getline(file, program, '\0');
        std::error_code error;
        if (program.ends_with("wireguard-go") &&
            std::filesystem::read_symlink(entry.path() / "ns/net", error) == home) {
            out.push_back(std::stoi(name));
        }
    }
    return out;
}

bool within(std::chrono::milliseconds limit, const std::function<bool()>& condition) {
    for (const auto end = std::chrono::steady_clock::now() + limit; !condition();) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

// Kills what the test has left, whatever happens in it.
struct Sweeper {
    Sweeper() = default;
    Sweeper(const Sweeper&) = delete;
    Sweeper& operator=(const Sweeper&) = delete;
    ~Sweeper() {
        for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
    }
};

void kill_process() {
    ASSERT_THAT(processes(), SizeIs(1));
    ::kill(processes().at(0), SIGKILL);
    EXPECT_TRUE(within(2s, [] { return processes().empty(); }));
}

// Stops a process, and waits until none of its threads runs any more.
void stop_process(pid_t pid) {
    ::kill(pid, SIGSTOP);
    const auto stopped = [pid] {
        const std::filesystem::directory_iterator threads{"/proc/" + std::to_string(pid) + "/task"};
        return std::all_of(begin(threads), end(threads), [](const auto& thread) {
            std::ifstream file{thread.path() / "stat"};
            std::string line;
            std::getline(file, line);
            return line.find(") T ") != std::string::npos;
        });
    };
    ASSERT_TRUE(within(5s, stopped));
}

class WgUserspaceBackend : public ::testing::Test {
protected:
    void SetUp() override {
        if (!find_wireguard_go()) GTEST_SKIP() << "wireguard-go is not installed";
        if (!test::can_unshare()) GTEST_SKIP() << "needs root for a network namespace";
    }
    static void run(void (*body)(Backend&)) {
        test::in_namespace(true, [&] {
            const Sweeper sweeper;
            UserspaceBackend backend{*find_wireguard_go()};
            body(backend);
        });
    }
};

TEST_F(WgUserspaceBackend, TellsTheWholeStory) {
    run([](Backend& backend) {
        test::tells_the_whole_story(backend, kInterface);
        EXPECT_TRUE(within(2s, [] { return processes().empty(); }));
        EXPECT_FALSE(std::filesystem::exists(kSocket));
    });
}
TEST_F(WgUserspaceBackend, LeavesOthersAlone) { run(test::leaves_others_alone); }
TEST_F(WgUserspaceBackend, CarriesLargeConfigurations) {
    run([](Backend& backend) { test::carries_large_configurations(backend, kInterface); });
}

TEST_F(WgUserspaceBackend, TheProcessHoldsNothingOfOurs) {
    run([](Backend& backend) {
        std::array<int, 2> ends{};
        ASSERT_EQ(::pipe(ends.data()), 0);  // without O_CLOEXEC, as a careless library opens it
        sigset_t all{};
        ::sigfillset(&all);
        ::sigprocmask(SIG_SETMASK, &all, nullptr);
        test::expect_ok(backend.create(kInterface));
        // No child is left, not even a dead one.
        EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
        EXPECT_EQ(errno, ECHILD);
        ASSERT_THAT(processes(), SizeIs(1));
        const pid_t pid = processes().at(0);
        const std::filesystem::path proc = "/proc/" + std::to_string(pid);
        EXPECT_NE(::getsid(pid), ::getsid(0));
        EXPECT_EQ(std::filesystem::read_symlink(proc / "cwd"), "/");
        const auto pipe = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(ends[0]));
        for (const auto& fd : std::filesystem::directory_iterator(proc / "fd")) {
            std::error_code error;
            EXPECT_NE(std::filesystem::read_symlink(fd.path(), error), pipe);
        }
        for (const char* fd : {"0", "1", "2"}) {
            EXPECT_EQ(std::filesystem::read_symlink(proc / "fd" / fd), "/dev/null");
        }
        // SIGTERM works although it was blocked here.
        ::kill(pid, SIGTERM);
        EXPECT_TRUE(within(3s, [] { return processes().empty(); }));
    });
}

TEST_F(WgUserspaceBackend, AKilledProcessIsReplaced) {
    run([](Backend& backend) {
        test::expect_ok(backend.create(kInterface));
        kill_process();
        EXPECT_EQ(backend.read(kInterface).error().code, std::errc::no_such_device);
        EXPECT_TRUE(std::filesystem::exists(kSocket));  // stale
        test::expect_ok(backend.create(kInterface));
        test::bring_to(backend, kInterface, test::three_peers());
        kill_process();
        test::expect_ok(backend.remove(kInterface));
        EXPECT_FALSE(std::filesystem::exists(kSocket));
        test::expect_ok(backend.create(kInterface));
        EXPECT_TRUE(backend.read(kInterface)->peers.empty());
        test::expect_ok(backend.remove(kInterface));
    });
}

// What a killed process looks like while the kernel closes its files: the socket refuses, the tun is there.
void leave_a_refusing_socket_and_a_tun() {
    std::filesystem::create_directories("/run/wireguard");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string_view{kSocket}.copy(std::begin(address.sun_path), sizeof(address.sun_path) - 1);
    const UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(std::system("ip tuntap add dev wgtest0 mode tun"), 0);
}

TEST_F(WgUserspaceBackend, TheInterfaceOfADyingProcessIsWaitedFor) {
    run([](Backend& backend) {
        leave_a_refusing_socket_and_a_tun();
        EXPECT_EQ(backend.read(kInterface).error().code, std::errc::no_such_device);
        std::thread kernel{[] {
            std::this_thread::sleep_for(200ms);
            EXPECT_EQ(std::system("ip link del wgtest0"), 0);
        }};
        test::expect_ok(backend.create(kInterface));
        kernel.join();
        EXPECT_TRUE(backend.read(kInterface));
        test::expect_ok(backend.remove(kInterface));
    });
}

TEST_F(WgUserspaceBackend, AnInterfaceThatStaysIsNotReplaced) {
    run([](Backend& backend) {
        leave_a_refusing_socket_and_a_tun();
        EXPECT_EQ(backend.create(kInterface).error().code, std::errc::file_exists);
        std::filesystem::remove(kSocket);
        EXPECT_EQ(backend.create(kInterface).error().code, std::errc::file_exists);
        EXPECT_EQ(std::system("ip link show wgtest0 > /dev/null"), 0);
    });
}

TEST_F(WgUserspaceBackend, TheNextDaemonAdoptsWhatAKilledOneLeft) {
    run([](Backend& backend) {
        const DeviceConfig want = test::three_peers();
        const pid_t daemon = ::fork();
        if (daemon == 0) {
            const bool done = backend.create(kInterface) && backend.apply(kInterface, diff(want, {}));
            if (done) ::kill(::getpid(), SIGKILL);
            ::_exit(1);
        }
        int status = 0;
        ::waitpid(daemon, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
        UserspaceBackend next{*find_wireguard_go()};
        const auto device = next.read(kInterface);
        ASSERT_TRUE(device) << device.error().text();
        EXPECT_TRUE(diff(want, *device).empty());
        EXPECT_EQ(next.create(kInterface).error().code, std::errc::file_exists);
        test::expect_ok(next.remove(kInterface));
        EXPECT_TRUE(within(2s, [] { return processes().empty(); }));
    });
}

TEST_F(WgUserspaceBackend, F07_AHungProcessIsKilled) {
    run([](Backend& backend) {
        test::expect_ok(backend.create(kInterface));
        ASSERT_THAT(processes(), SizeIs(1));
        stop_process(processes().at(0));
        const auto read = backend.read(kInterface);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, std::errc::owner_dead);
        EXPECT_THAT(read.error().text(), HasSubstr("was killed"));
        EXPECT_TRUE(within(2s, [] { return processes().empty(); }));
        test::expect_ok(backend.remove(kInterface));  // its interface may still be about to go
        test::expect_ok(backend.create(kInterface));
        EXPECT_TRUE(backend.read(kInterface));
        test::expect_ok(backend.remove(kInterface));
    });
}

TEST_F(WgUserspaceBackend, F07_AHungProcessIsRemovedWithItsInterface) {
    run([](Backend& backend) {
        test::expect_ok(backend.create(kInterface));
        ASSERT_THAT(processes(), SizeIs(1));
        stop_process(processes().at(0));
        std::filesystem::remove(kSocket);  // somebody cleans /run
        EXPECT_EQ(backend.read(kInterface).error().code, std::errc::no_such_device);
        test::expect_ok(backend.remove(kInterface));
        EXPECT_TRUE(within(2s, [] { return processes().empty(); }));
        test::expect_ok(backend.create(kInterface));
        EXPECT_TRUE(backend.read(kInterface));
        test::expect_ok(backend.remove(kInterface));
    });
}

TEST_F(WgUserspaceBackend, F07_NonsenseIsNoReasonToKillAtOnce) {
    run([](Backend& backend) {
        leave_a_refusing_socket_and_a_tun();
        std::filesystem::remove(kSocket);
        const UniqueFd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::string_view{kSocket}.copy(std::begin(address.sun_path), sizeof(address.sun_path) - 1);
        ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
        ASSERT_EQ(::listen(listener.get(), 8), 0);
        std::thread liar{[&listener] {
            for (int i = 0; i < 3; ++i) {
                const UniqueFd connection{::accept(listener.get(), nullptr, nullptr)};
                if (i > 0) (void)::send(connection.get(), "nonsense\n\n", 10, MSG_NOSIGNAL);
            }
        }};
        for (int i = 0; i < 3; ++i) {  // closed without a word, then garbage
            const auto read = backend.read(kInterface);
            ASSERT_FALSE(read);
            EXPECT_NE(read.error().code, std::errc::owner_dead);
            EXPECT_NE(read.error().code, std::errc::timed_out);
        }
        liar.join();
    });
}

TEST_F(WgUserspaceBackend, ASocketOfAnotherNamespaceIsNotTouched) {
    run([](Backend& backend) {
        test::expect_ok(backend.create(kInterface));
        const UniqueFd home{::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
        EXPECT_EQ(backend.read(kInterface).error().code, std::errc::no_such_device);
        const auto created = backend.create(kInterface);
        ASSERT_FALSE(created);
        EXPECT_EQ(created.error().code, std::errc::file_exists);
        EXPECT_THAT(created.error().text(), HasSubstr("another network namespace"));
        test::expect_ok(backend.remove(kInterface));
        ASSERT_EQ(::setns(home.get(), CLONE_NEWNET), 0);
        EXPECT_TRUE(backend.read(kInterface));
        test::expect_ok(backend.remove(kInterface));
    });
}

TEST_F(WgUserspaceBackend, AnInterfaceDeletedBehindOurBackComesAgain) {
    run([](Backend& backend) {
        test::expect_ok(backend.create(kInterface));
        ASSERT_EQ(std::system("ip link del wgtest0"), 0);
        EXPECT_EQ(backend.read(kInterface).error().code, std::errc::no_such_device);
        test::expect_ok(backend.create(kInterface));
        EXPECT_TRUE(backend.read(kInterface));
        test::expect_ok(backend.remove(kInterface));
    });
}

TEST_F(WgUserspaceBackend, AProgramThatDoesNotWorkIsAnError) {
    run([](Backend&) {
        EXPECT_EQ(UserspaceBackend{"/nowhere/wireguard-go"}.create(kInterface).error().code,
                  std::errc::no_such_file_or_directory);
        EXPECT_THAT(UserspaceBackend{"/bin/false"}.create(kInterface).error().text(),
                    HasSubstr("exit code 1"));
        // Ends well, but nothing answers; and one that never goes into the background.
        EXPECT_EQ(UserspaceBackend{"/bin/true"}.create(kInterface).error().code, std::errc::timed_out);
        std::ofstream{"/run/slow"} << "#!/bin/sh\nexec sleep 60\n";
        std::filesystem::permissions("/run/slow", std::filesystem::perms::owner_all);
        EXPECT_EQ(UserspaceBackend{"/run/slow"}.create(kInterface).error().code, std::errc::timed_out);
        EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    });
}

}  // namespace
}  // namespace ulagate::wg::userspace_backend_test
