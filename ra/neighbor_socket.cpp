// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/neighbor_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "ra/packet.h"

namespace ulagate::ra {
namespace {

// Some ten claims, whatever the driver's buffers are like; doubled by the kernel.
constexpr int kClaimReceiveBuffer = 16 * 1024;
constexpr std::size_t kLongestClaim = 1536;
constexpr int kMaxPassedOver = 16;

constexpr std::size_t kTargetAt = 48;  // behind the IPv6 header, which a packet of SOCK_DGRAM starts with

// Jumps reach forward by this many instructions.
unsigned char over(std::size_t instructions) { return static_cast<unsigned char>(instructions); }

// Neighbor Advertisements without extension headers for one of the addresses, in frames to a group.
std::vector<sock_filter> claims_of(std::span<const net::Ipv6Address> addresses) {
    constexpr std::size_t kWords = 4;
    constexpr std::size_t kEach = 2 * kWords + 1;  // instructions of an address
    const std::size_t to_end = addresses.size() * kEach;
    std::vector<sock_filter> program{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, over(to_end + 5), 0),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PACKET_MULTICAST, over(to_end + 4), 0),
        sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),  // next header
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, over(to_end + 2)),
        sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),  // type
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, over(to_end)),
    };
    for (const net::Ipv6Address& address : addresses) {
        for (std::size_t word = 0; word < kWords; ++word) {
            std::uint32_t value = 0;
            for (std::size_t byte = 0; byte < 4; ++byte)
                value = value << 8U | address.bytes.at(4 * word + byte);
            program.push_back(
                sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(kTargetAt + 4 * word)));
            program.push_back(
                sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, over(2 * (kWords - 1 - word) + 1)));
        }
        program.push_back(sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffff));
    }
    program.push_back(sock_filter BPF_STMT(BPF_RET | BPF_K, 0));
    return program;
}

}  // namespace

Result<void> NeighborSocket::listen_for(std::span<const net::Ipv6Address> addresses) {
    std::vector<sock_filter> filter = claims_of(addresses.first(std::min(addresses.size(), kMaxAddresses)));
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
        return fail_errno("filter neighbor advertisements");
    return {};
}

Result<NeighborSocket> NeighborSocket::open(const std::string& interface, unsigned interface_index) {
    const std::string where = " for neighbor advertisements on " + interface;
    // No protocol yet: between opening and binding it would hear every link.
    NeighborSocket made{UniqueFd{::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)}};
    if (!made.fd_) return fail_errno("open packet socket" + where);
    if (auto filtered = made.listen_for({}); !filtered)
        return tl::unexpected<Error>{std::move(filtered.error())};
    if (::setsockopt(made.fd_.get(), SOL_SOCKET, SO_RCVBUF, &kClaimReceiveBuffer,
                     sizeof(kClaimReceiveBuffer)) != 0)
        return fail_errno("set the receive buffer" + where);
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_IPV6);
    at.sll_ifindex = static_cast<int>(interface_index);
    if (::bind(made.fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0)
        return fail_errno("bind packet socket" + where);
    return made;
}

Result<std::optional<NeighborSocket::Datagram>> NeighborSocket::receive() {
    for (int passed_over = 0; passed_over < kMaxPassedOver; ++passed_over) {
        std::array<std::byte, kLongestClaim> buffer;
        sockaddr_ll sender{};
        socklen_t size_of_sender = sizeof(sender);
        const ssize_t size = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_TRUNC,
                                        reinterpret_cast<sockaddr*>(&sender), &size_of_sender);
        if (size < 0) {
            if (errno == EINTR) continue;
            // ENETDOWN: once after the link was set down; the kernel listens again when it is up.
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENETDOWN)
                return std::optional<Datagram>{};
            return fail_errno("receive neighbor advertisements");
        }
        const auto length = static_cast<std::size_t>(size);
        const auto packet = length <= buffer.size() ? unwrap(std::span{buffer}.first(length)) : std::nullopt;
        net::MacAddress mac;
        if (!packet || sender.sll_halen != mac.bytes.size()) {
            ++dropped_;
            continue;
        }
        std::copy_n(std::begin(sender.sll_addr), mac.bytes.size(), mac.bytes.begin());
        Datagram datagram{{packet->message.begin(), packet->message.end()}, packet->info};
        datagram.info.link_source = mac;
        return std::optional<Datagram>{std::move(datagram)};
    }
    return std::optional<Datagram>{};
}

}  // namespace ulagate::ra
