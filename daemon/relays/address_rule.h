// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <set>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

namespace ulagate {

// Which of the addresses that a name server gives for a relay can be a relay's. Filters and switched-off
// names answer with 0.0.0.0, a relay's own hosts file with 127.0.0.1, and who gave the relay's name its
// overlay address too would send the tunnel into itself. Pure.
struct RelayAddressRule {
    net::Ipv6Prefix overlay;
    std::set<net::Ipv6Address> tunnel_addresses;  // of all machines that we know

    // Why it cannot be: "a loopback address"; empty: it can.
    [[nodiscard]] std::string refusal(const net::IpAddress& address) const;
    // Those that can be; an error when there were some and none can.
    [[nodiscard]] Result<std::vector<net::IpAddress>> usable(const std::string& host,
                                                             const std::vector<net::IpAddress>& all) const;
};

}  // namespace ulagate
