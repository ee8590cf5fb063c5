// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "image/appliance/clients/children.h"

// Real processes: what a program that the manager starts may do beyond a user.
namespace ulagate::appliance::process_test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;

// The lines of its /proc/self/status.
std::vector<std::string> status_of(Capabilities capabilities) {
    boost::asio::io_context io{1};
    std::vector<std::string> lines;
    Children children{io, [&](const std::string&, const std::string& line) { lines.push_back(line); }};
    ChildSpec spec;
    spec.argv = {"sh", "-c", "grep -E '^(Cap|NoNew)' /proc/self/status; sleep 60"};
    spec.capabilities = capabilities;
    children.want({{"child", spec}});
    for (const auto end = std::chrono::steady_clock::now() + 20s;
         lines.size() < 6 && std::chrono::steady_clock::now() < end;)
        io.run_for(20ms);
    children.stop(5s);
    return lines;
}

TEST(Process, HasOnlyTheCapabilitiesOfItsSpec) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const auto lines = status_of(Capabilities{CAP_NET_ADMIN, CAP_NET_RAW});
    EXPECT_THAT(lines, Contains("CapPrm:\t0000000000003000"));
    EXPECT_THAT(lines, Contains("CapBnd:\t0000000000003000"));
    EXPECT_THAT(lines, Contains("NoNewPrivs:\t1"));
}

TEST(Process, HasNoneUnlessItsSpecSaysSo) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const auto lines = status_of({});
    EXPECT_THAT(lines, Contains("CapEff:\t0000000000000000"));
    EXPECT_THAT(lines, Contains("CapBnd:\t0000000000000000"));
}

TEST(Process, OfRootsOwnIsNotLimited) {
    EXPECT_THAT(status_of(Capabilities::all()), Contains("NoNewPrivs:\t0"));
}

TEST(Process, ThatRunsToItsEndIsLimitedToo) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_TRUE(run_to_end({"grep", "-q", "CapBnd:.*0000000000001000", "/proc/self/status"},
                           Capabilities{CAP_NET_ADMIN}, 20s));
}

}  // namespace
}  // namespace ulagate::appliance::process_test
