// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ra/advertiser.h"
#include "ra/socket.h"
#include "tests/unit/text_values.h"

// A veth pair in a network namespace of its own, its addresses fixed and without duplicate address detection,
// so that nothing has to be waited for but the packets.
namespace ulagate::ra {

using namespace std::chrono_literals;

inline constexpr int kSkipped = 77;

const net::Ipv6Address kRouter = address("fe80::1");
const net::Ipv6Address kPeer = address("fe80::2");

inline bool write_file(const char* path, const std::string& text) {
    std::ofstream file{path};
    file << text << std::flush;
    return file.good();
}

// The kernel would join ff02::2 and send solicitations of its own.
inline bool silence_the_kernel() {
    return write_file("/proc/sys/net/ipv6/conf/all/forwarding", "0") &&
           write_file("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
}

// A network namespace, in a user namespace where we are root unless we are root already.
inline bool enter_namespaces() {
    if (::unshare(CLONE_NEWNET) == 0) return silence_the_kernel();
    const auto uid = std::to_string(::getuid());
    const auto gid = std::to_string(::getgid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    return write_file("/proc/self/setgroups", "deny") &&
           write_file("/proc/self/uid_map", "0 " + uid + " 1") &&
           write_file("/proc/self/gid_map", "0 " + gid + " 1") && silence_the_kernel();
}

// The world: "router" is our end, "host" the other, both in one namespace. "other" is a second link.
inline bool make_links() {
    const char* script = R"(
        set -e
        ip link add router type veth peer name host
        ip link add other type veth peer name otherhost
        for link in router host other otherhost; do ip link set $link addrgenmode none; done
        for link in lo router host other otherhost; do ip link set $link up; done
        ip addr add fe80::1/64 dev router nodad
        ip addr add fe80::5eed/128 dev router nodad
        ip addr add fe80::2/64 dev host nodad
        ip addr add fe80::1/64 dev other nodad
        ip addr add fe80::2/64 dev otherhost nodad
    )";
    return std::system(script) == 0;  // NOLINT(cert-env33-c): the test's own text
}

// Runs the body in namespaces that end with it. Expectations print there; the parent sees the exit status.
inline void in_namespaces(const std::function<void()>& body) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        if (!enter_namespaces()) ::_exit(kSkipped);
        if (make_links()) {
            body();
        } else {
            ADD_FAILURE() << "no veth pair";
        }
        std::cout.flush();
        ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kSkipped) GTEST_SKIP() << "no network namespaces here";
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

[[noreturn]] inline void give_up(const std::string& why) {
    ADD_FAILURE() << why;
    std::cout.flush();
    ::_exit(1);
}

inline Socket open(const char* interface) {
    auto socket = Socket::open(interface, ::if_nametoindex(interface));
    if (!socket) give_up(socket.error().text());
    return std::move(*socket);
}

inline bool readable(int fd, std::chrono::milliseconds timeout) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, static_cast<int>(timeout.count())) == 1;
}
inline bool readable(const Socket& socket, std::chrono::milliseconds timeout) {
    return readable(socket.native_handle(), timeout);
}

// The next datagram within 2 s.
inline std::optional<Socket::Datagram> next(Socket& socket) {
    if (!readable(socket, 2s)) return std::nullopt;
    auto received = socket.receive();
    if (!received) {
        ADD_FAILURE() << received.error().text();
        return std::nullopt;
    }
    return *received;
}

inline std::string why(const Result<void>& result) { return result ? "sent" : result.error().text(); }

}  // namespace ulagate::ra
