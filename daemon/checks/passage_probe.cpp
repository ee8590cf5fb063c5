// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/passage_probe.h"

#include <netinet/in.h>

#include <algorithm>
#include <span>

#include "daemon/base/bytes.h"

namespace ulagate {
namespace {

template <class Address>
void put(net::ByteWriter& out, const Address& address) {
    out.put(std::as_bytes(std::span{address.bytes}));
}

constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
constexpr std::uint8_t kVrrp = 112;
constexpr std::uint32_t kTrafficClassAndVersion = 0x60000000;

// RFC 8200 section 8.1.
std::uint16_t checksum(const ProbeFrame& frame, std::uint8_t protocol, std::span<const std::byte> body) {
    net::ByteWriter pseudo;
    put(pseudo, frame.from);
    put(pseudo, frame.to);
    pseudo.put(static_cast<std::uint32_t>(body.size()));
    pseudo.put(std::uint32_t{protocol});
    std::uint32_t sum = 0;
    for (const std::span<const std::byte> part : {std::span<const std::byte>{pseudo.bytes()}, body}) {
        net::ByteReader in{part};
        while (in.remaining() >= 2) sum += in.read<std::uint16_t>();
        if (in.remaining() == 1) sum += static_cast<std::uint32_t>(in.read<std::uint8_t>()) << 8U;
    }
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    const auto folded = static_cast<std::uint16_t>(~sum);
    return folded == 0 && protocol == IPPROTO_UDP ? std::uint16_t{0xffff} : folded;
}

std::vector<std::byte> finish(const ProbeFrame& frame, std::uint8_t protocol,
                              std::span<const std::byte> body) {
    net::ByteWriter out;
    put(out, frame.destination);
    // The source says by which interface: see FrameInjector.
    out.put(std::uint32_t{frame.link});
    out.put(std::uint16_t{0});
    out.put(kEtherTypeIpv6);
    out.put(kTrafficClassAndVersion);
    out.put(static_cast<std::uint16_t>(body.size()));
    out.put(protocol);
    out.put(frame.hop_limit);
    put(out, frame.from);
    put(out, frame.to);
    out.put(body);
    return std::move(out).release();
}

}  // namespace

std::vector<std::byte> tcp_probe(const ProbeFrame& frame, std::uint16_t port) {
    constexpr std::uint16_t kSource = 61819;
    constexpr std::uint16_t kSyn = 0x5002;  // five words, SYN
    constexpr std::uint16_t kTcpWindow = 1024;
    const auto segment = [&](std::uint16_t sum) {
        net::ByteWriter out;
        out.put(kSource);
        out.put(port);
        out.put(std::uint32_t{1});
        out.put(std::uint32_t{0});
        out.put(kSyn);
        out.put(kTcpWindow);
        out.put(sum);
        out.put(std::uint16_t{0});
        return std::move(out).release();
    };
    return finish(frame, IPPROTO_TCP, segment(checksum(frame, IPPROTO_TCP, segment(0))));
}

std::vector<std::byte> udp_probe(const ProbeFrame& frame, std::uint16_t source_port, std::uint16_t port) {
    constexpr std::uint16_t kHeader = 8;
    const auto datagram = [&](std::uint16_t sum) {
        net::ByteWriter out;
        out.put(source_port);
        out.put(port);
        out.put(kHeader);
        out.put(sum);
        return std::move(out).release();
    };
    return finish(frame, IPPROTO_UDP, datagram(checksum(frame, IPPROTO_UDP, datagram(0))));
}

std::vector<std::byte> solicitation_probe(ProbeFrame frame, const net::Ipv6Address& target) {
    constexpr std::uint8_t kNeighborSolicitation = 135;
    constexpr std::uint8_t kSourceLinkLayerAddress = 1;
    constexpr net::MacAddress kNobody{{0x02, 0x75, 0x6c, 0x67, 0x70, 0x72}};
    constexpr std::size_t kOwnBytes = 13;  // of ff02::1:ff00:0, before the target's last three
    frame.hop_limit = 255;
    frame.to = {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
    std::copy(target.bytes.begin() + kOwnBytes, target.bytes.end(), frame.to.bytes.begin() + kOwnBytes);
    frame.destination = {{0x33, 0x33, 0xff, target.bytes[13], target.bytes[14], target.bytes[15]}};
    const auto message = [&](std::uint16_t sum) {
        net::ByteWriter out;
        out.put(kNeighborSolicitation);
        out.put(std::uint8_t{0});
        out.put(sum);
        out.put(std::uint32_t{0});
        put(out, target);
        out.put(kSourceLinkLayerAddress);
        out.put(std::uint8_t{1});  // of eight bytes
        put(out, kNobody);
        return std::move(out).release();
    };
    return finish(frame, IPPROTO_ICMPV6, message(checksum(frame, IPPROTO_ICMPV6, message(0))));
}

std::vector<std::byte> vrrp_probe(const ProbeFrame& frame) {
    constexpr std::uint8_t kVersionAndType = 0x31;
    const auto advertisement = [&](std::uint16_t sum) {
        net::ByteWriter out;
        out.put(kVersionAndType);
        out.put(std::uint8_t{0});  // no virtual router has this number
        out.put(std::uint8_t{0});
        out.put(std::uint8_t{1});
        out.put(std::uint16_t{100});
        out.put(sum);
        put(out, frame.from);
        return std::move(out).release();
    };
    const std::uint16_t right = checksum(frame, kVrrp, advertisement(0));
    return finish(frame, kVrrp, advertisement(static_cast<std::uint16_t>(right ^ 1U)));
}

}  // namespace ulagate
