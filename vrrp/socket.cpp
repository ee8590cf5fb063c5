// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/socket.h"

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

namespace ulagate::vrrp {
namespace {

// The longest advertisement, 255 addresses, and one byte more. What is longer is cut and dropped.
constexpr std::size_t kMaxPacket = 8 + 255 * 16 + 1;
// A flood is dropped by the kernel before it makes an honest advertisement wait behind thousands of others.
constexpr int kReceiveBuffer = 64 * 1024;
// One call of receive() looks at no more than this, so that it always comes back to the loop.
constexpr int kMaxSkipped = 64;

using net::set_option;

Result<UniqueFd> open_raw(int protocol, const std::string& interface) {
    const std::string step = "open raw socket for protocol " + std::to_string(protocol) + " on " + interface;
    if (interface.empty() || interface.size() >= IFNAMSIZ) {
        return fail(std::make_error_code(std::errc::no_such_device), step);
    }
    UniqueFd fd{::socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)};
    if (!fd) return fail_errno(step);
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                     static_cast<socklen_t>(interface.size() + 1)) != 0) {
        return fail_errno(step);
    }
    return fd;
}

Result<UniqueFd> open_sender(int protocol, const std::string& interface) {
    auto opened = open_raw(protocol, interface);
    if (!opened) return opened;
    const UniqueFd& fd = *opened;
    // A raw socket also gets every packet of its protocol that arrives. Nobody reads them here, so none may
    // come in: "return 0 bytes".
    sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const sock_fprog program{1, &nothing};
    if (!set_option(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, program))
        return fail_errno("filter what a sender receives");
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, kHopLimit)) {
        return fail_errno("set the multicast hop limit");
    }
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0))
        return fail_errno("switch off the multicast loop");
    return opened;
}

Result<void> send_from(const UniqueFd& fd, unsigned interface_index, const net::Ipv6Address& source,
                       const net::Ipv6Address& destination, std::span<const std::byte> bytes) {
    net::SocketMessage out{bytes};
    out.set_receiver(destination, 0, interface_index);
    out.set_source(source, interface_index);
    if (::sendmsg(fd.get(), out.header(), 0) < 0) {
        return fail_errno("send from " + net::to_string(source) + " to " + net::to_string(destination));
    }
    return {};
}

}  // namespace

Result<Receiver> Receiver::open(const std::string& interface, unsigned interface_index) {
    auto opened = open_raw(kProtocol, interface);
    if (!opened) return fail(std::move(opened).error(), "receive VRRP");
    UniqueFd& fd = *opened;
    if (!set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBuffer))
        return fail_errno("limit the receive buffer");
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1))
        return fail_errno("ask for packet information");
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)) return fail_errno("ask for hop limits");
    // A raw socket gets the reassembled packet, and can tell it just by this control message.
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1))
        return fail_errno("ask for fragment sizes");
    // Only both together keep away what comes to addresses of this machine and to groups that others joined:
    // the kernel looks at the groups of a raw socket only if it is bound.
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0))
        return fail_errno("leave the groups of others");
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_addr = net::to_kernel(kAllVrrpRouters);
    at.sin6_scope_id = interface_index;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0) {
        return fail_errno("bind to ff02::12 on " + interface);
    }

    ipv6_mreq group{};
    group.ipv6mr_multiaddr = net::to_kernel(kAllVrrpRouters);
    group.ipv6mr_interface = interface_index;
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_JOIN_GROUP, group))
        return fail_errno("join ff02::12 on " + interface);
    return Receiver{std::move(fd), interface_index};
}

Result<std::optional<Receiver::Datagram>> Receiver::receive() {
    for (int skipped = 0; skipped < kMaxSkipped; ++skipped) {
        std::array<std::byte, kMaxPacket> buffer;
        net::SocketMessage message{std::span<std::byte>{buffer}};
        const ssize_t size = ::recvmsg(fd_.get(), message.header(), 0);
        if (size < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<Datagram>{};
            if (errno == EINTR) continue;
            return fail_errno("receive VRRP");
        }
        const net::Ipv6Arrival arrival = net::arrival_of(*message.header());
        const auto sender = message.sender();
        const bool known = arrival.destination && arrival.hop_limit && sender;
        if (message.cut() || !known || arrival.fragmented || arrival.interface != interface_index_) {
            ++dropped_;
            continue;
        }
        Datagram datagram;
        datagram.packet.assign(buffer.begin(), buffer.begin() + size);
        datagram.info.source = *sender;
        datagram.info.destination = *arrival.destination;
        datagram.info.hop_limit = *arrival.hop_limit;
        return std::optional<Datagram>{std::move(datagram)};
    }
    return std::optional<Datagram>{};
}

Result<AdvertisementSender> AdvertisementSender::open(const std::string& interface, unsigned interface_index,
                                                      Source source) {
    auto opened = open_sender(kProtocol, interface);
    if (!opened) return fail(std::move(opened).error(), "send VRRP");
    UniqueFd& fd = *opened;
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_TCLASS, int{kNetworkControl}))
        return fail_errno("set the traffic class");
    // Without it the kernel refuses (EINVAL) a link-local source of any other interface than the one that
    // sends.
    if (source == Source::link_below && !set_option(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, 1)) {
        return fail_errno("allow the source address of the link below");
    }
    return AdvertisementSender{std::move(fd), interface_index};
}

Result<void> AdvertisementSender::send(const Advertisement& advertisement, const net::Ipv6Address& source) {
    return send_from(fd_, interface_index_, source, kAllVrrpRouters,
                     build(advertisement, source, kAllVrrpRouters));
}

Result<NeighborSender> NeighborSender::open(const std::string& interface, unsigned interface_index) {
    auto opened = open_sender(IPPROTO_ICMPV6, interface);
    if (!opened) return fail(std::move(opened).error(), "send Neighbor Advertisements");
    return NeighborSender{std::move(*opened), interface_index};
}

Result<void> NeighborSender::send(const net::Ipv6Address& virtual_address,
                                  const net::MacAddress& link_address) {
    return send_from(fd_, interface_index_, virtual_address, kAllNodes,
                     neighbor_advertisement(virtual_address, link_address));
}

}  // namespace ulagate::vrrp
