// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/check.h"
#include "daemon/config/config.h"
#include "daemon/config/keys.h"
#include "daemon/config/reader.h"

// The larger tables of the language: each reads its own, complains about what is wrong by itself, and leaves
// in `facts` what has to agree with the rest of the file.
namespace ulagate::config_file {

// What the tables of a LAN need from the rest of the file; the defaults where that is wrong.
struct ParseContext {
    net::Ipv6Prefix overlay;
    std::string node;
};

// `gateway` and `ipv4` of a LAN that has its internet from this machine.
struct LanGateway {
    Located<bool> gateway;
    Located<net::Ipv4Prefix> ipv4;
};
// Nothing where hosts have it from another router.
std::optional<LanGateway> read_gateway(TableReader& lan);
// Gives the LANs their networks: those that are written, and for the others some that are free.
void settle_gateways(std::vector<LanConfig>& lans, const std::vector<std::optional<LanGateway>>& gateways,
                     const Facts& facts, Findings& findings);

// A table or key that only the other role has.
void refuse_other_role(TableReader& file, std::string_view key, std::string_view as_written, Role owner,
                       Role ours);

// [firewall].
FirewallConfig read_firewall(TableReader& file, std::optional<Role> role,
                             const std::optional<ApplianceConfig>& appliance, const Facts& facts);
// Its rows, and those of [lan.vrrp].
std::vector<KeyText> firewall_keys(Role role);
std::vector<KeyText> vrrp_keys();

// [appliance], [[uplink]] and [wifi_ap]; nothing where there is none of them.
std::optional<ApplianceConfig> read_appliance(TableReader& file, std::optional<Role> role,
                                              const std::string& node, Facts& facts);
std::vector<UplinkConfig> read_uplinks(TableReader& file, Facts& facts);

// [[lan]] and all in it, of an edge.
std::vector<LanConfig> read_lans(TableReader& file, const ParseContext& context, Facts& facts);
// [lan.vrrp] and [lan.vrrp.track] of a LAN; nothing where there is none.
std::optional<VrrpConfig> read_vrrp(TableReader& lan, Facts& facts);
// [[relay]] of an edge.
std::vector<RelayConfig> read_relays(TableReader& file, Facts& facts);
// [[peer_relay]] of a relay.
std::vector<RelayConfig> read_peer_relays(TableReader& file, const TunnelConfig& tunnel, Facts& facts);
// [[site]] and [[site.router]] of a relay.
std::vector<SiteConfig> read_sites(TableReader& file, Facts& facts);

}  // namespace ulagate::config_file
