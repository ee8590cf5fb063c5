// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/capabilities.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>
#include <map>
#include <sstream>
#include <string>

// What a program that is executed afterwards finds in /proc/self/status.
namespace ulagate::capabilities_test {
namespace {

std::map<std::string, std::uint64_t> status_of_child(const std::function<bool()>& before) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        if (before()) ::execl("/bin/cat", "cat", "/proc/self/status", nullptr);
        ::_exit(1);
    }
    ::close(ends[1]);
    std::string text;
    std::array<char, 4096> chunk{};
    for (ssize_t n = 0; (n = ::read(ends[0], chunk.data(), chunk.size())) > 0;)
        text.append(chunk.data(), static_cast<std::size_t>(n));
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    std::map<std::string, std::uint64_t> out;
    std::istringstream lines{text};
    for (std::string name, value, rest; lines >> name >> value && std::getline(lines, rest);)
        if (name.starts_with("Cap") || name == "NoNewPrivs:") out[name] = std::stoull(value, nullptr, 16);
    return out;
}

class KeepOnly : public testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    }
};

TEST(CapabilitySet, HasWhatItWasMadeOf) {
    constexpr Capabilities kTwo{CAP_NET_ADMIN, CAP_NET_RAW};
    EXPECT_EQ(kTwo.bits(), 0x3000U);
    EXPECT_TRUE(kTwo.contains(CAP_NET_RAW));
    EXPECT_FALSE(kTwo.contains(CAP_SYS_ADMIN));
    EXPECT_EQ(Capabilities{}.bits(), 0U);
    EXPECT_TRUE(Capabilities::all().contains(CAP_SYS_ADMIN));
}

TEST_F(KeepOnly, IsAllThatAProgramOfRootsHasAndCanGet) {
    const auto has = status_of_child([] { return keep_only(Capabilities{CAP_NET_ADMIN, CAP_NET_RAW}); });
    EXPECT_THAT(has, testing::IsSupersetOf({std::pair<const std::string, std::uint64_t>{"CapInh:", 0},
                                            {"CapPrm:", 0x3000},
                                            {"CapEff:", 0x3000},
                                            {"CapBnd:", 0x3000},
                                            {"CapAmb:", 0},
                                            {"NoNewPrivs:", 1}}));
    EXPECT_EQ(status_of_child([] { return keep_only({}); }).at("CapEff:"), 0U);
}

TEST_F(KeepOnly, AWordAboveTheFirstCountsToo) {
    const auto has = status_of_child([] { return keep_only(Capabilities{CAP_CHECKPOINT_RESTORE}); });
    EXPECT_EQ(has.at("CapBnd:"), std::uint64_t{1} << CAP_CHECKPOINT_RESTORE);
}

TEST_F(KeepOnly, UsingLessOneselfLeavesMoreToOthers) {
    const auto before = status_of_child([] { return true; });
    const auto has = status_of_child([] { return use_only(Capabilities{CAP_NET_ADMIN, CAP_SETPCAP}); });
    EXPECT_EQ(has.at("CapEff:"), before.at("CapEff:")) << "root gets them again with the next program";
    const auto limited = status_of_child([] {
        return use_only(Capabilities{CAP_NET_ADMIN, CAP_SETPCAP}) && keep_only(Capabilities{CAP_CHOWN});
    });
    EXPECT_EQ(limited.at("CapEff:"), 1U) << "but not who is limited";
}

TEST_F(KeepOnly, TheParentDeathSignalOutlivesBoth) {
    for (const bool limited : {false, true}) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGTERM);
            if (!use_only(Capabilities{CAP_NET_ADMIN, CAP_SETPCAP}) || (limited && !keep_only({})))
                ::_exit(2);
            ::execl("/usr/bin/python3", "python3", "-ISc",
                    "import ctypes, sys\nn = ctypes.c_int()\nctypes.CDLL(None).prctl(2, ctypes.byref(n))\n"
                    "sys.exit(n.value != 15)",
                    nullptr);
            ::_exit(3);
        }
        int status = 1;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0) << limited;
    }
}

TEST_F(KeepOnly, WhatIsNotUsedIsRefused) {
    const pid_t child = ::fork();
    if (child == 0) {
        const bool limited = use_only(Capabilities{CAP_NET_ADMIN});
        ::_exit(limited && ::sethostname("x", 1) != 0 && errno == EPERM ? 0 : 1);
    }
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ulagate::capabilities_test
