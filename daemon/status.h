// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/lan_port.h"

namespace ulagate {

// How the router is, as a value: gathered by the service, sent as JSON over the control socket, printed by
// the command.
struct Status {
    using Age = std::optional<std::chrono::milliseconds>;  // nothing: never

    struct Lan {
        std::string interface;
        std::string prefix;
        std::string state;  // "advertising", or why not
        std::string source;
        std::vector<std::string> addresses;
        LanCounters counters;
        Age last_advertisement;
    };
    struct Relay {
        std::string name;
        std::string interface;
        std::string endpoint;
        std::string state;  // "up", or why not
        Age last_handshake;
        std::uint64_t rx_bytes = 0;
        std::uint64_t tx_bytes = 0;
        unsigned mtu = 0;
        bool carries = false;  // the route into the overlay goes this way
    };
    // A site's router as the relay sees it.
    struct Router {
        std::string site;
        std::string node;
        std::string interface;
        std::string endpoint;
        bool up = false;
        Age last_handshake;
        std::uint64_t rx_bytes = 0;
        std::uint64_t tx_bytes = 0;
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
    std::vector<Router> routers;
    std::vector<std::string> problems;  // what keeps something from working now
    std::string last_reload;            // "" = none since the start
};

boost::json::value to_json(const Status& status);
// For a tired person, from the JSON that the daemon sent. `all`: every router of a relay, not only those that
// are down and the first few.
std::string to_text(const boost::json::value& status, bool all);

}  // namespace ulagate
