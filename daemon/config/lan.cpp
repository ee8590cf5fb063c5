// SPDX-License-Identifier: GPL-2.0-or-later
#include <utility>

#include "daemon/config/ra.h"
#include "daemon/config/sections.h"
#include "daemon/config/values.h"

namespace ulagate::config_file {
namespace {

LanConfig read_lan(TableReader& lan, const ParseContext& context, std::optional<LanGateway>& gateway,
                   Facts& facts) {
    LanConfig out;
    if (const auto interface = lan.require("interface", "eth0", parse_interface)) {
        out.interface = interface->value;
        facts.interfaces.push_back(*interface);
    }
    gateway = read_gateway(lan);
    if (gateway && !out.interface.empty()) facts.gateways.push_back(facts.interfaces.back());
    if (gateway && gateway->ipv4.given()) facts.ipv4.push_back(gateway->ipv4);
    if (const auto prefix = lan.require("prefix", "fd12:3456:789a:a::/64", parse_lan_prefix)) {
        out.prefix = prefix->value;
        facts.prefixes.push_back(*prefix);
    }
    out.vrrp = read_vrrp(lan, facts);

    // The Active router of several also holds <prefix>::1, and what is advertised is the same on all of them.
    const std::uint64_t router_identifier = out.vrrp ? 1 : interface_identifier(context.node);

    const auto advertise =
        read_ra(lan, {out.prefix, context.overlay, router_identifier, gateway.has_value()}, out);
    if (out.vrrp && !advertise.value) {
        warn(lan.findings(), advertise,
             "if this is false, hosts do not learn of the virtual router of [lan.vrrp]; remove it, or give "
             "them the route by other means");
    }
    lan.finish();
    return out;
}

}  // namespace

std::vector<LanConfig> read_lans(TableReader& file, const ParseContext& context, Facts& facts) {
    std::vector<LanConfig> out;
    if (!file.has("lan") || file.is_empty_list("lan")) {
        file.findings().error(0, "lan", "is missing; add a [[lan]] table for each LAN of this site");
    }
    std::vector<std::optional<LanGateway>> gateways;
    for (auto& lan : file.tables("lan"))
        out.push_back(read_lan(lan, context, gateways.emplace_back(), facts));
    settle_gateways(out, gateways, facts, file.findings());
    return out;
}

}  // namespace ulagate::config_file
