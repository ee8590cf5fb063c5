// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/echo_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>

namespace ulagate::echo_socket_test {
namespace {

// The kernel answers on the loopback interface, whose MTU is 65536 bytes.
class EchoSocketOnLoopback : public testing::TestWithParam<IpFamily> {
protected:
    void SetUp() override {
        auto socket = EchoSocket::open(GetParam());
        if (!socket && socket.error().code.value() == EPERM) GTEST_SKIP() << "needs CAP_NET_RAW";
        ASSERT_TRUE(socket) << socket.error().text();
        socket_.emplace(std::move(*socket));
    }
    net::IpAddress self() const { return *net::parse_ip(GetParam() == IpFamily::ipv4 ? "127.0.0.1" : "::1"); }
    std::optional<EchoSocket::Answer> answer(EchoSocket& socket, int milliseconds = 2000) {
        pollfd readable{socket.native_handle(), POLLIN, 0};
        if (::poll(&readable, 1, milliseconds) != 1) return std::nullopt;
        return socket.receive().value();
    }
    std::optional<EchoSocket> socket_;
};

TEST_P(EchoSocketOnLoopback, AnAnswerTellsItsSizeAndTheCookie) {
    for (const unsigned size : {64U, 1280U, 1492U, 9000U, 60000U}) {
        socket_->send(self(), size, 0x1122'3344'5566'7788ULL + size);
        EXPECT_EQ(answer(*socket_), (EchoSocket::Answer{self(), size, 0x1122'3344'5566'7788ULL + size}));
    }
    EXPECT_EQ(socket_->receive().value(), std::nullopt);
}

TEST_P(EchoSocketOnLoopback, AnotherSocketsAnswersAreNotHeard) {
    auto other = EchoSocket::open(GetParam());
    ASSERT_TRUE(other);
    other->send(self(), 100, 1);
    ASSERT_TRUE(answer(*other));
    EXPECT_EQ(answer(*socket_, 0), std::nullopt);
}

TEST_P(EchoSocketOnLoopback, AnAddressOfTheOtherFamilyIsNotSentTo) {
    const bool ipv4 = GetParam() == IpFamily::ipv4;
    socket_->send(*net::parse_ip(ipv4 ? "::1" : "127.0.0.1"), 100, 1);
    EXPECT_EQ(answer(*socket_, 0), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Families, EchoSocketOnLoopback, testing::Values(IpFamily::ipv4, IpFamily::ipv6),
                         [](const auto& test) { return test.param == IpFamily::ipv4 ? "Ipv4" : "Ipv6"; });

}  // namespace
}  // namespace ulagate::echo_socket_test
