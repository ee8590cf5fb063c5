// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <utility>

#include "daemon/kernel/rtnl/link_names.h"
#include "daemon/kernel/rtnl/links.h"
#include "daemon/kernel/rtnl/rows.h"
#include "daemon/kernel/rtnl/socket.h"

namespace ulagate {

struct Rtnl::Impl {
    Impl(rtnl::Socket&& for_commands, rtnl::Socket&& for_events)
        : commands(std::move(for_commands)), events(std::move(for_events)) {}

    // What read() finds of ours in the main table. The kernel goes through all that everybody has there,
    // which takes it tens of milliseconds where a routing daemon has a hundred thousand routes: when the last
    // time was that long, only once something of ours may have changed.
    template <class Found>
    struct OfMainTable {
        bool changed = true;
        std::chrono::steady_clock::duration took{};
        Found found;

        template <class Read>
        Result<Found> get(const Read& read) {
            constexpr std::chrono::milliseconds kLong{5};
            if (!changed && took > kLong) return found;
            const auto begun = std::chrono::steady_clock::now();
            Result<Found> now = read();
            took = std::chrono::steady_clock::now() - begun;
            changed = !now;
            if (now) found = *now;
            return now;
        }
    };
    // The kernel drops routes with their link, and IPv4 ones with their address, silently.
    void note_main_table(const RtnlChanges& changes) {
        if (changes.our_main_routes || changes.links || changes.default_routes) main_table_changed();
    }
    void main_table_changed() { main_routes.changed = main_endpoint_routes.changed = true; }

    rtnl::Answer add_route(const RouteKey& key, const RouteTarget& target, int flags);
    rtnl::Answer remove_route(const RouteKey& key, const RouteTarget& target);
    rtnl::Answer move_route(const RouteKey& key, const RouteTarget& from, const RouteTarget& to);
    Result<void> settle_route(const RouteKey& key, const RouteTarget& target);
    Result<EndpointRoutes> read_endpoint_routes();

    rtnl::Socket commands;
    rtnl::Socket events;
    bool lost_events = false;  // and their queue is not yet read to the end
    // Where our routes pointed when we last looked or changed them: makes moving one among thousands cheap.
    // Never trusted about ownership, because others may have changed the table since.
    Routes last_known;
    OfMainTable<Routes> main_routes;
    OfMainTable<EndpointRoutes> main_endpoint_routes;
};

}  // namespace ulagate
