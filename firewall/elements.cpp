// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/elements.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace ulagate::firewall {

std::vector<net::Ipv6Prefix> without_overlaps(const std::set<net::Ipv6Prefix>& prefixes) {
    std::vector<net::Ipv6Prefix> sorted;
    sorted.reserve(prefixes.size());
    for (const net::Ipv6Prefix& prefix : prefixes) sorted.push_back(prefix.network());
    // By address, then length: a prefix comes before everything inside it.
    std::sort(sorted.begin(), sorted.end());
    std::vector<net::Ipv6Prefix> apart;
    apart.reserve(sorted.size());
    for (const net::Ipv6Prefix& prefix : sorted) {
        if (apart.empty() || !apart.back().contains(prefix)) apart.push_back(prefix);
    }
    return apart;
}

bool all_64(const std::set<net::Ipv6Prefix>& prefixes) {
    return std::all_of(prefixes.begin(), prefixes.end(),
                       [](const auto& prefix) { return prefix.length == 64; });
}

std::vector<std::string> prefix_elements(const std::set<net::Ipv6Prefix>& prefixes, bool masked) {
    std::vector<std::string> elements;
    elements.reserve(prefixes.size());
    for (const net::Ipv6Prefix& prefix : without_overlaps(prefixes)) {
        elements.push_back(masked ? to_string(prefix.address) : to_string(prefix));
    }
    return elements;
}

std::map<std::string, std::vector<std::string>> changing_sets(const Model& model) {
    std::map<std::string, std::vector<std::string>> sets;
    if (model.role == Role::relay) sets["sites"] = prefix_elements(model.sites, all_64(model.sites));
    auto& peers = sets["peers"];
    for (const net::Ipv6Address& peer : model.peers) peers.push_back(to_string(peer));
    if (model.bridges.empty()) return sets;
    for (const Bridge& bridge : model.bridges) {
        const std::string name = quoted(bridge.interface);
        sets["bridges"].push_back(name);
        sets["switched"].push_back(fmt::format("{0} . {0}", name));
        sets["routed"].push_back(fmt::format("{} . {}", name, to_string(bridge.mac)));
    }
    return sets;
}

std::string quoted(const std::string& name) {
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return c > ' ' && c < '\x7f' && c != '"' && c != '\\' && c != '*';
    });
    if (!plain) throw std::invalid_argument("firewall: interface name that does not fit into a rule");
    return '"' + name + '"';
}

Ports ports_of(const std::vector<Service>& services, Service::Protocol protocol) {
    std::vector<std::pair<unsigned, unsigned>> ranges;
    for (const Service& service : services) {
        if (service.protocol != protocol) continue;
        if (service.first_port == 0 && service.last_port == 0) return {true, {}};
        ranges.emplace_back(service.first_port, std::max(service.first_port, service.last_port));
    }
    std::sort(ranges.begin(), ranges.end());
    std::vector<std::pair<unsigned, unsigned>> merged;
    for (const auto& range : ranges) {
        if (!merged.empty() && range.first <= merged.back().second + 1) {
            merged.back().second = std::max(merged.back().second, range.second);
        } else {
            merged.push_back(range);
        }
    }
    Ports ports;
    for (const auto& [first, last] : merged) {
        ports.ranges.push_back(first == last ? fmt::to_string(first) : fmt::format("{}-{}", first, last));
    }
    return ports;
}

bool allows(const std::vector<Service>& services, Service::Protocol protocol) {
    return std::any_of(services.begin(), services.end(),
                       [protocol](const Service& service) { return service.protocol == protocol; });
}

}  // namespace ulagate::firewall
