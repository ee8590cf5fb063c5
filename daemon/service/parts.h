// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "daemon/cli/status.h"
#include "daemon/kernel/desired.h"
#include "daemon/service/context.h"
#include "daemon/service/egress_cache.h"
#include "daemon/service/relay_connections.h"
#include "daemon/service/result_checks.h"
#include "daemon/service/shutdown.h"
#include "daemon/service/tunnel_key.h"

namespace ulagate {

// The parts that a role needs, and what they do at each point of a turn, of a second, of the end: EdgeParts
// and RelayParts. Nobody else asks for the role.
class Parts {
public:
    // What parts use beside the context.
    struct Means {
        NameResolver& resolver;
        EgressLookup& egress;
        const TunnelKey& key;
        const Shutdown& shutdown;
    };

    Parts() = default;
    Parts(const Parts&) = delete;
    Parts& operator=(const Parts&) = delete;
    Parts(Parts&&) = delete;
    Parts& operator=(Parts&&) = delete;
    virtual ~Parts() = default;

    virtual RelayConnections& relays() = 0;
    [[nodiscard]] virtual const RelayConnections& relays() const = 0;

    // --- start and reload ---
    // What files say that outlive us; once, before the first set_config().
    virtual void load() = 0;
    virtual void set_config() = 0;
    // What the kernel still has of a former life; once, after the first set_config().
    virtual void adopt() = 0;

    // --- a turn, in this order ---
    virtual void observe() = 0;
    // The kernel's state has been read, and is not what it was.
    virtual void kernel_changed() = 0;
    // True: a plan may have something to do about it.
    virtual bool contribute(Facts& facts) = 0;
    // Though nothing has changed, there is work after a plan.
    [[nodiscard]] virtual bool has_work() const = 0;
    // True: the plan took peers away, to be added anew by a second one in this turn.
    virtual bool taken_away() = 0;
    // The plan has been made, or was not needed.
    virtual void send() = 0;
    // The plan has been made.
    virtual void planned() = 0;
    // What is known of the kernel and of obstacles has changed.
    virtual void update() = 0;

    // --- a second, in this order ---
    virtual void renew() = 0;
    virtual void keep() = 0;
    virtual void not_written(const std::string& file) = 0;
    virtual void look() = 0;
    virtual void tick() = 0;

    // --- checks of the result ---
    // Remote prefixes with traffic.
    [[nodiscard]] virtual std::vector<net::Ipv6Prefix> active_prefixes() const = 0;
    virtual void describe(PassageWatch::View& view) const = 0;
    // Whether packets of others get through this machine.
    virtual void set_forwards(bool forwards) = 0;

    // --- the end ---
    // Begins to hand over. How long that may take, and whether what still comes is to be forwarded meanwhile.
    struct HandOver {
        std::chrono::milliseconds limit{0};
        bool forwards = false;
    };
    virtual HandOver hand_over() = 0;
    virtual void withdraw() = 0;
    [[nodiscard]] virtual Shutdown::Left left() const = 0;
    // Writes what is to outlive us, and says goodbye.
    virtual void stop() = 0;

    virtual void add_status(Status& status) const = 0;
};

}  // namespace ulagate
