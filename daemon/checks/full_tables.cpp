// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/full_tables.h"

#include <fmt/format.h>

namespace ulagate {
namespace {

// After the last sign of it: a flood that comes in bursts is one problem.
constexpr std::chrono::seconds kStaysFull{30};

bool is_recent(const std::optional<FullTables::TimePoint>& at, FullTables::TimePoint now) {
    return at && now - *at < kStaysFull;
}

}  // namespace

std::vector<Obstacle> FullTables::judge(const std::optional<TableUse>& neighbours,
                                        const std::optional<TableUse>& connections, TimePoint now) {
    if (neighbours) {
        if (refused_ && neighbours->refused > *refused_) neighbours_full_ = now;
        refused_ = neighbours->refused;
    }
    // The kernel makes room by throwing out connections without an answer, which is not a problem, so that
    // the table may be full to the last entry for long; what it then refuses it counts nowhere that we may
    // read in every namespace.
    if (connections && connections->room > 0 && connections->entries >= connections->room)
        connections_full_ = now;
    std::vector<Obstacle> found;
    if (neighbours && is_recent(neighbours_full_, now)) {
        found.push_back(
            {fmt::format("the kernel's table of IPv6 neighbours is full (room for {}): hosts that are not in "
                         "it cannot be reached, on any link; a host is scanning or flooding, or the network "
                         "is larger than the table (sysctl -w net.ipv6.neigh.default.gc_thresh3={})",
                         neighbours->room, neighbours->room * 4),
             false,
             {},
             {}});
    }
    if (connections && is_recent(connections_full_, now)) {
        found.push_back(
            {fmt::format("the kernel's table of connections is full (room for {}): new connections are "
                         "dropped (sysctl -w net.netfilter.nf_conntrack_max={})",
                         connections->room, connections->room * 4),
             false,
             {},
             {}});
    }
    return found;
}

}  // namespace ulagate
