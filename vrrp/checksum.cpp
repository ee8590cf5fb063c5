// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/checksum.h"

namespace ulagate::vrrp {
namespace {

// The sum of 16-bit words; an odd last byte counts as if a zero followed it.
std::uint64_t sum_of_words(std::span<const std::byte> bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        sum += std::to_integer<std::uint64_t>(bytes[i]) << (i % 2 == 0 ? 8U : 0U);
    }
    return sum;
}

}  // namespace

std::uint16_t checksum(const net::Ipv6Address& source, const net::Ipv6Address& destination,
                       std::uint8_t next_header, std::span<const std::byte> message) {
    std::uint64_t sum = sum_of_words(std::as_bytes(std::span{source.bytes})) +
                        sum_of_words(std::as_bytes(std::span{destination.bytes})) + message.size() +
                        next_header + sum_of_words(message);
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace ulagate::vrrp
