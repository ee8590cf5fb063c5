// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>

#include "daemon/base/ipv4_prefix.h"
#include "daemon/config/appliance_values.h"
#include "daemon/config/sections.h"

namespace ulagate::config_file {
namespace {

// Networks for LANs that have none in the file. From 192.168.83.0 on they are hardly anybody else's: home
// routers have 0, 1, 2, 8, 10, 100 and 178, phones 42, 43, 49 and 137.
constexpr unsigned kFirst = 83;
constexpr unsigned kOf192 = 256 - kFirst;
constexpr unsigned kOf10 = 256;

net::Ipv4Prefix usual_network(unsigned n) {
    if (n < kOf192) return {net::Ipv4Address{{192, 168, static_cast<std::uint8_t>(kFirst + n), 1}}, 24};
    return {net::Ipv4Address{{10, kFirst, static_cast<std::uint8_t>(n - kOf192), 1}}, 24};
}

}  // namespace

std::optional<LanGateway> read_gateway(TableReader& lan) {
    const auto gateway = lan.flag("gateway", false);
    if (!gateway.value) {
        lan.ignore("ipv4");
        if (gateway.usable()) {
            lan.refuse("ipv4",
                       fmt::format("{} needs gateway = true, because without it hosts have their IPv4 from "
                                   "another router; add that, or remove it",
                                   lan.path_of("ipv4")));
        }
        return std::nullopt;
    }
    if (lan.has("vrrp")) {
        complain(lan.findings(), gateway,
                 "cannot be combined with [lan.vrrp] yet, because both routers would have the same IPv4 "
                 "address and "
                 "lease the same addresses to different hosts; remove one of the two");
    }
    return LanGateway{gateway, lan.text("ipv4", "192.168.83.1/24", parse_lan_ipv4)};
}

// In the order of the file, so that a LAN that is added at its end changes nothing for the others.
void settle_gateways(std::vector<LanConfig>& lans, const std::vector<std::optional<LanGateway>>& gateways,
                     const Facts& facts, Findings& findings) {
    std::vector<net::Ipv4Prefix> taken;
    for (const auto& network : facts.ipv4) taken.push_back(network.value);
    for (const auto& address : facts.uplink_addresses) {
        if (const auto* v4 = std::get_if<net::Ipv4Prefix>(&address.value)) taken.push_back(*v4);
    }
    unsigned next = 0;
    for (std::size_t i = 0; i < lans.size(); ++i) {
        const auto& gateway = gateways.at(i);
        if (!gateway) continue;
        if (gateway->ipv4.given()) {
            lans.at(i).gateway = GatewayConfig{gateway->ipv4.value};
            continue;
        }
        const auto is_taken = [&](const net::Ipv4Prefix& other) {
            return net::overlaps(other, usual_network(next));
        };
        while (next < kOf192 + kOf10 && std::any_of(taken.begin(), taken.end(), is_taken)) ++next;
        if (next == kOf192 + kOf10) {
            complain(findings, gateway->gateway,
                     "finds no free network; add ipv4 with an address for this LAN");
            return;
        }
        lans.at(i).gateway = GatewayConfig{usual_network(next++)};
    }
}

}  // namespace ulagate::config_file
