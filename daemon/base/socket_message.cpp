// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/socket_message.h"

#include "daemon/base/kernel_address.h"

namespace ulagate::net {

Ipv6Arrival arrival_of(const msghdr& message) {
    Ipv6Arrival out;
    if (const auto packet = control_value<in6_pktinfo>(message, IPPROTO_IPV6, IPV6_PKTINFO)) {
        out.destination = from_kernel(packet->ipi6_addr);
        out.interface = packet->ipi6_ifindex;
    }
    out.hop_limit = control_value<int>(message, IPPROTO_IPV6, IPV6_HOPLIMIT);
    out.fragmented = control_value<char>(message, IPPROTO_IPV6, IPV6_RECVFRAGSIZE).has_value();
    return out;
}

SocketMessage::SocketMessage(std::span<std::byte> bytes) : part_{bytes.data(), bytes.size()} {
    header_.msg_name = &peer_;
    header_.msg_namelen = sizeof(peer_);
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
    header_.msg_control = control_.data();
    header_.msg_controllen = control_.size();
}

SocketMessage::SocketMessage(std::span<const std::byte> bytes)
    : part_{const_cast<std::byte*>(bytes.data()), bytes.size()} {
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
}

std::optional<Ipv6Address> SocketMessage::sender() const {
    if (header_.msg_namelen != sizeof(peer_) || peer_.sin6_family != AF_INET6) return std::nullopt;
    return from_kernel(peer_.sin6_addr);
}

void SocketMessage::set_receiver(const Ipv6Address& address, std::uint16_t port, unsigned scope) {
    peer_.sin6_family = AF_INET6;
    peer_.sin6_port = htons(port);
    peer_.sin6_addr = to_kernel(address);
    peer_.sin6_scope_id = scope;
    header_.msg_name = &peer_;
    header_.msg_namelen = sizeof(peer_);
}

void SocketMessage::set_source(const Ipv6Address& address, unsigned interface) {
    in6_pktinfo packet{};
    packet.ipi6_addr = to_kernel(address);
    packet.ipi6_ifindex = interface;
    set_control(IPPROTO_IPV6, IPV6_PKTINFO, packet);
}

}  // namespace ulagate::net
