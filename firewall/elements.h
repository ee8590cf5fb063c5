// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "firewall/model.h"

namespace ulagate::firewall {

// What goes into the sets of the ruleset. nft refuses sets with overlapping intervals (and its `auto-merge`
// makes a later removal of one element fail), so everything is merged here first; equal meaning gives equal
// elements.

// Network addresses only, sorted, and none inside another.
std::vector<net::Ipv6Prefix> without_overlaps(const std::set<net::Ipv6Prefix>& prefixes);

bool all_64(const std::set<net::Ipv6Prefix>& prefixes);

// One element a prefix: the bare address where the set is keyed by the masked address, else with its length.
std::vector<std::string> prefix_elements(const std::set<net::Ipv6Prefix>& prefixes, bool masked);

// The sets of the ruleset whose elements come and go while its rules stay, by name.
std::map<std::string, std::vector<std::string>> changing_sets(const Model& model);

// An interface name as nft wants it. Throws std::invalid_argument for one that does not fit into a rule.
std::string quoted(const std::string& name);

// The ports that a list of services opens for one of tcp and udp.
struct Ports {
    bool all = false;
    std::vector<std::string> ranges;  // "22", "58000-60000"; sorted and apart from each other
    [[nodiscard]] bool none() const { return !all && ranges.empty(); }
};

Ports ports_of(const std::vector<Service>& services, Service::Protocol protocol);

bool allows(const std::vector<Service>& services, Service::Protocol protocol);

}  // namespace ulagate::firewall
