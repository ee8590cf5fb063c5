// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/cli/status.h"
#include "daemon/relays/path_control.h"
#include "daemon/service/context.h"
#include "daemon/service/edge_clock.h"
#include "daemon/service/lans.h"
#include "daemon/service/relay_connections.h"
#include "daemon/service/router_registry.h"
#include "daemon/service/tunnel_key.h"

namespace ulagate {

// What `ulagate status` shows of each part. These read, and change nothing.

// What both roles have in common, before the parts add theirs; and after that, what is not well anywhere.
void add_machine(Status& status, const Context& context);
void add_problems(Status& status, const Context& context, const TunnelKey& key);

void add_lans(Status& status, const Context& context, const Lans& lans);
// `clock`: of an edge, else nullptr.
void add_relays(Status& status, const Context& context, const RelayConnections& relays,
                const EdgeClock* clock);
// The paths to other sites.
void add_paths(Status& status, const Context& context, const PathControl& paths, const RelayChannel& channel);
void add_transit(Status& status, const RouterRegistry& routers);
void add_routers(Status& status, const Context& context, const RouterRegistry& registry);

}  // namespace ulagate
