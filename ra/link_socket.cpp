// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/link_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "daemon/base/kernel_address.h"

namespace ulagate::ra {
namespace {

// Some 50 ms of a flood of 10,000 a second, whatever the driver's buffers are like (2.3 KiB each here and
// there); doubled by the kernel.
constexpr int kFloodReceiveBuffer = 512 * 1024;

// Router Solicitations to ff02::2 for this machine, without extension headers. A packet of SOCK_DGRAM starts
// with the IPv6 header.
constexpr std::array kSolicitations{
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(SKF_AD_OFF + SKF_AD_PKTTYPE)),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PACKET_MULTICAST, 13, 0),
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),  // next header
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 11),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 24),  // destination
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xff020000, 0, 9),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 28),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 7),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 32),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 36),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 3),
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),  // type
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_ROUTER_SOLICIT, 0, 1),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffff),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
};

std::uint32_t word(const net::Ipv6Address& address, std::size_t at) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < 4; ++i) out = out << 8U | address.bytes.at(at + i);
    return out;
}

// The same, behind Router Advertisements from one address, wherever they are sent to.
std::vector<sock_filter> program_for(const std::optional<net::Ipv6Address>& router) {
    std::vector<sock_filter> program;
    if (router) {
        program = {
            sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),  // next header
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 13),
            sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),  // type
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_ROUTER_ADVERT, 0, 11),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 8),  // source
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(*router, 0), 0, 9),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 12),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(*router, 4), 0, 7),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(*router, 8), 0, 5),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 20),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(*router, 12), 0, 3),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                 static_cast<unsigned>(SKF_AD_OFF + SKF_AD_PKTTYPE)),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PACKET_MULTICAST, 1, 0),
            sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffff),
        };
    }
    program.insert(program.end(), kSolicitations.begin(), kSolicitations.end());
    return program;
}

sockaddr_ll link_address(unsigned interface_index) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_IPV6);
    address.sll_ifindex = static_cast<int>(interface_index);
    return address;
}

sockaddr_ll link_address(unsigned interface_index, const net::MacAddress& mac) {
    sockaddr_ll address = link_address(interface_index);
    address.sll_halen = static_cast<unsigned char>(mac.bytes.size());
    std::copy(mac.bytes.begin(), mac.bytes.end(), std::begin(address.sll_addr));
    return address;
}

std::optional<net::MacAddress> mac_of(const sockaddr_ll& address) {
    net::MacAddress mac;
    if (address.sll_halen != mac.bytes.size()) return std::nullopt;  // no Ethernet
    std::copy_n(std::begin(address.sll_addr), mac.bytes.size(), mac.bytes.begin());
    return mac;
}

// A raw socket that hears nothing.
Result<UniqueFd> open_owner(const std::string& interface) {
    UniqueFd fd{::socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6)};
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    if (!fd || ::setsockopt(fd.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) != 0)
        return fail_errno("open ICMPv6 socket for the addresses of " + interface);
    return fd;
}

}  // namespace

Result<LinkSocket> LinkSocket::open(const std::string& interface, unsigned interface_index,
                                    const std::optional<net::Ipv6Address>& router) {
    const std::string where = " on " + interface;
    // No protocol yet: between opening and binding it would hear every link.
    UniqueFd fd{::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) return fail_errno("open packet socket" + where);
    std::vector<sock_filter> filter = program_for(router);
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
        return fail_errno("filter solicitations" + where);
    // Beyond net.core.rmem_max only with CAP_NET_ADMIN.
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kFloodReceiveBuffer,
                     sizeof(kFloodReceiveBuffer)) != 0 &&
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kFloodReceiveBuffer, sizeof(kFloodReceiveBuffer)) != 0)
        return fail_errno("set the receive buffer" + where);
    const sockaddr_ll at = link_address(interface_index);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0)
        return fail_errno("bind packet socket" + where);
    auto owner = open_owner(interface);
    if (!owner) return tl::unexpected<Error>{std::move(owner.error())};
    return LinkSocket{std::move(fd), std::move(*owner), interface_index};
}

