// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string_view>

#include "daemon/base/address.h"

// What Ipv6Prefix has as members, for the few places where networks are IPv4.
namespace ulagate::net {

Ipv4Prefix network(const Ipv4Prefix& prefix);
// Its last address, which all of its hosts listen to.
Ipv4Address broadcast(const Ipv4Prefix& prefix);
bool contains(const Ipv4Prefix& prefix, const Ipv4Address& address);
bool contains(const Ipv4Prefix& outer, const Ipv4Prefix& inner);  // the same prefix counts
bool overlaps(const Ipv4Prefix& a, const Ipv4Prefix& b);

std::optional<Ipv4Prefix> parse_ipv4_prefix(std::string_view text);  // "192.0.2.2/24"; the length is required
std::optional<IpPrefix> parse_ip_prefix(std::string_view text);

}  // namespace ulagate::net
