// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/udp_port.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "daemon/base/fd.h"
#include "tests/unit/kernel/namespace.h"

namespace ulagate::test::udp_port_test {
namespace {

template <class Address>
std::uint16_t take_any(const UniqueFd& fd, Address address) {
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd.get(), generic, size) != 0) return 0;
    if (::getsockname(fd.get(), generic, &size) != 0) return 0;
    if constexpr (std::is_same_v<Address, sockaddr_in>)
        return ntohs(address.sin_port);
    else
        return ntohs(address.sin6_port);
}

class UdpPort : public KernelTest {};

TEST_F(UdpPort, F09_IsTakenWhileSomebodyHasIt) {
    in_namespace([] {
        std::uint16_t port = 0;
        {
            const UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
            sockaddr_in address{};
            address.sin_family = AF_INET;
            port = take_any(fd, address);
            ASSERT_NE(port, 0);
            EXPECT_FALSE(udp_port_is_free(port));
        }
        EXPECT_TRUE(udp_port_is_free(port));
    });
}

TEST_F(UdpPort, F09_IsTakenByIpv6Alone) {
    in_namespace([] {
        const UniqueFd fd{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        ASSERT_TRUE(fd);
        const int on = 1;
        ASSERT_EQ(::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        const std::uint16_t port = take_any(fd, address);
        ASSERT_NE(port, 0);
        EXPECT_FALSE(udp_port_is_free(port));
    });
}

}  // namespace
}  // namespace ulagate::test::udp_port_test
