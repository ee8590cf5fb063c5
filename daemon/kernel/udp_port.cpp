// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/udp_port.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "daemon/base/fd.h"

namespace ulagate {
namespace {

template <class Address>
bool can_bind(const Address& address, int family) {
    const UniqueFd fd{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!fd) return true;  // no such family here, or no descriptor: nothing speaks against the port
    const int on = 1;
    if (family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket interface wants it
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    return ::bind(fd.get(), generic, sizeof(address)) == 0 || errno != EADDRINUSE;
}

}  // namespace

bool udp_port_is_free(std::uint16_t port) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    return can_bind(four, AF_INET) && can_bind(six, AF_INET6);
}

}  // namespace ulagate
