// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"
#include "image/appliance/uplinks/uplinks.h"

namespace ulagate::appliance {

// A LAN that has its internet from this machine.
struct GatewayLan {
    std::string interface;
    net::Ipv4Prefix ipv4;  // our address and its network
    bool operator==(const GatewayLan&) const = default;
};

// The addresses that DHCP hands out of such a network: those on the larger side of our own, but for the
// quarter next to it, which is left for addresses that people give by hand. Nothing when there is no room.
struct DhcpPool {
    net::Ipv4Address first;
    net::Ipv4Address last;
    bool operator==(const DhcpPool&) const = default;
};
std::optional<DhcpPool> dhcp_pool(const net::Ipv4Prefix& lan);

struct DnsmasqSetup {
    std::vector<GatewayLan> lans;
    std::string hostname;
    std::string servers_file;  // read again on SIGHUP
    std::string leases_file;
    std::string user;  // to run as; empty: as it was started
};
// DHCP and DNS for the gateway LANs. No Router Advertisements: those are the router's.
Result<std::string> dnsmasq_conf(const DnsmasqSetup& setup);
std::string dnsmasq_servers(const std::vector<NameServer>& servers);
// The same servers for this machine itself.
std::string resolv_conf(const std::vector<NameServer>& servers);

// The options of one PPPoE session, for pppd's "file". Nothing in user and password can be an option.
Result<std::string> pppoe_options(const std::string& below, const UplinkPlan::Pppoe& session,
                                  const std::string& script);

// The lines of an authorized_keys file; an error names the one that is not a line.
Result<std::string> authorized_keys(const std::vector<std::string>& keys);

}  // namespace ulagate::appliance
