// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "image/appliance/uplinks/uplinks.h"

namespace ulagate::appliance {

// What of ours the kernel holds.
struct NetState {
    std::set<NetAddress> addresses;
    std::set<NetRoute> routes;
    bool operator==(const NetState&) const = default;
};

struct PutAddress {
    NetAddress address;
    std::optional<TimePoint> until;
    bool operator==(const PutAddress&) const = default;
};
struct DropAddress {
    NetAddress address;
    bool operator==(const DropAddress&) const = default;
};
struct PutRoute {
    NetRoute route;
    bool operator==(const PutRoute&) const = default;
};
struct DropRoute {
    NetRoute route;
    bool operator==(const DropRoute&) const = default;
};
using NetStep = std::variant<PutAddress, DropAddress, PutRoute, DropRoute>;

std::string name(const NetAddress& address);  // "address 192.0.2.7/24 on eth0"
std::string name(const NetRoute& route);      // "route 0.0.0.0/0 by eth0"
// What the step is about, the same for the same thing again and again.
std::string subject(const NetStep& step);

// The steps from what there is to what should be: routes go before their addresses and come after them.
// `known` is until when we have told the kernel to keep each address; one whose time has moved is put again.
std::vector<NetStep> net_steps(const std::map<NetAddress, std::optional<TimePoint>>& addresses,
                               const std::set<NetRoute>& routes, const NetState& have,
                               const std::map<NetAddress, std::optional<TimePoint>>& known);

}  // namespace ulagate::appliance
