// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/handshake_watch.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>

namespace ulagate::wg {
namespace {

constexpr std::uint32_t kUdp = 17;
constexpr std::uint32_t kUdpHeader = 8;
constexpr std::uint32_t kInitiationLength = 148;
constexpr std::uint32_t kInitiationType = 0x0100'0000;  // and three reserved bytes, all zero
constexpr std::uint32_t kIpv6HeaderBytes = 40;
constexpr std::uint32_t kFragment = 0x3fff;         // RFC 791: more fragments, and the offset
constexpr std::uint32_t kCopied = 60 + kUdpHeader;  // the longest IPv4 header, and the ports
constexpr int kWatchBuffer = 64 * 1024;             // a flood is the kernel's to drop
constexpr int kMaxPackets = 64;

using Program = std::vector<sock_filter>;

// A jump over the rest of the program is written as this, and filled in by finish().
constexpr std::uint8_t kRefuse = 0xff;

sock_filter load(unsigned mode, std::uint32_t at) { return {static_cast<std::uint16_t>(mode), 0, 0, at}; }
// Refuses unless the last value loaded compares with `value` like this.
sock_filter need(unsigned comparison, std::uint32_t value) {
    return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | comparison), 0, kRefuse, value};
}
// ... or if it does.
sock_filter refuse_if(unsigned comparison, std::uint32_t value) {
    return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | comparison), kRefuse, 0, value};
}

void finish(Program& program) {
    program.push_back({BPF_RET | BPF_K, 0, 0, kCopied});
    program.push_back({BPF_RET | BPF_K, 0, 0, 0});
    for (std::size_t i = 0; i < program.size(); ++i) {
        const auto to_the_end = static_cast<std::uint8_t>(program.size() - 2 - i);
        if (program[i].jt == kRefuse) program[i].jt = to_the_end;
        if (program[i].jf == kRefuse) program[i].jf = to_the_end;
    }
}

// From the network header on; a load beyond the packet refuses it. IPv6 extension headers are nothing that
// WireGuard sends.
Program filter(Family family, std::uint16_t first_port, std::uint16_t count) {
    const bool ipv6 = family == Family::ipv6;
    Program program;
    program.push_back(load(BPF_LD | BPF_B | BPF_ABS, ipv6 ? 6 : 9));
    program.push_back(need(BPF_JEQ, kUdp));
    if (ipv6) {
        program.push_back(load(BPF_LDX | BPF_IMM, kIpv6HeaderBytes));
    } else {
        program.push_back(load(BPF_LD | BPF_H | BPF_ABS, 6));
        program.push_back(refuse_if(BPF_JSET, kFragment));
        program.push_back(load(BPF_LDX | BPF_B | BPF_MSH, 0));
    }
    program.push_back(load(BPF_LD | BPF_H | BPF_IND, 4));
    program.push_back(need(BPF_JEQ, kUdpHeader + kInitiationLength));
    program.push_back(load(BPF_LD | BPF_H | BPF_IND, 2));
    program.push_back(need(BPF_JGE, first_port));
    program.push_back(refuse_if(BPF_JGE, std::uint32_t{first_port} + count));
    program.push_back(load(BPF_LD | BPF_W | BPF_IND, kUdpHeader));
    program.push_back(need(BPF_JEQ, kInitiationType));
    finish(program);
    return program;
}

std::uint16_t number(std::span<const std::byte> bytes, std::size_t at) {
    return static_cast<std::uint16_t>((std::to_integer<unsigned>(bytes[at]) << 8U) |
                                      std::to_integer<unsigned>(bytes[at + 1]));
}

template <class Address>
Address address(std::span<const std::byte> bytes, std::size_t at) {
    Address out;
    std::transform(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                   bytes.begin() + static_cast<std::ptrdiff_t>(at + out.bytes.size()), out.bytes.begin(),
                   [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
    return out;
}

// Of a packet that the filter has passed.
std::optional<HandshakeWatch::Initiation> parse(std::span<const std::byte> packet, Family family) {
    const bool ipv6 = family == Family::ipv6;
    if (packet.empty()) return std::nullopt;
    const std::size_t header =
        ipv6 ? kIpv6HeaderBytes : 4 * (std::to_integer<std::size_t>(packet[0]) & 0x0fU);
    if (packet.size() < header + 4 || header < 20) return std::nullopt;
    HandshakeWatch::Initiation out;
    if (ipv6) {
        out.from.address = address<net::Ipv6Address>(packet, 8);
    } else {
        out.from.address = address<net::Ipv4Address>(packet, 12);
    }
    out.from.port = number(packet, header);
    out.port = number(packet, header + 2);
    return out;
}

}  // namespace

Result<HandshakeWatch> HandshakeWatch::open(Family family, std::uint16_t first_port, std::uint16_t count) {
    // Of one protocol: such a socket sees what comes in, and never what goes out. Protocol 0 is none, so
    // nothing is seen before the filter is there.
    UniqueFd fd{::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) return fail_errno("open a packet socket for handshakes");
    Program program = filter(family, first_port, count);
    const sock_fprog attached{static_cast<unsigned short>(program.size()), program.data()};
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)) != 0)
        return fail_errno("filter handshakes");
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kWatchBuffer, sizeof(kWatchBuffer)) != 0)
        return fail_errno("limit the receive buffer");
    sockaddr_ll any{};
    any.sll_family = AF_PACKET;
    any.sll_protocol = htons(family == Family::ipv6 ? ETH_P_IPV6 : ETH_P_IP);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0)
        return fail_errno("watch handshakes");
    return HandshakeWatch{std::move(fd), family};
}

Result<std::vector<HandshakeWatch::Initiation>> HandshakeWatch::receive() {
    std::vector<Initiation> all;
    for (int i = 0; i < kMaxPackets; ++i) {
        std::array<std::byte, kCopied> buffer;
        const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (size < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            if (errno == EINTR || errno == ENETDOWN) continue;  // an interface went down: the others go on
            return fail_errno("receive handshakes");
        }
        if (auto initiation = parse(std::span{buffer}.first(static_cast<std::size_t>(size)), family_))
            all.push_back(*initiation);
    }
    return all;
}

}  // namespace ulagate::wg
