// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "daemon/base/address.h"
#include "ra/message.h"

// Messages with their IPv6 header (RFC 8200 section 3), for a socket that is below the kernel's IPv6.
namespace ulagate::ra {

struct Packet {
    std::span<const std::byte> message;  // from the ICMPv6 type on
    PacketInfo info;
};
// Nothing, unless ICMPv6 follows the IPv6 header directly, is complete, and has the right checksum. What the
// link has padded behind it is cut off.
std::optional<Packet> unwrap(std::span<const std::byte> packet);

// The hop limit is 255, as for all that stays on its link.
struct Header {
    net::Ipv6Address source;
    net::Ipv6Address destination;
    std::uint8_t next_header = 58;  // ICMPv6
    std::uint8_t traffic_class = 0;
};
std::vector<std::byte> with_header(const Header& header, std::span<const std::byte> message);

// One ICMPv6 message to many hosts: the packet for each differs in the destination and the checksum only.
class Wrapper {
public:
    Wrapper(const net::Ipv6Address& source, std::span<const std::byte> message);
    [[nodiscard]] std::vector<std::byte> to(const net::Ipv6Address& destination) const;

private:
    std::vector<std::byte> packet_;
    std::uint64_t sum_ = 0;  // of all but the destination
};

}  // namespace ulagate::ra
