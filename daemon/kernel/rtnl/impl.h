// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "daemon/kernel/rtnl/links.h"
#include "daemon/kernel/rtnl/rows.h"
#include "daemon/kernel/rtnl/socket.h"

namespace ulagate {
namespace rtnl {

// In the network namespace of the socket. Nothing when there is no such interface (any more).
std::optional<unsigned> link_index(const Socket& socket, const std::string& name);
std::optional<std::string> link_name(const Socket& socket, unsigned index);

// Interface names as the rows of one dump need them: each is asked for once.
class LinkNames {
public:
    explicit LinkNames(const Socket& socket) : socket_(socket) {}
    const std::optional<std::string>& operator()(unsigned index);

private:
    const Socket& socket_;
    std::unordered_map<unsigned, std::optional<std::string>> known_;
};

}  // namespace rtnl

struct Rtnl::Impl {
    Impl(rtnl::Socket&& for_commands, rtnl::Socket&& for_events)
        : commands(std::move(for_commands)), events(std::move(for_events)) {}

    // Reads a table into a container. When the table changed meanwhile, the kernel says that something may be
    // missing or there twice, and we begin again.
    template <class Table, class Add>
    Result<Table> read_table(const rtnl::Message& request, const char* what, const Add& add) {
        rtnl::Answer answer;
        for (int attempt = 0; attempt < 5; ++attempt) {
            Table out;
            answer = commands.ask(request, [&](const nlmsghdr& row) { add(out, row); });
            if (answer.ok()) return out;
            if (answer.code != EINTR) break;
        }
        return rtnl::fail(answer, std::string("read ") + what);
    }

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