Result<std::span<const Packet>> LinkSocket::receive() {
    std::array<mmsghdr, kBatch> messages{};
    std::array<iovec, kBatch> parts;
    std::array<sockaddr_ll, kBatch> senders;
    for (std::size_t i = 0; i < kBatch; ++i) {
        parts.at(i) = {received_->bytes.at(i).data(), kLongest};
        messages.at(i).msg_hdr.msg_iov = &parts.at(i);
        messages.at(i).msg_hdr.msg_iovlen = 1;
        messages.at(i).msg_hdr.msg_name = &senders.at(i);
        messages.at(i).msg_hdr.msg_namelen = sizeof(sockaddr_ll);
    }
    received_->packets.clear();
    const int count = ::recvmmsg(fd_.get(), messages.data(), kBatch, 0, nullptr);
    // ENETDOWN: once after the link was set down; the kernel listens again when it is up, and that it is down
    // is seen elsewhere.
    if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ENETDOWN)
        return fail_errno("receive solicitations");
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(count, 0)); ++i) {
        const bool cut = (messages.at(i).msg_hdr.msg_flags & MSG_TRUNC) != 0;
        auto packet = unwrap(std::span{received_->bytes.at(i)}.first(messages.at(i).msg_len));
        if (cut || !packet) {
            ++dropped_;
            continue;
        }
        packet->info.link_source = mac_of(senders.at(i));
        received_->packets.push_back(*packet);
    }
    return std::span<const Packet>{received_->packets};
}

bool LinkSocket::owns(const net::Ipv6Address& address) const {
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_addr = net::to_kernel(address);
    at.sin6_scope_id = interface_index_;
    return ::bind(owner_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0;
}

// RFC 2464 section 7: the group's last four bytes behind 33-33.
Result<void> LinkSocket::send_to_group(const net::Ipv6Address& group, std::span<const std::byte> packet) {
    net::MacAddress mac{{0x33, 0x33}};
    std::copy_n(group.bytes.end() - 4, 4, mac.bytes.begin() + 2);
    const sockaddr_ll to = link_address(interface_index_, mac);
    if (::sendto(fd_.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                 sizeof(to)) < 0)
        return fail_errno("send to " + net::to_string(group));
    return {};
}

Result<std::size_t> LinkSocket::send(const net::Ipv6Address& source, std::span<const Neighbor> hosts,
                                     std::span<const std::byte> message) {
    if (!owns(source)) return fail_errno("send ICMPv6 from " + net::to_string(source));
    const Wrapper wrapper{source, message};
    std::size_t sent = 0;
    while (sent < hosts.size()) {
        const std::size_t size = std::min(kBatch, hosts.size() - sent);
        std::array<std::vector<std::byte>, kBatch> packets;
        std::array<mmsghdr, kBatch> messages{};
        std::array<iovec, kBatch> parts;
        std::array<sockaddr_ll, kBatch> receivers;
        for (std::size_t i = 0; i < size; ++i) {
            const Neighbor& host = hosts[sent + i];
            packets.at(i) = wrapper.to(host.address);
            receivers.at(i) = link_address(interface_index_, host.link_address);
            parts.at(i) = {packets.at(i).data(), packets.at(i).size()};
            messages.at(i).msg_hdr.msg_iov = &parts.at(i);
            messages.at(i).msg_hdr.msg_iovlen = 1;
            messages.at(i).msg_hdr.msg_name = &receivers.at(i);
            messages.at(i).msg_hdr.msg_namelen = sizeof(sockaddr_ll);
        }
        const int count = ::sendmmsg(fd_.get(), messages.data(), static_cast<unsigned>(size), 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && sent == 0) return fail_errno("send ICMPv6 to " + net::to_string(hosts[0].address));
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
    }
    return sent;
}

}  // namespace ulagate::ra
