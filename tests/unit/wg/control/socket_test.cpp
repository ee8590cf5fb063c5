// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/unit/kernel/namespace.h"
#include "tests/unit/text_values.h"

// The socket against the kernel: a relay and a router, each in a network namespace of its own, and between
// them a veth pair in place of the tunnel. The tunnel addresses sit on lo.
namespace ulagate::wg::control::control_socket_test {
namespace {

using namespace std::chrono_literals;
using ulagate::test::eventually;
using ulagate::test::run;

const net::Ipv6Address kRelay = address("fd99::1");
const net::Ipv6Address kRouter = address("fd99::a1");

// A network namespace, entered for as long as it takes to open a socket or to run a command there.
class Namespace {
public:
    static Namespace current() { return Namespace{}; }
    static Namespace unshared() {
        EXPECT_EQ(::unshare(CLONE_NEWNET), 0);
        return Namespace{};
    }
    void enter() const { ASSERT_EQ(::setns(fd_.get(), CLONE_NEWNET), 0); }
    [[nodiscard]] std::string path() const {
        return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
    }

private:
    UniqueFd fd_{::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
};

// The kernel makes an address's local route, and tells a link's queue of its carrier, a moment later.
bool is_local(const std::string& own) {
    return eventually([&] { return run("ip -6 route get " + own + " | grep -q '^local'"); });
}
bool is_up(const std::string& link) {
    return eventually([&] { return run("ip link show dev " + link + " | grep -q 'state UP'"); });
}

// One end: its own address on lo, a route and a neighbour entry for the other's.
void make_end(const std::string& link, const std::string& own, const std::string& other,
              const std::string& other_mac) {
    ASSERT_TRUE(run("ip link set lo up && ip link set " + link + " up"));
    ASSERT_TRUE(run("ip addr add " + own + "/128 dev lo nodad"));
    ASSERT_TRUE(run("ip route add " + other + "/128 dev " + link));
    ASSERT_TRUE(run("ip neigh add " + other + " lladdr " + other_mac + " dev " + link + " nud permanent"));
}

ControlSocket open(const net::Ipv6Address& on, std::uint16_t port = kPort) {
    auto socket = ControlSocket::open(on, port);
    if (!socket) throw std::runtime_error(socket.error().text());
    return std::move(*socket);
}

// All that arrives until `count` messages have.
std::vector<Received> take(ControlSocket& socket, std::size_t count) {
    std::vector<Received> all;
    eventually([&] {
        auto more = socket.receive();
        EXPECT_TRUE(more) << more.error().text();
        if (!more) return true;
        std::move(more->begin(), more->end(), std::back_inserter(all));
        return all.size() >= count;
    });
    return all;
}

class WgControlSocket : public ulagate::test::KernelTest {
protected:
    struct World {
        Namespace relay;
        Namespace router;
    };
    // `link` is the relay's end; the router's is called ulg-r1.
    static void with_world(const std::string& link, const std::function<void(World&)>& body) {
        in_namespace([&] {
            auto relay = Namespace::current();
            World world{std::move(relay), Namespace::unshared()};
            world.relay.enter();
            ASSERT_TRUE(run("ip link add " + link +
                            " address 02:00:00:00:00:01 type veth peer name ulg-r1 address 02:00:00:00:00:02"
                            " netns " +
                            world.router.path()));
            make_end(link, "fd99::1", "fd99::a1", "02:00:00:00:00:02");
            world.router.enter();
            make_end("ulg-r1", "fd99::a1", "fd99::1", "02:00:00:00:00:01");
            ASSERT_TRUE(is_local("fd99::a1") && is_up("ulg-r1"));
            world.relay.enter();
            ASSERT_TRUE(is_local("fd99::1") && is_up(link));
            body(world);
        });
    }
    static ControlSocket relay_socket(const World& world) {
        world.relay.enter();
        return open(kRelay);
    }
    static ControlSocket router_socket(const World& world) {
        world.router.enter();
        return open(kRouter);
    }
};

TEST_F(WgControlSocket, CarriesMessagesBothWays) {
    with_world("ulg-s1", [](World& world) {
        ControlSocket relay = relay_socket(world);
        ControlSocket router = router_socket(world);
        EXPECT_TRUE(relay.receive().value().empty()) << "does not block";

        const Packet claim{7, Claim{{prefix("fd12:3456:789a:a::/64")}, 3, 200}};
        router.send(std::vector<Outgoing>{{kRelay, claim}});
        const auto claimed = take(relay, 1);
        ASSERT_EQ(claimed.size(), 1U);
        EXPECT_EQ(claimed.front().from, kRouter);
        EXPECT_EQ(claimed.front().packet, claim);

        relay.send(std::vector<Outgoing>{{kRouter, {1, Probe{5}}}, {kRouter, {2, Goodbye{}}}});
        const auto answers = take(router, 2);
        ASSERT_EQ(answers.size(), 2U);
        EXPECT_EQ(answers.at(1).packet, (Packet{2, Goodbye{}}));
        EXPECT_EQ(relay.counters().sent, 2U);
        EXPECT_EQ(router.counters().received, 2U);
    });
}

TEST_F(WgControlSocket, CarriesABurstInBatches) {
    with_world("ulg-s1", [](World& world) {
        ControlSocket relay = relay_socket(world);
        ControlSocket router = router_socket(world);
        std::vector<Outgoing> burst;
        for (std::uint32_t i = 0; i < 1000; ++i) burst.push_back({kRelay, {i, Probe{i}}});
        router.send(burst);
        EXPECT_EQ(router.counters().sent + router.counters().not_sent, 1000U);
        const auto first = relay.receive();
        ASSERT_TRUE(first);
        EXPECT_LE(first->size(), 256U) << "the loop has its turn in between";
        const auto rest = take(relay, router.counters().sent - first->size());
        EXPECT_EQ(first->size() + rest.size(), router.counters().sent);
    });
}

TEST_F(WgControlSocket, WhatWasForwardedOrSentByOthersIsDropped) {
    with_world("ulg-s1", [](World& world) {
        ControlSocket relay = relay_socket(world);
        ControlSocket router = router_socket(world);
        const int hops = 254;
        ASSERT_EQ(::setsockopt(router.native_handle(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops)),
                  0);
        router.send(std::vector<Outgoing>{{kRelay, {1, Probe{1}}}});
        EXPECT_TRUE(eventually([&] {
            EXPECT_TRUE(relay.receive().value().empty());
            return relay.counters().elsewhere == 1;
        }));
    });
}

TEST_F(WgControlSocket, OnlyTunnelsAreHeard) {
    with_world("eth0", [](World& world) {
        ControlSocket relay = relay_socket(world);
        ControlSocket router = router_socket(world);
        router.send(std::vector<Outgoing>{{kRelay, {1, Probe{1}}}});
        EXPECT_TRUE(eventually([&] {
            EXPECT_TRUE(relay.receive().value().empty());
            return relay.counters().elsewhere == 1;
        }));
        // Not even this machine itself, over lo.
        relay.send(std::vector<Outgoing>{{kRelay, {1, Probe{1}}}});
        EXPECT_TRUE(eventually([&] {
            EXPECT_TRUE(relay.receive().value().empty());
            return relay.counters().elsewhere == 2;
        }));
    });
}

// The macvlan of a virtual MAC is ours by its name, and a LAN.
TEST_F(WgControlSocket, F05_AVirtualMacIsNoTunnel) {
    with_world("ulg-v51", [](World& world) {
        ControlSocket relay = relay_socket(world);
        ControlSocket router = router_socket(world);
        router.send(std::vector<Outgoing>{{kRelay, {1, Goodbye{}}}});
        EXPECT_TRUE(eventually([&] {
            EXPECT_TRUE(relay.receive().value().empty());
            return relay.counters().elsewhere == 1;
        }));
    });
}

TEST_F(WgControlSocket, F05_APeerIsHeardInItsOwnTunnelOnly) {
    with_world("ulg-s1", [](World& world) {
        ControlSocket relay = relay_socket(world);
        ControlSocket router = router_socket(world);
        relay.set_voices(Voices{{{kRouter, "ulg-s2"}}});
        router.send(std::vector<Outgoing>{{kRelay, {1, Goodbye{}}}});
        EXPECT_TRUE(eventually([&] {
            EXPECT_TRUE(relay.receive().value().empty());
            return relay.counters().elsewhere == 1;
        }));
        relay.set_voices(Voices{{{kRouter, "ulg-s1"}}});
        router.send(std::vector<Outgoing>{{kRelay, {1, Goodbye{}}}});
        EXPECT_EQ(take(relay, 1).size(), 1U);
        EXPECT_EQ(relay.counters().elsewhere, 1U);
    });
}

TEST_F(WgControlSocket, WhatDoesNotParseIsCountedByItsKind) {
    with_world("ulg-s1", [](World& world) {
        ControlSocket relay = relay_socket(world);
        ControlSocket router = router_socket(world);
        sockaddr_in6 to{};
        to.sin6_family = AF_INET6;
        to.sin6_port = htons(kPort);
        std::memcpy(&to.sin6_addr, kRelay.bytes.data(), kRelay.bytes.size());
        const auto send_raw = [&](const std::vector<std::byte>& bytes) {
            ASSERT_EQ(::sendto(router.native_handle(), bytes.data(), bytes.size(), 0,
                               reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
                      static_cast<ssize_t>(bytes.size()));
        };
        send_raw({});
        send_raw(std::vector<std::byte>(1300));
        auto longer = build({1, Goodbye{}});
        longer.resize(1400);
        send_raw(longer);
        send_raw(hex("554c4743 0201000c 00000001"));  // version 2
        send_raw(hex("554c4743 01c8000c 00000001"));  // type 200
        router.send(std::vector<Outgoing>{{kRelay, {1, Goodbye{}}}});
        EXPECT_EQ(take(relay, 1).size(), 1U);
        EXPECT_EQ(relay.counters().malformed, 3U);
        EXPECT_EQ(relay.counters().unsupported, 2U);
        EXPECT_EQ(relay.counters().received, 6U);
    });
}

TEST_F(WgControlSocket, BindsBeforeItsAddressIsThereAndWorksOnceItIs) {
    with_world("ulg-s1", [](World& world) {
        world.relay.enter();
        ASSERT_TRUE(run("ip addr del fd99::1/128 dev lo"));
        ControlSocket relay = open(kRelay);
        ASSERT_TRUE(run("ip addr add fd99::1/128 dev lo nodad") && is_local("fd99::1"));
        ControlSocket router = router_socket(world);
        router.send(std::vector<Outgoing>{{kRelay, {1, Goodbye{}}}});
        EXPECT_EQ(take(relay, 1).size(), 1U);
    });
}

TEST_F(WgControlSocket, WhatHasNoRouteIsCountedAndTheRestGoesOut) {
    with_world("ulg-s1", [](World& world) {
        ControlSocket relay = relay_socket(world);
        ControlSocket router = router_socket(world);
        const net::Ipv6Address nowhere = address("fd98::1");
        relay.send(std::vector<Outgoing>{
            {nowhere, {1, Goodbye{}}}, {kRouter, {1, Probe{1}}}, {nowhere, {2, Goodbye{}}}});
        EXPECT_EQ(take(router, 1).size(), 1U);
        EXPECT_EQ(relay.counters().sent, 1U);
        EXPECT_EQ(relay.counters().not_sent, 2U);
        world.relay.enter();
        ASSERT_TRUE(run("ip link set ulg-s1 down"));
        relay.send(std::vector<Outgoing>{{kRouter, {2, Probe{2}}}});
        EXPECT_EQ(relay.counters().not_sent, 3U);
        EXPECT_TRUE(relay.receive()) << "its errors are not the receiver's";
    });
}

TEST_F(WgControlSocket, SaysThatThePortIsTaken) {
    with_world("ulg-s1", [](World& world) {
        ControlSocket relay = relay_socket(world);
        world.relay.enter();
        const auto second = ControlSocket::open(kRelay);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().text(), "receive control messages on fd99::1: Address already in use");
    });
}

}  // namespace
}  // namespace ulagate::wg::control::control_socket_test
