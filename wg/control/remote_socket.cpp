// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/remote_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <span>

#include "daemon/base/socket_message.h"
#include "wg/control/remote_probe.h"

namespace ulagate::wg::control {
namespace {

constexpr int kSentHopLimit = 255;
constexpr int kAtOnce = 64;

// The address that it was sent to; nullopt: it has come too far, or the kernel did not say.
std::optional<net::Ipv6Address> sent_to(const msghdr& message) {
    const net::Ipv6Arrival arrival = net::arrival_of(message);
    return arrival.hop_limit.value_or(0) >= kRemoteHopLimit ? arrival.destination : std::nullopt;
}

}  // namespace

Result<RemoteSocket> RemoteSocket::open(const std::string& interface) {
    const std::string name = "path probes through " + interface;
    UniqueFd fd{::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP)};
    if (!fd) return fail_errno("open a socket for " + name);
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.data(),
                     static_cast<socklen_t>(interface.size())) != 0) {
        return fail_errno("bind " + name);
    }
    const auto set = [&](int option, int value) {
        return net::set_option(fd.get(), IPPROTO_IPV6, option, value);
    };
    if (!set(IPV6_V6ONLY, 1) || !set(IPV6_UNICAST_HOPS, kSentHopLimit) || !set(IPV6_RECVHOPLIMIT, 1) ||
        !set(IPV6_RECVPKTINFO, 1)) {
        return fail_errno("set up " + name);
    }
    sockaddr_in6 local{};
    local.sin6_family = AF_INET6;
    local.sin6_port = htons(kRemotePort);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
        return fail_errno("receive " + name);
    return RemoteSocket{std::move(fd)};
}

Result<std::vector<RemoteSocket::Received>> RemoteSocket::receive() {
    std::vector<Received> all;
    std::array<std::byte, kMaxMessage + 1> bytes{};
    for (int i = 0; i < kAtOnce; ++i) {
        net::SocketMessage message{std::span<std::byte>{bytes}};
        const ssize_t size = ::recvmsg(fd_.get(), message.header(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (size < 0) return fail_errno("receive path probes");
        const auto to = sent_to(*message.header());
        const auto from = message.sender();
        if (!to || !from) continue;
        auto packet = parse(std::span{bytes}.first(static_cast<std::size_t>(size)));
        if (packet) all.push_back({*from, *to, std::move(*packet)});
    }
    return all;
}

void RemoteSocket::send(const net::Ipv6Address& from, const net::Ipv6Address& to, const Packet& packet) {
    const std::vector<std::byte> bytes = build(packet);
    net::SocketMessage message{std::span{bytes}};
    message.set_receiver(to, kRemotePort, 0);
    message.set_source(from, 0);
    // Everything is repeated: no route yet, or an address that has just gone, does not matter.
    static_cast<void>(::sendmsg(fd_.get(), message.header(), 0));
}

}  // namespace ulagate::wg::control
