// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/plan.h"

#include <algorithm>

namespace ulagate {
namespace {

bool is_forwarding(const std::string& path) { return path.ends_with("/forwarding"); }

// Before forwarding goes on, accept_ra must be 2, and only after it went off may it be 1 again: in between,
// the kernel throws away the default routes it has learnt (rt6_purge_dflt_routers).
void plan_sysctls(std::vector<Step>& steps, const Wanted& want, const Have& have) {
    std::vector<Step> before;
    std::vector<Step> after;
    for (const auto& [path, value] : want.sysctls) {
        const auto now = have.sysctls.find(path);
        if (now == have.sysctls.end() || now->second == value) continue;
        const bool first = is_forwarding(path) ? value == "0" : value == "2";
        (first ? before : after).emplace_back(SetSysctl{path, value});
    }
    steps.insert(steps.end(), before.begin(), before.end());
    steps.insert(steps.end(), after.begin(), after.end());
}

void plan_tunnels(std::vector<Step>& steps, const Wanted& want, const Have& have) {
    for (const auto& [interface, tunnel] : want.tunnels) {
        const auto link = have.links.find(interface);
        const auto device = have.tunnels.find(interface);
        if (tunnel.device) {
            // An interface without a device behind it is what a dead userspace process leaves.
            if (link == have.links.end() || device == have.tunnels.end()) {
                steps.emplace_back(CreateTunnel{interface});
                continue;
            }
            wg::DeviceChange change = wg::diff(*tunnel.device, device->second);
            if (!change.empty()) steps.emplace_back(ConfigureTunnel{interface, std::move(change)});
        }
        if (link != have.links.end() && (!link->second.up || link->second.mtu != tunnel.mtu)) {
            steps.emplace_back(SetLink{interface, tunnel.mtu});
        }
    }
}

bool same(const RouteTarget* now, const RouteTarget& target) { return now != nullptr && *now == target; }

const RouteTarget* find(const Routes& routes, const RouteKey& key) {
    const auto found = routes.find(key);
    return found == routes.end() ? nullptr : &found->second;
}

}  // namespace

std::vector<Step> plan(const Wanted& want, const Have& have) {
    std::vector<Step> steps;
    if (have.firewall != want.firewall) steps.emplace_back(ApplyFirewall{have.firewall, want.firewall});
    plan_sysctls(steps, want, have);
    for (const auto& [address, check_duplicate] : want.addresses) {
        if (!have.addresses.contains(address)) steps.emplace_back(PutAddress{address, check_duplicate});
    }
    plan_tunnels(steps, want, have);
    for (const auto& [key, target] : want.routes) {
        if (!same(find(have.routes, key), target)) steps.emplace_back(PutRoute{key, target});
    }
    for (const auto& [key, target] : have.routes) {
        if (!want.routes.contains(key)) steps.emplace_back(DeleteRoute{key, target});
    }
    for (const auto& [address, state] : have.addresses) {
        if (state.ours && !want.addresses.contains(address)) steps.emplace_back(DeleteAddress{address});
    }
    for (const auto& [name, link] : have.links) {
        if (name.starts_with(kLinkPrefix) && !want.tunnels.contains(name)) {
            steps.emplace_back(RemoveTunnel{name});
        }
    }
    return steps;
}

}  // namespace ulagate
