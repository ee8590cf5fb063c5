// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/kernel/desired.h"
#include "daemon/relays/edge_control.h"
#include "daemon/relays/path_control.h"
#include "daemon/service/context.h"
#include "daemon/service/relay_connections.h"

namespace ulagate {

// Which relay carries what of an edge's overlay traffic, and the routes that follow at once. Owns these
// facts: default_relay, relay_of_site.
class SiteRouting {
public:
    // The remote /64s with traffic now, asked each second while it matters.
    using ActivePrefixes = std::function<Result<std::vector<net::Ipv6Prefix>>()>;
    SiteRouting(const Context& context, EdgeControl& control, const RelayConnections& relays,
                ActivePrefixes active_prefixes);

    void set_config();
    // After a restart of ours, what carried the overlay goes on until a relay answers.
    void adopt();
    // With what is known of the relays now, the paths that are right.
    void decide();
    // The LANs whose virtual router is ours, by interface.
    void set_active(const std::set<std::string>& lans);
    bool contribute(Facts& facts) const;
    // Each second.
    void tick();

    [[nodiscard]] const PathControl& paths() const { return paths_; }

private:
    void move();
    void put(const net::Ipv6Prefix& destination, const std::string& relay, const FastPath::How& how);

    Context context_;
    EdgeControl& control_;
    const RelayConnections& relays_;
    ActivePrefixes active_prefixes_;
    PathControl paths_;
    std::string default_relay_;
    std::map<net::Ipv6Prefix, std::string> relay_of_site_;
};

}  // namespace ulagate
