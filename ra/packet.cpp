// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/packet.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "daemon/base/bytes.h"

namespace ulagate::ra {
namespace {

constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::size_t kHeader = 40;
constexpr std::size_t kDestinationAt = 24;
constexpr std::size_t kChecksumAt = 2;  // in the message

// The sum of 16-bit words (RFC 1071); an odd last byte counts as if a zero followed it.
std::uint64_t sum_of_words(std::span<const std::byte> bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += std::to_integer<std::uint64_t>(bytes[i]) << (i % 2 == 0 ? 8U : 0U);
    return sum;
}

std::uint64_t sum_of_words(const net::Ipv6Address& address) {
    return sum_of_words(std::as_bytes(std::span{address.bytes}));
}

std::uint16_t fold(std::uint64_t sum) {
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(sum);
}

net::Ipv6Address read_address(net::ByteReader& in) {
    net::Ipv6Address address;
    for (std::uint8_t& byte : address.bytes) byte = in.read<std::uint8_t>();
    return address;
}

}  // namespace

// |Version| Traffic Class |           Flow Label                  |
// |         Payload Length        |  Next Header  |   Hop Limit   |
// | Source Address (16 bytes) | Destination Address (16 bytes)    |
std::optional<Packet> unwrap(std::span<const std::byte> packet) {
    net::ByteReader in{packet};
    const unsigned version = in.read<std::uint32_t>() >> 28U;
    const std::size_t length = in.read<std::uint16_t>();
    const auto next_header = in.read<std::uint8_t>();
    Packet out;
    out.info.hop_limit = in.read<std::uint8_t>();
    out.info.source = read_address(in);
    out.info.destination = read_address(in);
    out.message = in.take(length);
    if (!in.ok() || version != 6 || next_header != kIcmpv6 || length == 0) return std::nullopt;
    const std::uint64_t sum = sum_of_words(out.info.source) + sum_of_words(out.info.destination) + length +
                              kIcmpv6 + sum_of_words(out.message);
    if (fold(sum) != 0xffff) return std::nullopt;
    return out;
}

std::vector<std::byte> with_header(const Header& header, std::span<const std::byte> message) {
    net::ByteWriter out;
    out.put((std::uint32_t{6} << 28U) | (std::uint32_t{header.traffic_class} << 20U));
    out.put(static_cast<std::uint16_t>(message.size()));
    out.put(header.next_header);
    out.put(std::uint8_t{255});
    out.put(std::as_bytes(std::span{header.source.bytes}));
    out.put(std::as_bytes(std::span{header.destination.bytes}));
    out.put(message);
    return std::move(out).release();
}

Wrapper::Wrapper(const net::Ipv6Address& source, std::span<const std::byte> message)
    : packet_(with_header({source, {}}, message)),
      sum_(sum_of_words(source) + message.size() + kIcmpv6 + sum_of_words(message)) {}

std::vector<std::byte> Wrapper::to(const net::Ipv6Address& destination) const {
    std::vector<std::byte> packet = packet_;
    const auto address = std::as_bytes(std::span{destination.bytes});
    std::copy(address.begin(), address.end(), packet.begin() + kDestinationAt);
    const unsigned checksum = ~static_cast<unsigned>(fold(sum_ + sum_of_words(destination)));
    packet.at(kHeader + kChecksumAt) = static_cast<std::byte>(checksum >> 8U);
    packet.at(kHeader + kChecksumAt + 1) = static_cast<std::byte>(checksum);
    return packet;
}

}  // namespace ulagate::ra
