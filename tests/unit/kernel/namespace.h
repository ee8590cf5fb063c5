// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "daemon/base/address.h"
#include "daemon/kernel/rtnl/links.h"
#include "tests/unit/private_mounts.h"
#include "tests/unit/text_values.h"

// Only there under the address sanitizer, which checks for leaks at an exit() that a child here must not
// take.
extern "C" int __lsan_do_recoverable_leak_check()
    __attribute__((weak));  // NOLINT(bugprone-reserved-identifier)

// For tests against the kernel: a body runs in a child process with network (and mount) namespaces of its
// own, so that it can do as it likes and leaves nothing behind.
namespace ulagate::test {

inline bool write_text(const char* path, const std::string& text) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    return done;
}

// As root, or else as the root of a new user namespace, where the system allows that.
inline bool enter_namespaces() {
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0) return true;
    const uid_t user = ::getuid();
    const gid_t group = ::getgid();
    return ::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", "0 " + std::to_string(user) + " 1") &&
           write_text("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
}

// The tests look at the kernel, and disturb it, by another way than the code under test: iproute2.
inline bool run(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }

inline std::string output(const std::string& command) {
    std::string out;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen((command + " 2>&1").c_str(), "r"), ::pclose};
    for (int c = pipe ? std::fgetc(pipe.get()) : EOF; c != EOF; c = std::fgetc(pipe.get())) {
        out.push_back(static_cast<char>(c));
    }
    return out;
}

// Waits until something that the kernel does by itself has happened.
inline bool eventually(const std::function<bool()>& condition) {
    for (int tries = 0; tries < 500; ++tries) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
}

class KernelTest : public testing::Test {
protected:
    static constexpr int kNotPermitted = 77;
    static constexpr int kSkipped = 78;

    static void in_namespace(const std::function<void()>& body) {
        std::cout.flush();
        std::fflush(nullptr);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) ::_exit(run_child(body));
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
        if (WEXITSTATUS(status) == kNotPermitted)
            GTEST_SKIP() << "needs root, or user namespaces, and iproute2";
        EXPECT_EQ(WEXITSTATUS(status), 0) << "see the failures above";
    }

private:
    static int run_child(const std::function<void()>& body) {
        if (!enter_namespaces() || !run("ip link set lo up")) return kNotPermitted;
        if (!keep_mounts_here()) return kNotPermitted;
        try {
            body();
        } catch (const std::exception& error) {
            ADD_FAILURE() << error.what();
        }
        bool failed = testing::Test::HasFailure();
        if (__lsan_do_recoverable_leak_check != nullptr) failed |= __lsan_do_recoverable_leak_check() != 0;
        std::cout.flush();
        std::fflush(nullptr);
        if (failed) return 1;
        return testing::Test::IsSkipped() ? kSkipped : 0;
    }
};

// A namespace with the veth pair lan0 - far0, both up, and with the adapter under test.
class RtnlTest : public KernelTest {
protected:
    using Body = std::function<void(Rtnl&)>;
    static void with_kernel(const Body& body) {
        in_namespace([&] {
            ASSERT_TRUE(run("ip link add lan0 type veth peer name far0"));
            // Link-local addresses would bring events of their own for some seconds.
            ASSERT_TRUE(run("ip link set lan0 addrgenmode none && ip link set far0 addrgenmode none"));
            ASSERT_TRUE(run("ip link set lan0 up && ip link set far0 up"));
            auto kernel = Rtnl::open();
            ASSERT_TRUE(kernel) << kernel.error().text();
            body(**kernel);
        });
    }
};

}  // namespace ulagate::test
