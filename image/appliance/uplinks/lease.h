// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

namespace ulagate::appliance {

// A route that came with a lease (RFC 3442), or the one default route.
struct LeasedRoute {
    net::Ipv4Prefix destination;
    std::optional<net::Ipv4Address> gateway;  // nullopt: on the link itself
    bool operator==(const LeasedRoute&) const = default;
};

// What a DHCP server, or the far end of a PPP link, gave to an uplink.
struct Lease {
    net::Ipv4Prefix address;  // host bits set
    std::vector<LeasedRoute> routes;
    std::vector<net::Ipv4Address> dns;
    std::vector<net::Ipv4Address> time_servers;    // option 42
    std::optional<std::chrono::seconds> lifetime;  // nullopt: for ever
    bool operator==(const Lease&) const = default;
};

using Variables = std::map<std::string, std::string>;

// The variables that busybox' udhcpc hands to its script with "bound" and "renew", and pppd to its own. They
// come from a stranger's server: what is not an address is left out, and an address that cannot be ours is an
// error.
Result<Lease> lease_of_udhcpc(const Variables& variables);
Result<Lease> lease_of_pppd(const Variables& variables);

// How the script hands it to the manager: lines "key=value". Strict when read.
std::string to_text(const Lease& lease);
Result<Lease> parse_lease(std::string_view text);

}  // namespace ulagate::appliance
