// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/remote_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "daemon/base/kernel_address.h"
#include "wg/control/remote_probe.h"

namespace ulagate::wg::control {
namespace {

constexpr int kSentHopLimit = 255;
constexpr int kAtOnce = 64;
constexpr std::size_t kArrivalBytes = 128;

struct alignas(cmsghdr) ArrivalBytes {
    std::array<std::byte, kArrivalBytes> bytes{};
};

bool set(const UniqueFd& fd, int option, int value) {
    return ::setsockopt(fd.get(), IPPROTO_IPV6, option, &value, sizeof(value)) == 0;
}

// The address that it was sent to; nullopt: it has come too far, or the kernel did not say.
std::optional<net::Ipv6Address> sent_to(msghdr& message) {
    std::optional<net::Ipv6Address> to;
    int hop_limit = 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != IPPROTO_IPV6) continue;
        if (c->cmsg_type == IPV6_PKTINFO && c->cmsg_len >= CMSG_LEN(sizeof(in6_pktinfo))) {
            in6_pktinfo packet{};
            std::memcpy(&packet, CMSG_DATA(c), sizeof packet);
            to = net::from_kernel(packet.ipi6_addr);
        }
        if (c->cmsg_type == IPV6_HOPLIMIT && c->cmsg_len >= CMSG_LEN(sizeof(int)))
            std::memcpy(&hop_limit, CMSG_DATA(c), sizeof hop_limit);
    }
    return hop_limit >= kRemoteHopLimit ? to : std::nullopt;
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
    if (!set(fd, IPV6_V6ONLY, 1) || !set(fd, IPV6_UNICAST_HOPS, kSentHopLimit) ||
        !set(fd, IPV6_RECVHOPLIMIT, 1) || !set(fd, IPV6_RECVPKTINFO, 1)) {
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
        sockaddr_in6 from{};
        ArrivalBytes control;
        iovec part{bytes.data(), bytes.size()};
        msghdr header{};
        header.msg_name = &from;
        header.msg_namelen = sizeof from;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.bytes.data();
        header.msg_controllen = control.bytes.size();
        const ssize_t size = ::recvmsg(fd_.get(), &header, 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (size < 0) return fail_errno("receive path probes");
        const auto to = sent_to(header);
        if (!to) continue;
        auto packet = parse(std::span{bytes}.first(static_cast<std::size_t>(size)));
        if (packet) all.push_back({net::from_kernel(from.sin6_addr), *to, std::move(*packet)});
    }
    return all;
}

void RemoteSocket::send(const net::Ipv6Address& from, const net::Ipv6Address& to, const Packet& packet) {
    std::vector<std::byte> bytes = build(packet);
    sockaddr_in6 receiver{};
    receiver.sin6_family = AF_INET6;
    receiver.sin6_port = htons(kRemotePort);
    receiver.sin6_addr = net::to_kernel(to);
    ArrivalBytes control;
    iovec part{bytes.data(), bytes.size()};
    msghdr header{};
    header.msg_name = &receiver;
    header.msg_namelen = sizeof receiver;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(sizeof(in6_pktinfo));
    cmsghdr* source = CMSG_FIRSTHDR(&header);
    source->cmsg_level = IPPROTO_IPV6;
    source->cmsg_type = IPV6_PKTINFO;
    source->cmsg_len = CMSG_LEN(sizeof(in6_pktinfo));
    in6_pktinfo info{};
    info.ipi6_addr = net::to_kernel(from);
    std::memcpy(CMSG_DATA(source), &info, sizeof info);
    // Everything is repeated: no route yet, or an address that has just gone, does not matter.
    static_cast<void>(::sendmsg(fd_.get(), &header, 0));
}

}  // namespace ulagate::wg::control
