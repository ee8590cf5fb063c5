// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/base/address.h"

namespace ulagate::appliance {

// What the kernel says of a network interface, as far as the manager decides by it.
struct LinkFacts {
    bool up = false;
    bool carrier = false;   // IFF_RUNNING; of a Wi-Fi client: associated
    bool ethernet = false;  // a port or an adapter: no bridge, VLAN, tunnel, Wi-Fi
    bool wireless = false;
    std::string driver;  // "cdc_ether"; empty: not a device
    std::optional<net::MacAddress> mac;
    bool operator==(const LinkFacts&) const = default;
};
using LinkTable = std::map<std::string, LinkFacts>;  // by name

}  // namespace ulagate::appliance
