// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string_view>
#include <vector>

#include "daemon/base/address.h"

// Values that the tests write as text. One that cannot be read fails the test.
namespace ulagate {

using Bytes = std::vector<std::byte>;

inline net::Ipv6Address address(std::string_view text) { return net::parse_ipv6(text).value(); }
inline net::Ipv6Prefix prefix(std::string_view text) { return net::parse_ipv6_prefix(text).value(); }
inline net::IpAddress ip(std::string_view text) { return net::parse_ip(text).value(); }
inline net::Endpoint endpoint(std::string_view text) { return net::parse_endpoint(text).value(); }

// "31 33 | c8 01": hexadecimal digits; everything else only helps the eye.
inline Bytes hex(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    Bytes bytes;
    unsigned value = 0;
    bool half = false;
    for (const char c : text) {
        const auto digit = kDigits.find(c);
        if (digit == std::string_view::npos) continue;
        value = value << 4U | static_cast<unsigned>(digit);
        if (half) bytes.push_back(static_cast<std::byte>(value & 0xffU));
        half = !half;
    }
    EXPECT_FALSE(half) << "odd number of digits";
    return bytes;
}

}  // namespace ulagate
