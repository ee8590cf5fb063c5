// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/socket.h"

#include <linux/filter.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "daemon/base/kernel_address.h"

namespace ulagate::vrrp {
namespace {

// The longest advertisement, 255 addresses, and one byte more. What is longer is cut and dropped.
constexpr std::size_t kMaxPacket = 8 + 255 * 16 + 1;
// A flood is dropped by the kernel before it makes an honest advertisement wait behind thousands of others.
constexpr int kReceiveBuffer = 64 * 1024;
// One call of receive() looks at no more than this, so that it always comes back to the loop.
constexpr int kMaxSkipped = 64;

template <class T>
bool set(const UniqueFd& fd, int level, int option, const T& value) {
    return ::setsockopt(fd.get(), level, option, &value, sizeof(value)) == 0;
}

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
    if (!set(fd, SOL_SOCKET, SO_ATTACH_FILTER, program)) return fail_errno("filter what a sender receives");
    if (!set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, kHopLimit)) {
        return fail_errno("set the multicast hop limit");
    }
    if (!set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0)) return fail_errno("switch off the multicast loop");
    return opened;
}

Result<void> send_from(const UniqueFd& fd, unsigned interface_index, const net::Ipv6Address& source,
                       const net::Ipv6Address& destination, std::span<const std::byte> bytes) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = net::to_kernel(destination);
    to.sin6_scope_id = interface_index;

    in6_pktinfo packet{};
    packet.ipi6_addr = net::to_kernel(source);
    packet.ipi6_ifindex = interface_index;
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(packet))> control{};

    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};  // sendmsg only reads it
    msghdr out{};
    out.msg_name = &to;
    out.msg_namelen = sizeof(to);
    out.msg_iov = &part;
    out.msg_iovlen = 1;
    out.msg_control = control.data();
    out.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&out);
    header->cmsg_level = IPPROTO_IPV6;
    header->cmsg_type = IPV6_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(packet));
    std::memcpy(CMSG_DATA(header), &packet, sizeof(packet));

    if (::sendmsg(fd.get(), &out, 0) < 0) {
        return fail_errno("send from " + net::to_string(source) + " to " + net::to_string(destination));
    }
    return {};
}

// The content of a control message, or nothing if it is shorter than the type it should hold.
template <class T>
std::optional<T> control_value(const cmsghdr& header) {
    if (header.cmsg_len < CMSG_LEN(sizeof(T))) return std::nullopt;
    T value{};
    std::memcpy(&value, CMSG_DATA(&header), sizeof(T));
    return value;
}

struct Control {
    std::optional<in6_pktinfo> packet;
    std::optional<int> hop_limit;
    bool fragmented = false;
};

Control read_control(msghdr& message) {
    Control control;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != IPPROTO_IPV6) continue;
        if (c->cmsg_type == IPV6_PKTINFO) control.packet = control_value<in6_pktinfo>(*c);
        if (c->cmsg_type == IPV6_HOPLIMIT) control.hop_limit = control_value<int>(*c);
        if (c->cmsg_type == IPV6_RECVFRAGSIZE) control.fragmented = true;
    }
    return control;
}

}  // namespace

Result<Receiver> Receiver::open(const std::string& interface, unsigned interface_index) {
    auto opened = open_raw(kProtocol, interface);
    if (!opened) return fail(std::move(opened).error(), "receive VRRP");
    UniqueFd& fd = *opened;
    if (!set(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer)) return fail_errno("limit the receive buffer");
    if (!set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) return fail_errno("ask for packet information");
    if (!set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)) return fail_errno("ask for hop limits");
    // A raw socket gets the reassembled packet, and can tell it just by this control message.
    if (!set(fd, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1)) return fail_errno("ask for fragment sizes");
    // Only both together keep away what comes to addresses of this machine and to groups that others joined:
    // the kernel looks at the groups of a raw socket only if it is bound.
    if (!set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)) return fail_errno("leave the groups of others");
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
    if (!set(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, group)) return fail_errno("join ff02::12 on " + interface);
    return Receiver{std::move(fd), interface_index};
}

Result<std::optional<Receiver::Datagram>> Receiver::receive() {
    for (int skipped = 0; skipped < kMaxSkipped; ++skipped) {
        std::array<std::byte, kMaxPacket> buffer;
        alignas(cmsghdr) std::array<std::byte, 256> control_buffer;
        sockaddr_in6 from{};
        iovec part{buffer.data(), buffer.size()};
        msghdr message{};
        message.msg_name = &from;
        message.msg_namelen = sizeof(from);
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control_buffer.data();
        message.msg_controllen = control_buffer.size();

        const ssize_t size = ::recvmsg(fd_.get(), &message, 0);
        if (size < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<Datagram>{};
            if (errno == EINTR) continue;
            return fail_errno("receive VRRP");
        }
        const Control control = read_control(message);
        const bool cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
        const bool known = control.packet && control.hop_limit && message.msg_namelen == sizeof(from);
        if (cut || !known || control.fragmented || control.packet->ipi6_ifindex != interface_index_) {
            ++dropped_;
            continue;
        }
        Datagram datagram;
        datagram.packet.assign(buffer.begin(), buffer.begin() + size);
        datagram.info.source = net::from_kernel(from.sin6_addr);
        datagram.info.destination = net::from_kernel(control.packet->ipi6_addr);
        datagram.info.hop_limit = *control.hop_limit;
        return std::optional<Datagram>{std::move(datagram)};
    }
    return std::optional<Datagram>{};
}

Result<AdvertisementSender> AdvertisementSender::open(const std::string& interface, unsigned interface_index,
                                                      Source source) {
    auto opened = open_sender(kProtocol, interface);
    if (!opened) return fail(std::move(opened).error(), "send VRRP");
    UniqueFd& fd = *opened;
    if (!set(fd, IPPROTO_IPV6, IPV6_TCLASS, int{kNetworkControl})) return fail_errno("set the traffic class");
    // Without it the kernel refuses (EINVAL) a link-local source of any other interface than the one that
    // sends.
    if (source == Source::link_below && !set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)) {
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
