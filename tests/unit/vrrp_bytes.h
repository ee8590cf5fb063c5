// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "daemon/base/address.h"

namespace ulagate::vrrp {

using Bytes = std::vector<std::byte>;

// "31 33 | c8 01": hexadecimal digits; everything else only helps the eye.
inline Bytes hex(std::string_view text) {
    const std::string_view digits = "0123456789abcdef";
    Bytes bytes;
    unsigned value = 0;
    bool half = false;
    for (const char c : text) {
        const auto digit = digits.find(c);
        if (digit == std::string_view::npos) continue;
        value = value << 4U | static_cast<unsigned>(digit);
        if (half) bytes.push_back(static_cast<std::byte>(value & 0xffU));
        half = !half;
    }
    EXPECT_FALSE(half) << "odd number of digits";
    return bytes;
}

inline net::Ipv6Address address(std::string_view text) { return net::parse_ipv6(text).value(); }

// The virtual router's address, ours and another router's.
inline const net::Ipv6Address kVip = address("fe80::5eed");
inline const net::Ipv6Address kSelf = address("fe80::1");
inline const net::Ipv6Address kOther = address("fe80::2");

}  // namespace ulagate::vrrp
