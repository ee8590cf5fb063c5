// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/handshake_watch.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "tests/unit/kernel/namespace.h"

// The watch against the kernel, in a network namespace of its own.
namespace ulagate::wg::handshake_watch_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using ulagate::test::run;

constexpr std::uint16_t kFirst = 51820;  // and the next one

std::vector<std::uint8_t> initiation() {
    std::vector<std::uint8_t> packet(148, 0xaa);
    packet[0] = 1;
    packet[1] = packet[2] = packet[3] = 0;
    return packet;
}

// A UDP socket on the loopback interface, where all that goes out comes in.
class Sender {
public:
    Sender(const char* address, std::uint16_t port) : ipv6_(std::strchr(address, ':') != nullptr) {
        fd_ = UniqueFd{::socket(ipv6_ ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        const auto [name, size] = socket_address(address, port);
        if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0)
            throw std::runtime_error("bind");
    }
    void send(const char* address, std::uint16_t port, const std::vector<std::uint8_t>& packet) const {
        const auto [name, size] = socket_address(address, port);
        if (::sendto(fd_.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&name),
                     size) < 0)
            throw std::runtime_error("send");
    }

private:
    [[nodiscard]] std::pair<sockaddr_storage, socklen_t> socket_address(const char* address,
                                                                        std::uint16_t port) const {
        sockaddr_storage out{};
        if (ipv6_) {
            sockaddr_in6 name{};
            name.sin6_family = AF_INET6;
            name.sin6_port = htons(port);
            ::inet_pton(AF_INET6, address, &name.sin6_addr);
            std::memcpy(&out, &name, sizeof(name));
            return {out, sizeof(name)};
        }
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        ::inet_pton(AF_INET, address, &name.sin_addr);
        std::memcpy(&out, &name, sizeof(name));
        return {out, sizeof(name)};
    }
    bool ipv6_;
    UniqueFd fd_;
};

HandshakeWatch open(Family family) {
    auto watch = HandshakeWatch::open(family, kFirst, 2);
    if (!watch) throw std::runtime_error(watch.error().text());
    return std::move(*watch);
}

// On the loopback interface a packet has arrived when send() returns, or a moment later.
std::vector<HandshakeWatch::Initiation> seen(HandshakeWatch& watch, std::chrono::milliseconds wait = 2s) {
    pollfd p{watch.native_handle(), POLLIN, 0};
    if (::poll(&p, 1, static_cast<int>(wait.count())) != 1) return {};
    auto all = watch.receive();
    if (!all) throw std::runtime_error(all.error().text());
    return *all;
}

HandshakeWatch::Initiation from(const char* endpoint, std::uint16_t port) {
    return {net::parse_endpoint(endpoint).value(), port};
}

class HandshakeWatchKernel : public ulagate::test::KernelTest {};

TEST_F(HandshakeWatchKernel, PassesInitiationsOverIpv4AndIpv6) {
    in_namespace([] {
        HandshakeWatch four = open(Family::ipv4);
        HandshakeWatch six = open(Family::ipv6);
        const Sender sender4{"127.0.0.2", 1000};
        const Sender sender6{"::1", 2000};
        sender4.send("127.0.0.1", kFirst, initiation());
        EXPECT_THAT(seen(four), ElementsAre(from("127.0.0.2:1000", kFirst)));
        sender6.send("::1", kFirst + 1, initiation());
        EXPECT_THAT(seen(six), ElementsAre(from("[::1]:2000", kFirst + 1)));
        EXPECT_THAT(seen(four, 0ms), IsEmpty());
    });
}

TEST_F(HandshakeWatchKernel, PassesNothingElse) {
    in_namespace([] {
        for (const char* address : {"127.0.0.1", "::1"}) {
            HandshakeWatch watch = open(address[0] == ':' ? Family::ipv6 : Family::ipv4);
            const Sender sender{address, 1000};
            auto response = initiation();
            response[0] = 2;
            auto reserved = initiation();
            reserved[3] = 1;
            auto shorter = initiation();
            shorter.pop_back();
            auto longer = initiation();
            longer.push_back(0);
            auto fragments = initiation();
            fragments.resize(70'000 / 2, 0xaa);
            for (const auto& packet : {response, reserved, shorter, longer, fragments, {1}, {}})
                sender.send(address, kFirst, packet);
            sender.send(address, kFirst - 1, initiation());
            sender.send(address, kFirst + 2, initiation());
            sender.send(address, kFirst, initiation());  // the last: all others have been before it
            EXPECT_THAT(seen(watch), testing::SizeIs(1)) << address;
        }
    });
}

TEST_F(HandshakeWatchKernel, PassesWhatComesInByACableAndNotWhatGoesOut) {
    in_namespace([] {
        if (!run("ip link add lan0 type veth peer name far0") ||
            !run("ip link set lan0 up && ip link set far0 up") ||
            !run("ip address add 192.0.2.1/24 dev lan0") ||
            !run("ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 dev lan0"))
            throw std::runtime_error("veth");
        HandshakeWatch watch = open(Family::ipv4);
        const Sender sender{"192.0.2.1", 1000};
        sender.send("192.0.2.2", kFirst, initiation());
        // It went out by lan0 and came in by far0: once, not twice.
        EXPECT_THAT(seen(watch), ElementsAre(from("192.0.2.1:1000", kFirst)));
        EXPECT_THAT(seen(watch, 50ms), IsEmpty());
    });
}

}  // namespace
}  // namespace ulagate::wg::handshake_watch_test
