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

// A UDP port that another interface of ours shall have is given up first (0: any other), or each would wait
// for the other's.
void free_ports(std::vector<Step>& steps, const Wanted& want, const Have& have) {
    std::map<std::uint16_t, std::string> owners;
    for (const auto& [interface, tunnel] : want.tunnels) {
        if (tunnel.device) owners.emplace(tunnel.device->listen_port, interface);
    }
    for (const auto& [interface, device] : have.tunnels) {
        const auto owner = owners.find(device.listen_port);
        if (device.listen_port == 0 || owner == owners.end() || owner->second == interface) continue;
        wg::DeviceChange change;
        change.listen_port = 0;
        steps.emplace_back(ConfigureTunnel{interface, std::move(change)});
    }
}

void plan_tunnels(std::vector<Step>& steps, const Wanted& want, const Have& have) {
    free_ports(steps, want, have);
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
    // Until each new interface is there and has its routes, the old ones carry.
    const bool more_to_come = std::any_of(steps.begin(), steps.end(), [](const Step& step) {
        return std::holds_alternative<CreateTunnel>(step);
    });
    for (const auto& [key, target] : have.routes) {
        if (more_to_come && target.link && target.link->starts_with(kLinkPrefix)) continue;
        if (!want.routes.contains(key)) steps.emplace_back(DeleteRoute{key, target});
    }
    for (const auto& [address, state] : have.addresses) {
        if (state.ours && !want.addresses.contains(address)) steps.emplace_back(DeleteAddress{address});
    }
    for (const auto& [name, link] : have.links) {
        if (!more_to_come && name.starts_with(kLinkPrefix) && !want.tunnels.contains(name)) {
            steps.emplace_back(RemoveTunnel{name});
        }
    }
    return steps;
}

}  // namespace ulagate
