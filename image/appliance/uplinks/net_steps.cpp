// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/net_steps.h"

#include <fmt/format.h>

#include "daemon/base/overloaded.h"

namespace ulagate::appliance {

std::string name(const NetAddress& address) {
    return fmt::format("address {} on {}", net::to_string(address.address), address.link);
}

std::string name(const NetRoute& route) {
    return fmt::format("route {} by {}", net::to_string(route.destination), route.link);
}

std::string subject(const NetStep& step) {
    return std::visit(Overloaded{
                          [](const PutAddress& s) { return name(s.address); },
                          [](const DropAddress& s) { return name(s.address); },
                          [](const PutRoute& s) { return name(s.route); },
                          [](const DropRoute& s) { return name(s.route); },
                      },
                      step);
}

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
