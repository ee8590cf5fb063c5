// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <vector>

#include "daemon/config/config.h"
#include "tests/sim/dice.h"

namespace ulagate::sim {

inline const net::Ipv6Address kVirtualAddress = net::parse_ipv6("fe80::5eed").value();

// The LAN as the reference configuration has it, with [lan.vrrp].
inline LanConfig lan(std::uint8_t priority, vrrp::Centiseconds interval) {
    using namespace std::chrono_literals;
    LanConfig made;
    made.interface = "eth0";
    made.prefix = net::parse_ipv6_prefix("fd12:3456:789a:a::/64").value();
    made.ra.advertisement.options = {
        ra::PrefixInformation{made.prefix},
        ra::RouteInformation{net::parse_ipv6_prefix("fd12:3456:789a::/48").value(), ra::Preference::high,
                             ra::Seconds{1800}}};
    made.vrrp.emplace();
    made.vrrp->machine.vrid = 51;
    made.vrrp->machine.address = kVirtualAddress;
    made.vrrp->machine.priority = priority;
    made.vrrp->machine.interval = interval;
    return made;
}

}  // namespace ulagate::sim
