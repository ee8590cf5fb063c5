// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/base/address.h"

namespace ulagate::ra {

// A host on the link, as it presents itself.
struct Neighbor {
    net::Ipv6Address address;
    net::MacAddress link_address;
    bool operator==(const Neighbor&) const = default;
};

}  // namespace ulagate::ra
