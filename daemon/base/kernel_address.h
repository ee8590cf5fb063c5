// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <netinet/in.h>

#include <bit>

#include "daemon/base/address.h"

// Addresses as the socket calls want them: the same bytes, in network order.
namespace ulagate::net {

inline in_addr to_kernel(const Ipv4Address& address) { return std::bit_cast<in_addr>(address.bytes); }
inline in6_addr to_kernel(const Ipv6Address& address) { return std::bit_cast<in6_addr>(address.bytes); }

inline Ipv4Address from_kernel(const in_addr& address) { return std::bit_cast<Ipv4Address>(address); }
inline Ipv6Address from_kernel(const in6_addr& address) { return std::bit_cast<Ipv6Address>(address); }

}  // namespace ulagate::net
