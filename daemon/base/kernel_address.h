// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <netinet/in.h>

#include <cstring>

#include "daemon/base/address.h"

// Addresses as the socket calls want them.
namespace ulagate::net {

inline in_addr to_kernel(const Ipv4Address& address) {
    in_addr out{};
    std::memcpy(&out, address.bytes.data(), address.bytes.size());
    return out;
}

inline Ipv4Address from_kernel(const in_addr& address) {
    Ipv4Address out;
    std::memcpy(out.bytes.data(), &address, out.bytes.size());
    return out;
}

inline in6_addr to_kernel(const Ipv6Address& address) {
    in6_addr out{};
    std::memcpy(&out, address.bytes.data(), address.bytes.size());
    return out;
}

inline Ipv6Address from_kernel(const in6_addr& address) {
    Ipv6Address out;
    std::memcpy(out.bytes.data(), &address, out.bytes.size());
    return out;
}

}  // namespace ulagate::net
