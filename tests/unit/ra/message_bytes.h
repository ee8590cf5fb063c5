// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ra/message.h"
#include "tests/unit/text_values.h"

namespace ulagate::ra {

inline Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

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
