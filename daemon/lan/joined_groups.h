// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <set>
#include <string_view>
#include <utility>

#include "daemon/base/address.h"

namespace ulagate {

// What the kernel's IPv6 receives on each link (interface index, group), by /proc/net/igmp6. A socket that
// has joined is not proof: when the MTU of a link falls below 1280 the kernel throws the link's IPv6 away,
// with the groups, and makes a new one without them, while the sockets believe that they are members.
using JoinedGroups = std::set<std::pair<unsigned, net::Ipv6Address>>;

// Lines that say something else are left out. Pure.
JoinedGroups parse_joined_groups(std::string_view igmp6);

}  // namespace ulagate
