// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/lan/router.h"

namespace ulagate {

// How the router is, as a value: gathered by the service, sent as JSON over the control socket, printed by
// the command.
struct Status {
    using Age = std::optional<std::chrono::milliseconds>;  // nullopt: never

    // The virtual router of a LAN.
    struct Vrrp {
        unsigned id = 0;
        std::string address;
        std::string state;  // init | backup | active
        std::chrono::milliseconds in_state{0};
        unsigned priority = 0;  // with the deductions
        unsigned configured_priority = 0;
        std::vector<std::string> deductions;  // "150: no relay can be reached"
        std::string peer;                     // the router heard last; "" = none
        unsigned peer_priority = 0;
        Age peer_heard;
        std::vector<std::string> refusals;  // "3: checksum is wrong"
        struct Transition {
            std::string from;
            std::string to;
            std::string reason;
            std::chrono::milliseconds ago{0};
        };
        std::vector<Transition> transitions;  // the last ones, newest first
    };
    // Another router on a LAN that advertises there.
    struct OtherRouter {
        std::string address;
        std::string link_address;  // "" = it does not tell
        std::uint64_t advertisements = 0;
        std::chrono::milliseconds heard{0};  // ago
        std::vector<std::string> findings;   // in what it differs from us
    };
    struct Lan {
        std::string interface;
        std::string prefix;
        std::string state;  // "advertising", or why not
        std::string source;
        std::string route_withdrawn;  // why hosts have lost the route to the overlay; empty: they have it
        std::vector<std::string> addresses;
        LanCounters counters;
        Age last_advertisement;
        std::vector<OtherRouter> other_routers;
        ra::WatchCounters watched;
        std::optional<Vrrp> vrrp;
    };
    // The owner of a prefix of ours, as a relay told it.
    struct Owner {
        std::string prefix;
        std::string router;  // its tunnel address; "" = the relay does not know the prefix
        bool us = false;
    };
    // The last probes of a path.
    struct Probes {
        std::optional<std::chrono::microseconds> round_trip;            // smoothed; nullopt: no answer yet
        std::vector<std::optional<std::chrono::microseconds>> history;  // the oldest first; nullopt: lost
    };
    struct Relay {
        std::string name;
        std::string interface;
        std::string endpoint;
        std::string state;  // "up", or why not
        Age last_handshake;
        std::uint64_t rx_bytes = 0;
        std::uint64_t tx_bytes = 0;
        std::uint16_t listen_port = 0;  // UDP, of our end; 0: it has none yet
        unsigned mtu = 0;
        std::optional<unsigned> path_mtu;  // bytes, as measured outside the tunnel
        bool is_default = false;           // the route to the whole overlay leads there
        Age round_trip;                    // the last one; nullopt: it does not answer probes
        unsigned probes = 0;               // the last ones that should have been answered
        unsigned lost = 0;                 // of these
        Probes measured;
        std::optional<std::size_t> connected;  // prefixes, as the relay says
        std::size_t transit_sites = 0;         // prefixes that it reaches through another relay, as it says
        std::vector<std::string> transit;  // of a relay: prefixes that we reach through it; the first of many
        std::size_t transit_count = 0;     // all of them
        Age default_since;
        std::string default_why;
        std::vector<Owner> owners;
    };
    // A relay by which a remote site may be reached, measured end to end.
    struct Candidate {
        std::string relay;
        std::optional<bool> works;  // nullopt: not known (yet)
        unsigned probes = 0;
        unsigned lost = 0;
        Probes measured;
    };
    // A remote site: those with traffic come first, then those that take another relay than most.
    struct Site {
        std::string prefix;
        std::string relay;     // that carries it
        bool alone = false;    // not the default relay
        bool active = false;   // it has traffic
        bool transit = false;  // reached through the relay and another relay
        Age since;
        std::string why;
        std::vector<Candidate> candidates;
    };
    // A site's router as the relay sees it.
    struct Router {
        std::string site;
        std::string node;
        std::string interface;
        std::string endpoint;
        std::uint64_t endpoint_changes = 0;  // as behind NAT, or an uplink that moves: nothing is wrong
        bool up = false;
        Age last_handshake;
        std::uint64_t rx_bytes = 0;
        std::uint64_t tx_bytes = 0;
        Age heard;                      // its last word by the overlay control protocol
        std::vector<std::string> owns;  // prefixes
    };

    std::string version;
    std::string role;
    std::string node;
    std::string site;
    std::string overlay;
    std::chrono::milliseconds uptime{0};
    std::string backend;   // kernel | userspace | none
    std::string firewall;  // "appliance, in force", or what is wrong
    std::vector<Lan> lans;
    std::vector<Relay> relays;
    std::vector<Site> sites;      // edge; the first ones of many
    std::size_t sites_known = 0;  // connected to any relay, as the relays say
    std::vector<Router> routers;
    // A turn of the event loop: while it lasts nothing else is done.
    struct Turn {
        std::chrono::microseconds length{0};
        std::chrono::microseconds processor{0};  // of it; the rest was waiting
        std::string what;                        // "alarm of service.cpp:217"
        std::string part;                        // of it, the one that took longest
    };
    Turn longest_turn;
    Turn longest_turn_lately;  // of the last one to two minutes
    std::uint64_t turns_over_20ms = 0;
    std::vector<std::string> problems;  // what keeps something from working now
    std::string last_reload;            // "" = none since the start
};

boost::json::value to_json(const Status& status);
boost::json::object to_json(const Status::Site& site);
// As members of the thing that was measured.
void add_json(boost::json::object& to, const Status::Probes& probes);
// Lines about relays' measurements and about sites, from the JSON.
std::string probes_text(const boost::json::value& measured);
std::string sites_text(const boost::json::value& status, bool all);
// Round trips as a row of bars, the highest for the slowest; a cross for what was lost.
std::string sparkline(const std::vector<std::optional<std::chrono::microseconds>>& history);
// For a tired person, from the JSON that the daemon sent. `all`: every router of a relay, not only those that
// are down and the first few.
std::string to_text(const boost::json::value& status, bool all);

}  // namespace ulagate
