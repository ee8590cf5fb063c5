// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/net_steps.h"

namespace ulagate::appliance {

std::vector<NetStep> net_steps(const std::map<NetAddress, std::optional<TimePoint>>& addresses,
                               const std::set<NetRoute>& routes, const NetState& have,
                               const std::map<NetAddress, std::optional<TimePoint>>& known) {
    std::vector<NetStep> out;
    for (const NetRoute& route : have.routes)
        if (!routes.contains(route)) out.emplace_back(DropRoute{route});
    for (const NetAddress& address : have.addresses)
        if (!addresses.contains(address)) out.emplace_back(DropAddress{address});
    for (const auto& [address, until] : addresses) {
        const auto told = known.find(address);
        const bool same = told != known.end() && told->second == until;
        if (!have.addresses.contains(address) || !same) out.emplace_back(PutAddress{address, until});
    }
    for (const NetRoute& route : routes)
        if (!have.routes.contains(route)) out.emplace_back(PutRoute{route});
    return out;
}

}  // namespace ulagate::appliance
