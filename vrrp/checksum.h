// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "daemon/base/address.h"

namespace ulagate::vrrp {

// The Internet checksum (RFC 1071) of a message behind the pseudo-header of IPv6 (RFC 8200 section 8.1). Over
// a message that holds its own right checksum it is 0.
std::uint16_t checksum(const net::Ipv6Address& source, const net::Ipv6Address& destination,
                       std::uint8_t next_header, std::span<const std::byte> message);

}  // namespace ulagate::vrrp
