// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/config/appliance.h"
#include "daemon/config/findings.h"
#include "wg/device/key.h"

namespace ulagate::config_file {

// What a file says that has to agree with something said elsewhere in it. Values that are wrong by themselves
// are not in here. A relay may have 10,000 sites, so all checks sort and none compares each with each.
struct Facts {
    std::optional<Located<net::Ipv6Prefix>> overlay;
    std::vector<Located<net::Ipv6Prefix>> prefixes;    // lan.prefix or site.prefixes
    std::vector<Located<net::Ipv6Address>> addresses;  // of machines, in the tunnel
    std::vector<Located<net::Ipv6Address>> endpoints;  // of relays, where they are IPv6 addresses
    std::vector<Located<wg::PublicKey>> public_keys;
    std::vector<Located<std::string>> nodes;
    std::vector<Located<std::string>> names;          // of relays or sites
    std::vector<Located<std::string>> interfaces;     // of LANs
    std::vector<Located<std::uint8_t>> virtual_macs;  // lan.vrrp.id where virtual_mac is on
    std::vector<Located<std::string>> gateways;       // interfaces of LANs with gateway = true
    std::vector<Located<net::Ipv4Prefix>> ipv4;       // lan.ipv4
    std::vector<Located<UplinkConfig>> uplinks;
    std::vector<Located<net::IpPrefix>> uplink_addresses;
    std::optional<Located<std::string>> access_point;  // wifi_ap.interface
};

void check(const Facts& facts, Findings& findings);

// What the tables of the firmware and the LANs say of the same interfaces and networks.
void check_interfaces(const Facts& facts, Findings& findings);

// Of the routers of one site.
void check_priorities(std::vector<Located<std::uint8_t>> priorities, Findings& findings);

}  // namespace ulagate::config_file
