// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "daemon/base/address.h"
#include "tests/unit/text_values.h"

namespace ulagate::vrrp {

// The virtual router's address, ours and another router's.
inline const net::Ipv6Address kVip = address("fe80::5eed");
inline const net::Ipv6Address kSelf = address("fe80::1");
inline const net::Ipv6Address kOther = address("fe80::2");

}  // namespace ulagate::vrrp
