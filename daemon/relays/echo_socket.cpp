// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/echo_socket.h"

#include <linux/filter.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/kernel_address.h"
#include "daemon/base/socket_message.h"

namespace ulagate {
namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kEchoHeader =
    8;  // RFC 792, RFC 4443 section 4.1: type, code, checksum, identifier, sequence
constexpr std::size_t kCookie = 8;
constexpr std::size_t kSmallest = 64;
constexpr std::size_t kLargest = 0xffff;
constexpr int kEchoBuffer = 256 * 1024;  // a round of jumbo frames
constexpr int kMaxForeign = 64;

using net::set_option;

// Answers with another identifier are for somebody else's socket. IPv4 packets come with their header.
bool filter_identifier(int fd, IpFamily family, std::uint16_t identifier) {
    const auto to_header = family == IpFamily::ipv4 ? sock_filter{BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0}
                                                    : sock_filter{BPF_LDX | BPF_IMM, 0, 0, 0};
    std::array<sock_filter, 5> program{{
        to_header,
        {BPF_LD | BPF_H | BPF_IND, 0, 0, 4},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, identifier},
        {BPF_RET | BPF_K, 0, 0, 0xffff'ffff},
        {BPF_RET | BPF_K, 0, 0, 0},
    }};
    return set_option(fd, SOL_SOCKET, SO_ATTACH_FILTER,
                      sock_fprog{static_cast<unsigned short>(program.size()), program.data()});
}

bool set_up_ipv4(int fd) {
    return set_option(fd, SOL_RAW, ICMP_FILTER, icmp_filter{~(1U << ICMP_ECHOREPLY)}) &&
           set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
}

bool set_up_ipv6(int fd) {
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    return set_option(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter) &&
           set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE) &&
           set_option(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
}

void put(std::span<std::byte> bytes, std::size_t at, std::uint16_t value) {
    bytes[at] = static_cast<std::byte>(value >> 8U);
    bytes[at + 1] = static_cast<std::byte>(value & 0xffU);
}

// RFC 1071.
std::uint16_t checksum(std::span<const std::byte> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8U : 0U);
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace

Result<EchoSocket> EchoSocket::open(IpFamily family) {
    const bool ipv4 = family == IpFamily::ipv4;
    const std::string what = ipv4 ? "open ICMP socket" : "open ICMPv6 socket";
    UniqueFd fd{::socket(ipv4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                         ipv4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6))};
    if (!fd) return fail_errno(what);
    const auto identifier = static_cast<std::uint16_t>(randombytes_uniform(0x10000));
    const bool done = (ipv4 ? set_up_ipv4(fd.get()) : set_up_ipv6(fd.get())) &&
                      filter_identifier(fd.get(), family, identifier) &&
                      set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, kEchoBuffer);
    if (!done) return fail_errno(what);
    return EchoSocket{std::move(fd), family, identifier};
}

void EchoSocket::send(const net::IpAddress& destination, unsigned bytes, std::uint64_t cookie) {
    const bool ipv4 = family_ == IpFamily::ipv4;
    const std::size_t header = ipv4 ? kIpv4Header : kIpv6Header;
    std::vector<std::byte> message(std::clamp<std::size_t>(bytes, kSmallest, kLargest) - header);
    message[0] = static_cast<std::byte>(ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
    put(message, 4, identifier_);
    put(message, 6, sequence_++);
    std::memcpy(&message[kEchoHeader], &cookie, sizeof(cookie));
    if (ipv4) put(message, 2, checksum(message));  // ICMPv6's is the kernel's work

    if (const auto* address = std::get_if<net::Ipv4Address>(&destination); address != nullptr && ipv4) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr = net::to_kernel(*address);
        static_cast<void>(::sendto(fd_.get(), message.data(), message.size(), 0,
                                   reinterpret_cast<const sockaddr*>(&to), sizeof(to)));
    }
    if (const auto* address = std::get_if<net::Ipv6Address>(&destination); address != nullptr && !ipv4) {
        sockaddr_in6 to{};
        to.sin6_family = AF_INET6;
        to.sin6_addr = net::to_kernel(*address);
        static_cast<void>(::sendto(fd_.get(), message.data(), message.size(), 0,
                                   reinterpret_cast<const sockaddr*>(&to), sizeof(to)));
    }
}

Result<std::optional<EchoSocket::Answer>> EchoSocket::receive() {
    for (int foreign = 0; foreign < kMaxForeign; ++foreign) {
        // The rest of the packet does not matter, only how long it is.
        std::array<std::byte, 60 + kEchoHeader + kCookie> buffer;  // 60: the longest IPv4 header
        sockaddr_in6 from{};
        socklen_t from_size = sizeof(from);
        const ssize_t size = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_TRUNC,
                                        reinterpret_cast<sockaddr*>(&from), &from_size);
        if (size < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<Answer>{};
            if (errno == EINTR) continue;
            return fail_errno("receive ICMP");
        }
        Answer answer;
        std::size_t echo = 0;
        if (family_ == IpFamily::ipv4) {
            echo = std::size_t{4} * (std::to_integer<unsigned>(buffer[0]) & 0xfU);
            answer.bytes = static_cast<unsigned>(size);
            sockaddr_in source{};
            std::memcpy(&source, &from, sizeof(source));
            answer.from = net::from_kernel(source.sin_addr);
        } else {
            answer.bytes = static_cast<unsigned>(size) + kIpv6Header;
            answer.from = net::from_kernel(from.sin6_addr);
        }
        if (static_cast<std::size_t>(size) < echo + kEchoHeader + kCookie) continue;
        std::memcpy(&answer.cookie, &buffer[echo + kEchoHeader], kCookie);
        return std::optional{answer};
    }
    return std::optional<Answer>{};
}

}  // namespace ulagate
