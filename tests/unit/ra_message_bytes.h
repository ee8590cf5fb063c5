// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ra/message.h"

namespace ulagate::ra {

using Bytes = std::vector<std::byte>;

// "86 00 | 00 00": hexadecimal digits; everything else only helps the eye.
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

inline Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

inline net::Ipv6Address address(std::string_view text) { return net::parse_ipv6(text).value(); }
inline net::Ipv6Prefix prefix(std::string_view text) { return net::parse_ipv6_prefix(text).value(); }

inline const net::MacAddress kMac{{0x02, 0, 0, 0, 0x5e, 0xed}};
inline const PacketInfo kFromHost{address("fe80::1234"), address("ff02::2"), 255};
inline const PacketInfo kFromNobody{address("::"), address("ff02::2"), 255};
inline const PacketInfo kFromRouter{address("fe80::5eed"), address("ff02::1"), 255};

template <class T>
std::string why(const Result<T>& result) {
    return result ? "accepted" : result.error().text();
}

inline std::string refusal_of_solicitation(const Bytes& message, const PacketInfo& info = kFromHost) {
    return why(parse_router_solicitation(message, info));
}
inline std::string refusal_of_advertisement(const Bytes& message, const PacketInfo& info = kFromRouter) {
    return why(parse_router_advertisement(message, info));
}

}  // namespace ulagate::ra
