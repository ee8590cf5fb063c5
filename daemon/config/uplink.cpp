// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/uplink.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/ipv4_prefix.h"
#include "daemon/config/appliance_values.h"
#include "daemon/config/sections.h"

namespace ulagate {

std::string uplink_interface(const UplinkConfig& uplink) {
    if (!uplink.vlan || uplink.interface.empty()) return uplink.interface;
    return fmt::format("{}.{}", uplink.interface, *uplink.vlan);
}

namespace config_file {
namespace {

constexpr std::size_t kMaxUplinks = 16;
constexpr std::size_t kLongestInterface = 15;  // IFNAMSIZ - 1

using Kind = UplinkConfig::Kind;

// Keys that go with another value of another key only.
void refuse_all(TableReader& table, const std::vector<const char*>& keys, std::string_view why) {
    for (const char* key : keys) table.refuse(key, fmt::format("{} {}", table.path_of(key), why));
}

// One at least.
template <class Parse>
std::vector<Located<ParsedBy<Parse>>> require_some(TableReader& table, std::string_view key,
                                                   std::string_view example, const Parse& parse) {
    if (!table.has(key) || table.is_empty_list(key)) table.missing(key, fmt::format("[\"{}\"]", example));
    return table.list_or_none(key, example, parse);
}

bool is_neighbour(const net::IpAddress& gateway, const net::IpPrefix& network) {
    if (const auto* v6 = std::get_if<net::Ipv6Address>(&gateway)) {
        const auto* own = std::get_if<net::Ipv6Prefix>(&network);
        return own != nullptr && (v6->is_link_local() || own->contains(*v6)) && own->address != *v6;
    }
    const auto* own = std::get_if<net::Ipv4Prefix>(&network);
    const auto& v4 = std::get<net::Ipv4Address>(gateway);
    return own != nullptr && contains(*own, v4) && own->address != v4;
}

void check_gateways(const std::vector<Located<net::IpPrefix>>& addresses,
                    const std::vector<Located<net::IpAddress>>& gateways, Findings& findings) {
    std::vector<std::size_t> families;
    for (const auto& gateway : gateways) {
        if (std::find(families.begin(), families.end(), gateway.value.index()) != families.end()) {
            complain(findings, gateway,
                     "has two of one family; an uplink has one gateway for IPv4 and one for IPv6");
        }
        families.push_back(gateway.value.index());
        const auto reaches = [&](const auto& address) { return is_neighbour(gateway.value, address.value); };
        if (!addresses.empty() && std::none_of(addresses.begin(), addresses.end(), reaches)) {
            complain(findings, gateway,
                     fmt::format("{} is not in the network of any address of this uplink; write the next "
                                 "router, from the same network",
                                 to_string(gateway.value)));
        }
    }
}

UplinkConfig::Fixed read_fixed(TableReader& uplink, Facts& facts) {
    UplinkConfig::Fixed out;
    const auto addresses = require_some(uplink, "address", "192.0.2.2/24", parse_interface_address);
    const auto gateways = require_some(uplink, "gateway", "192.0.2.1", parse_gateway);
    check_gateways(addresses, gateways, uplink.findings());
    for (const auto& address : addresses) {
        out.addresses.push_back(address.value);
        facts.uplink_addresses.push_back(address);
    }
    for (const auto& gateway : gateways) out.gateways.push_back(gateway.value);
    for (const auto& server : uplink.list_or_none("dns", "9.9.9.9", parse_resolver))
        out.dns.push_back(server.value);
    return out;
}

UplinkConfig::Wifi read_wifi(TableReader& uplink) {
    UplinkConfig::Wifi out;
    if (const auto ssid = uplink.require("ssid", "my network", parse_ssid)) out.ssid = ssid->value;
    out.password = uplink.text("password", "the password of the network", parse_wifi_password).value;
    out.hidden = uplink.flag("hidden", false).value;
    return out;
}

void read_pppoe(TableReader& uplink, UplinkConfig& out, bool is_static) {
    if (out.kind != Kind::ethernet) {
        uplink.refuse("pppoe",
                      fmt::format("{} needs kind = \"ethernet\"; remove it", uplink.path_of("pppoe")));
        return;
    }
    auto pppoe = uplink.table("pppoe");
    if (!pppoe) return;
    out.pppoe.emplace();
    if (const auto user = pppoe->require("user", "user@provider", parse_pppoe_word))
        out.pppoe->user = user->value;
    if (const auto word = pppoe->require("password", "its password", parse_pppoe_word))
        out.pppoe->password = word->value;
    pppoe->finish();
    if (is_static) {
        uplink.findings().error(
            uplink.line_of("addresses"), uplink.path_of("addresses"),
            "\"static\" cannot be combined with PPPoE, which assigns the address; remove it");
    }
}

void read_vlan(TableReader& uplink, UplinkConfig& out) {
    if (out.kind == Kind::wifi) {
        uplink.refuse("vlan",
                      fmt::format("{} is for cables; remove it from a Wi-Fi uplink", uplink.path_of("vlan")));
        return;
    }
    const auto vlan = uplink.integer<std::uint16_t>("vlan", 0, 1, 4094);
    if (!vlan.given()) return;
    out.vlan = vlan.value;
    if (out.interface.empty()) {
        if (!uplink.has("interface")) complain(uplink.findings(), vlan, "needs an interface; name it too");
    } else if (uplink_interface(out).size() > kLongestInterface) {
        complain(uplink.findings(), vlan,
                 fmt::format(
                     "makes the interface \"{}\", but a name has at most {} characters; rename the interface",
                     uplink_interface(out), kLongestInterface));
    }
}

void read_interface(TableReader& uplink, UplinkConfig& out) {
    if (out.kind == Kind::usb && !uplink.has("interface")) {
        uplink.ignore("interface");
        return;
    }
    const auto* example = out.kind == Kind::wifi ? "wlan0" : (out.kind == Kind::usb ? "usb0" : "eth1");
    if (const auto interface = uplink.require("interface", example, parse_uplink_interface))
        out.interface = interface->value;
}

UplinkConfig read_uplink(TableReader& uplink, Facts& facts) {
    const OneOf<Kind> kinds{{"ethernet", Kind::ethernet}, {"wifi", Kind::wifi}, {"usb", Kind::usb}};
    const OneOf<bool> ways{{"automatic", false}, {"static", true}};
    UplinkConfig out;
    const auto kind = uplink.require("kind", "ethernet", kinds);
    if (kind) out.kind = kind->value;
    const auto is_static = uplink.optional("addresses", "automatic", ways);
    if (!kind) {  // What else belongs here is not known.
        for (const char* key : {"interface", "vlan", "ssid", "password", "hidden", "pppoe"})
            uplink.ignore(key);
    } else {
        read_interface(uplink, out);
        read_vlan(uplink, out);
        read_pppoe(uplink, out, is_static.value);
        if (out.kind == Kind::wifi) {
            out.wifi = read_wifi(uplink);
        } else {
            refuse_all(uplink, {"ssid", "password", "hidden"},
                       out.pppoe ? "belongs to kind = \"wifi\"; that of PPPoE goes into [uplink.pppoe]"
                                 : "belongs to kind = \"wifi\"; remove it, or change kind");
        }
    }
    if (is_static.value) {
        out.fixed = read_fixed(uplink, facts);
    } else if (is_static.usable()) {
        refuse_all(uplink, {"address", "gateway", "dns"},
                   "belongs to addresses = \"static\"; write that too, or remove it");
    } else {
        for (const char* key : {"address", "gateway", "dns"}) uplink.ignore(key);
    }
    uplink.finish();
    if (kind) facts.uplinks.push_back({out, uplink.path_of("interface"), uplink.line_of("interface"), {}});
    return out;
}

}  // namespace

std::vector<UplinkConfig> read_uplinks(TableReader& file, Facts& facts) {
    std::vector<UplinkConfig> out;
    for (auto& uplink : file.tables("uplink")) {
        out.push_back(read_uplink(uplink, facts));
        if (out.size() == kMaxUplinks + 1) {
            file.findings().error(uplink.line(), file.path_of("uplink"),
                                  fmt::format("at most {} are allowed; remove the rest", kMaxUplinks));
        }
    }
    return out;
}

}  // namespace config_file
}  // namespace ulagate
