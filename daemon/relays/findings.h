// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/obstacles.h"

namespace ulagate {

// What one relay says of itself, of us, and of the prefixes of our LANs.
struct RelayWord {
    std::string name;
    bool forwards = true;                   // what one site sends to another gets through it
    std::map<net::Ipv6Prefix, bool> knows;  // as prefixes of our site; what it never spoke of is missing
    bool in_two_places = false;             // it hears our key from two places by turns
};

// What in these words keeps hosts of ours from being reached, whatever this router does. `lans`: prefixes by
// interface. Pure.
std::vector<Obstacle> relay_obstacles(const std::string& site,
                                      const std::map<std::string, net::Ipv6Prefix>& lans,
                                      const std::vector<RelayWord>& relays);

}  // namespace ulagate
