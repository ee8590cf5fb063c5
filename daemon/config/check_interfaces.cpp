// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "daemon/base/ipv4_prefix.h"
#include "daemon/base/text.h"
#include "daemon/config/check.h"
#include "daemon/config/uplink.h"

namespace ulagate::config_file {
namespace {

using ByName = std::map<std::string, const Located<std::string>*>;

ByName by_name(const std::vector<Located<std::string>>& interfaces) {
    ByName out;
    for (const auto& interface : interfaces) out.emplace(interface.value, &interface);
    return out;
}

std::string ssid(const UplinkConfig& uplink) { return uplink.wifi ? uplink.wifi->ssid : std::string{}; }

void check_uplinks_differ(const Facts& facts, Findings& findings) {
    std::map<std::string, const Located<UplinkConfig>*> interfaces;
    std::map<std::pair<std::string, std::string>, unsigned> networks;
    for (const auto& uplink : facts.uplinks) {
        const std::string name = uplink_interface(uplink.value);
        if (name.empty() && uplink.value.kind != UplinkConfig::Kind::usb) continue;  // that has been said
        const auto [first, is_new] = interfaces.emplace(name, &uplink);
        const auto [network, is_new_there] =
            networks.emplace(std::pair{name, ssid(uplink.value)}, uplink.line);
        if (is_new) continue;
        if (uplink.value.wifi && first->second->value.wifi) {
            if (is_new_there) continue;
            complain(findings, uplink,
                     fmt::format("{} already looks for the network {} in line {}; remove one of the two",
                                 quote(name), quote(ssid(uplink.value)), network->second));
        } else if (name.empty()) {
            complain(findings, uplink,
                     fmt::format("is missing here and in line {}, so both match any USB device; remove one "
                                 "of the two, or name the interfaces",
                                 first->second->line));
        } else {
            complain(findings, uplink,
                     fmt::format("{} is already the uplink in line {}; for a second one on it write a vlan",
                                 quote(name), first->second->line));
        }
    }
}

void check_gateway_lans(const Facts& facts, Findings& findings) {
    const ByName gateways = by_name(facts.gateways);
    for (const auto& uplink : facts.uplinks) {
        const auto lan = gateways.find(uplink_interface(uplink.value));
        if (lan == gateways.end()) continue;
        complain(findings, uplink,
                 fmt::format("{} is the LAN of line {}, and its hosts have their internet from here "
                             "(gateway = true), so it cannot be there; name another interface",
                             quote(lan->first), lan->second->line));
    }
}

void check_access_point(const Facts& facts, Findings& findings) {
    if (!facts.access_point) return;
    const auto& ap = *facts.access_point;
    const ByName lans = by_name(facts.interfaces);
    const ByName gateways = by_name(facts.gateways);
    if (!lans.contains(ap.value)) {
        complain(findings, ap,
                 fmt::format("{} is not the interface of a [[lan]]; add a [[lan]] with it, which the access "
                             "point is to serve",
                             quote(ap.value)));
    } else if (!gateways.contains(ap.value)) {
        warn(
            findings, ap,
            fmt::format("{} is a LAN without gateway = true (line {}), so phones get no IPv4 and no internet "
                        "there; add that to the [[lan]]",
                        quote(ap.value), lans.at(ap.value)->line));
    }
    for (const auto& uplink : facts.uplinks) {
        if (!uplink.value.wifi || uplink.value.interface != ap.value || gateways.contains(ap.value)) continue;
        complain(findings, uplink,
                 fmt::format("{} is the access point of line {}, and one radio cannot be both; name another "
                             "interface",
                             quote(ap.value), ap.line));
    }
}

void check_uplink_networks(const Facts& facts, Findings& findings) {
    for (const auto& address : facts.uplink_addresses) {
        if (const auto* v6 = std::get_if<net::Ipv6Prefix>(&address.value)) {
            if (!facts.overlay || !facts.overlay->value.overlaps(*v6)) continue;
            complain(findings, address,
                     fmt::format("{} is in overlay.prefix {}, which belongs to the sites' hosts; write the "
                                 "address that the provider gave",
                                 to_string(*v6), to_string(facts.overlay->value)));
            continue;
        }
        const auto& v4 = std::get<net::Ipv4Prefix>(address.value);
        for (const auto& lan : facts.ipv4) {
            if (!overlaps(lan.value, v4)) continue;
            complain(findings, lan,
                     fmt::format("{} overlaps {} ({} in line {}); choose another network for this LAN",
                                 to_string(lan.value), to_string(v4), address.key, address.line));
        }
    }
}

}  // namespace

void check_interfaces(const Facts& facts, Findings& findings) {
    check_uplinks_differ(facts, findings);
    check_gateway_lans(facts, findings);
    check_access_point(facts, findings);
    check_uplink_networks(facts, findings);
}

}  // namespace ulagate::config_file
