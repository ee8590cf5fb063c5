// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "firewall/model.h"

// Where the ruleset counts what comes and what leaves, so that a filter of somebody else in between shows,
// whatever wrote it. Two kinds of packets are counted: real traffic (TCP and UDP that our own rules accept),
// and probes of ours, which are as a packet of a host would be and end in our last chain. They never leave.
namespace ulagate::firewall {

// The interface identifier of a probe's source, and of its destination where that is a host: "ulg-prob".
inline constexpr std::uint64_t kProbeIdentifier = 0x756c672d70726f62;

// One way that packets have to find through this machine.
struct Passage {
    enum class Kind {
        to_sites,       // edge: from a LAN into a tunnel
        from_sites,     // edge: from a tunnel to a LAN
        within_lan,     // edge: from a LAN to itself: frames that a bridge only switches, where such are
                        // filtered
        between_sites,  // relay: from a tunnel into a tunnel
        vrrp,           // edge: VRRP from a LAN to this machine
        wireguard,      // relay: WireGuard from anywhere to this machine
        control,        // relay: the overlay control protocol from a tunnel to this machine
        resolution,  // edge: a solicitation for an address of this machine from a LAN, and our answer to it
    };
    Kind kind = Kind::to_sites;
    std::string interface;  // of the LAN, where there is one
    auto operator<=>(const Passage&) const = default;
};

// Whether packets of it pass through this machine, and do not end here.
constexpr bool is_forwarded(Passage::Kind kind) { return kind <= Passage::Kind::between_sites; }

// In the order that a packet meets them.
enum class Checkpoint {
    came,          // probes: before every filter
    routed,        // probes: after the prerouting filters
    forwarded,     // probes: chosen to be forwarded, before the filters of that
    left,          // probes: after every filter
    traffic_came,  // real traffic: chosen to be forwarded, before the filters of that
    traffic_left,  // real traffic: after every filter
};
inline constexpr Checkpoint kCheckpoints[] = {Checkpoint::came,         Checkpoint::routed,
                                              Checkpoint::forwarded,    Checkpoint::left,
                                              Checkpoint::traffic_came, Checkpoint::traffic_left};

// Those that the rules of a model count; none with Mode::off. Always in the same order.
std::vector<Passage> passages(const Model& model);
// Whether there is such a counter: probes are not made within a LAN, and nothing real is counted that ends
// here.
bool is_counted(Passage::Kind kind, Checkpoint point);
// The name of that counter in our table; `index`: of the passage in passages().
std::string counter_name(std::size_t index, Checkpoint point);

}  // namespace ulagate::firewall
