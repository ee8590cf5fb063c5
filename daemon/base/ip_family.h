// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>

#include "daemon/base/address.h"

namespace ulagate {

enum class IpFamily { ipv6, ipv4 };
inline constexpr std::array kIpFamilies{IpFamily::ipv6, IpFamily::ipv4};

inline IpFamily family_of(const net::IpAddress& address) {
    return std::holds_alternative<net::Ipv6Address>(address) ? IpFamily::ipv6 : IpFamily::ipv4;
}

}  // namespace ulagate
