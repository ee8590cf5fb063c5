// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/socket.h"

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <span>
#include <utility>

#include "daemon/base/kernel_address.h"
#include "daemon/base/socket_message.h"

namespace ulagate::ra {
namespace {

// Longer than any message on an Ethernet with jumbo frames; what is longer still is cut by the kernel and
// dropped by us.
constexpr std::size_t kMaxMessage = 9216;
// A flood is dropped by the kernel before it makes an honest solicitation wait behind thousands of others.
constexpr int kReceiveBuffer = 64 * 1024;
// One call of receive() looks at no more than this, so that it always comes back to the loop.
constexpr int kMaxSkipped = 64;

using net::set_option;

}  // namespace

Result<Socket> Socket::open(const std::string& interface, unsigned interface_index) {
    if (interface.empty() || interface.size() >= IFNAMSIZ) {
        return fail(std::make_error_code(std::errc::no_such_device), "open ICMPv6 socket on " + interface);
    }
    UniqueFd fd{::socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6)};
    if (!fd) return fail_errno("open ICMPv6 socket on " + interface);
    const int s = fd.get();

    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
    if (!set_option(s, IPPROTO_ICMPV6, ICMP6_FILTER, filter))
        return fail_errno("filter ICMPv6 on " + interface);
    if (::setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                     static_cast<socklen_t>(interface.size() + 1)) != 0) {
        return fail_errno("bind ICMPv6 socket to " + interface);
    }
    if (!set_option(s, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer)) return fail_errno("limit the receive buffer");
    if (!set_option(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) return fail_errno("ask for packet information");
    if (!set_option(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)) return fail_errno("ask for hop limits");
    // The kernel drops fragmented Neighbor Discovery (RFC 6980) for itself only; a raw socket gets the
    // reassembled message, and can tell it just by this control message.
    if (!set_option(s, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1)) return fail_errno("ask for fragment sizes");
    if (!set_option(s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255))
        return fail_errno("set the multicast hop limit");
    if (!set_option(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255)) return fail_errno("set the unicast hop limit");
    if (!set_option(s, IPPROTO_IPV6, IPV6_RECVERR, 1)) return fail_errno("ask for errors");
    if (!set_option(s, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0))
        return fail_errno("switch multicast loopback off");

    // A kernel that forwards has joined for itself, but delivers to this socket by this membership. The
    // advertisements of other routers (ff02::1, a group of every host) come without one.
    ipv6_mreq group{};
    group.ipv6mr_multiaddr = net::to_kernel(kAllRouters);
    group.ipv6mr_interface = interface_index;
    if (!set_option(s, IPPROTO_IPV6, IPV6_JOIN_GROUP, group))
        return fail_errno("join ff02::2 on " + interface);
    return Socket{std::move(fd), interface_index};
}

// The packet starts with the ICMPv6 header; SKF_NET_OFF is where its IPv6 header is.
Result<void> Socket::leave_solicitations_to_link_socket(const std::optional<net::Ipv6Address>& router) {
    constexpr auto kNet = static_cast<unsigned>(SKF_NET_OFF);
    std::vector<sock_filter> filter;
    if (router) {
        const auto word = [&](std::size_t at) {
            std::uint32_t out = 0;
            for (std::size_t i = 0; i < 4; ++i) out = out << 8U | router->bytes.at(at + i);
            return out;
        };
        filter = {
            sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_ROUTER_ADVERT, 0, 9),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNet + 8),  // source
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(0), 0, 7),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNet + 12),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(4), 0, 5),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNet + 16),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(8), 0, 3),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNet + 20),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(12), 0, 1),
            sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
        };
    }
    const std::array solicitations{
        sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_ROUTER_SOLICIT, 0, 10),
        sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kNet + 6),  // next header
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 8),
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNet + 24),  // destination
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xff020000, 0, 6),
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNet + 28),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4),
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNet + 32),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2),
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNet + 36),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 1, 0),
        sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffff),
        sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
    };
    filter.insert(filter.end(), solicitations.begin(), solicitations.end());
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (!set_option(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, program))
        return fail_errno("filter solicitations");
    return {};
}

Result<std::optional<Socket::Datagram>> Socket::receive() {
    for (int skipped = 0; skipped < kMaxSkipped; ++skipped) {
        std::array<std::byte, kMaxMessage> buffer;
        net::SocketMessage message{std::span<std::byte>{buffer}};
        const ssize_t size = ::recvmsg(fd_.get(), message.header(), 0);
        if (size < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<Datagram>{};
            if (errno == EINTR || errno == EHOSTUNREACH) continue;  // the latter: see unresolved()
            return fail_errno("receive ICMPv6");
        }
        const net::Ipv6Arrival arrival = net::arrival_of(*message.header());
        const auto sender = message.sender();
        const bool known = arrival.destination && arrival.hop_limit && sender;
        if (message.cut() || !known || arrival.fragmented || arrival.interface != interface_index_) {
            ++dropped_;
            continue;
        }
        Datagram datagram;
        datagram.message.assign(buffer.begin(), buffer.begin() + size);
        datagram.info.source = *sender;
        datagram.info.destination = *arrival.destination;
        datagram.info.hop_limit = *arrival.hop_limit;
        return std::optional<Datagram>{std::move(datagram)};
    }
    return std::optional<Datagram>{};
}

// The kernel tells itself by an ICMPv6 error when Neighbor Discovery gives up (RFC 4861 section 7.2.2), and
// puts what it was about into the socket's error queue.
std::vector<net::Ipv6Address> Socket::unresolved() {
    std::vector<net::Ipv6Address> hosts;
    for (int read = 0; read < kMaxSkipped; ++read) {
        net::SocketMessage message{std::span<std::byte>{}};
        if (::recvmsg(fd_.get(), message.header(), MSG_ERRQUEUE) < 0) break;
        const auto error =
            net::control_value<sock_extended_err>(*message.header(), IPPROTO_IPV6, IPV6_RECVERR);
        const auto host = message.sender();
        if (error && error->ee_errno == EHOSTUNREACH && host) hosts.push_back(*host);
    }
    return hosts;
}

Result<void> Socket::send(const net::Ipv6Address& source, const net::Ipv6Address& destination,
                          std::span<const std::byte> message, From from) {
    net::SocketMessage out{message};
    out.set_receiver(destination, 0, interface_index_);
    out.set_source(source, interface_index_);

    // An error that an earlier message met would be reported now, and this one not sent (CONFORMANCE R-41).
    int pending = 0;
    socklen_t size = sizeof(pending);
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &pending, &size);
    // The kernel's own check is what keeps us from speaking for another router, so it is off for this one
    // only.
    if (from == From::former && !set_option(fd_.get(), IPPROTO_IPV6, IPV6_FREEBIND, 1))
        return fail_errno("send from a former address");
    const ssize_t sent = ::sendmsg(fd_.get(), out.header(), 0);
    const int error = errno;
    if (from == From::former) set_option(fd_.get(), IPPROTO_IPV6, IPV6_FREEBIND, 0);
    errno = error;
    if (sent < 0) {
        return fail_errno("send ICMPv6 from " + net::to_string(source) + " to " +
                          net::to_string(destination));
    }
    return {};
}

}  // namespace ulagate::ra
