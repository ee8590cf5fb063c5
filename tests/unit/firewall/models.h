// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <string>

#include "firewall/model.h"
#include "tests/unit/text_values.h"

namespace ulagate::firewall {

// The models whose rulesets are kept as golden files; tests/lab/firewall_packets.py sends packets through
// these very files, so their interface names and addresses are those of its namespaces.

inline Model edge_model(Mode mode = Mode::appliance) {
    Model model;
    model.mode = mode;
    model.role = Role::edge;
    model.overlay = prefix("fd12:3456:789a::/48");
    // The first LAN has a virtual router with a MAC of its own and Accept_Mode off, the second one without
    // and with Accept_Mode on.
    const net::Ipv6Address closed = net::parse_ipv6("fe80::5eed").value();
    model.lans = {{"lan0", prefix("fd12:3456:789a:a::/64"), true, closed},
                  {"ulg-v51", prefix("fd12:3456:789a:a::/64"), true, closed},
                  {"lan1", prefix("fd12:3456:789a:b::/64"), true, {}}};
    model.tunnels = {{"ulg-r1", 51820, 1420}, {"ulg-r2", 51821, 1280}};
    model.input = {{Service::Protocol::tcp, 22, 22}};
    for (const char* peer : {"fd99::a1", "fd99::1", "fd99::2"})
        model.peers.insert(net::parse_ipv6(peer).value());
    return model;
}

// The same site with one router.
inline Model lone_edge_model(Mode mode = Mode::appliance) {
    Model model = edge_model(mode);
    model.lans = {{"lan0", prefix("fd12:3456:789a:a::/64"), false, {}},
                  {"lan1", prefix("fd12:3456:789a:b::/64"), false, {}}};
    return model;
}

// The firmware, with a LAN that has its internet from it and one that has not.
inline Model gateway_model(Mode mode = Mode::appliance, AccessScope ssh = AccessScope::lans) {
    Model model = lone_edge_model(mode);
    model.lans.front().gateway = net::Ipv4Prefix{net::Ipv4Address{{192, 168, 7, 1}}, 24};
    model.input.clear();
    model.status_page = true;
    model.ssh = ssh;
    return model;
}

// The LAN is a bridge, whose ports are a cable and an access point, say; hosts have their internet from us.
inline Model bridge_model(Mode mode = Mode::appliance) {
    Model model = gateway_model(mode);
    model.lans.front().interface = "br0";
    model.lans.front().vrrp = true;
    model.lans.front().closed = net::parse_ipv6("fe80::5eed").value();
    model.bridges = {{"br0", net::MacAddress{{2, 0, 0, 0, 0, 0xb0}}}};
    return model;
}

inline Model relay_model(Mode mode = Mode::appliance) {
    Model model;
    model.mode = mode;
    model.role = Role::relay;
    model.overlay = prefix("fd12:3456:789a::/48");
    model.tunnels = {{"ulg-s1", 51820, 1420}, {"ulg-s2", 51821, 1420}};
    model.forward = {{Service::Protocol::icmpv6, 0, 0}, {Service::Protocol::udp, 58000, 60000}};
    model.input = {{Service::Protocol::tcp, 22, 22}};
    model.sites = {prefix("fd12:3456:789a:a::/64"), prefix("fd12:3456:789a:b::/64")};
    for (const char* peer : {"fd99::1", "fd99::a", "fd99::b"})
        model.peers.insert(net::parse_ipv6(peer).value());
    return model;
}

// With a tunnel to another relay.
inline Model linked_relay_model() {
    Model model = relay_model();
    model.tunnels.push_back({"ulg-r2", 51828, 1420, true});
    return model;
}

inline Model relay_with_sites(unsigned count) {
    Model model = relay_model();
    model.sites.clear();
    for (unsigned i = 0; i < count; ++i)
        model.sites.insert(prefix(fmt::format("fd12:3456:789a:{:x}::/64", i)));
    return model;
}

}  // namespace ulagate::firewall
