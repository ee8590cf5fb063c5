// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "daemon/base/bytes.h"
#include "ra/option.h"

// The options of Neighbor Discovery messages as bytes.
namespace ulagate::ra {

inline constexpr std::uint8_t kSourceLinkLayerAddressType = 1;
inline constexpr std::size_t kOptionUnit = 8;  // option lengths count these

// Both places that carry a preference keep it in bits 4 and 3 (RFC 4191 section 2.2, 2.3). nullopt: 10.
std::optional<Preference> to_preference(std::uint8_t flags);
std::uint8_t preference_bits(Preference preference);

// `body` is the option without type and length: 6, 14, 22, ... bytes.
std::optional<net::MacAddress> parse_link_layer_address(std::span<const std::byte> body);
// What a known type carries in a form its RFC does not define becomes an UnknownOption, as an unknown type
// does: RFC 4861 section 6.1 wants such options ignored, not the message dropped.
Option parse_option(std::uint8_t type, std::span<const std::byte> body);

// Nothing is written of what no wire format can carry.
void put_option(net::ByteWriter& out, const Option& option);
// Bytes that put_option() writes.
std::size_t size_of(const Option& option);

}  // namespace ulagate::ra
