// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "firewall/checkpoint_reader.h"

namespace ulagate {

// What is known of other filters on this machine, by names alone.
struct ForeignFilters {
    std::vector<firewall::Chain> chains;  // of nf_tables, not ours
    std::set<std::string> legacy;         // tables of the old ip6_tables that may drop something
    std::set<std::string> legacy_chains;  // of their "filter"
    bool ferm = false;                    // is configured here: what it makes has no name of its own
};

// What should get through, in the words of a rule.
struct Need {
    enum class Kind { forward, within_lan, vrrp, wireguard, control, resolution };
    Kind kind = Kind::forward;
    bool before_routing = false;  // it is lost by a filter of the prerouting hook
    net::Ipv6Prefix overlay;
    std::string lan;                // vrrp, within_lan, resolution: its interface
    std::set<std::string> tunnels;  // control: their interfaces
    std::uint16_t first_port = 0;   // wireguard
    std::uint16_t last_port = 0;
};

// Who may drop it, and the line that mends that: for a shell, or for a file that the line names.
struct Suspect {
    std::string name;
    std::string line;
    bool operator==(const Suspect&) const = default;
};

// The likely ones first; none: nothing that can be seen from here. Pure.
std::vector<Suspect> suspects(const ForeignFilters& filters, const Need& need);

}  // namespace ulagate
