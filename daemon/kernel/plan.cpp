// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/plan.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/base/merge.h"

namespace ulagate {
namespace {

bool is_forwarding(const std::string& path) {
    return path.ends_with("/forwarding") || path == kIpv4Forwarding;
}

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
        if (have.unanswered_tunnels.contains(interface)) continue;
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
        const bool unanswered = have.unanswered_tunnels.contains(interface);
        if (tunnel.device) {
            // An interface without a device behind it is what a dead userspace process leaves.
            if (link == have.links.end() || (device == have.tunnels.end() && !unanswered)) {
                steps.emplace_back(CreateTunnel{interface});
                continue;
            }
            if (device == have.tunnels.end()) continue;
            wg::DeviceChange change;
            if (!unanswered) change = wg::diff(*tunnel.device, device->second);
            if (!change.empty()) steps.emplace_back(ConfigureTunnel{interface, std::move(change)});
        }
        if (link != have.links.end() && (!link->second.up || link->second.mtu != tunnel.mtu)) {
            steps.emplace_back(SetLink{interface, tunnel.mtu});
        }
    }
}

bool is_on(const Link& link, const std::string& parent, const Have& have) {
    const auto below = have.links.find(parent);
    return below != have.links.end() && below->second.index == link.parent;
}

void plan_macvlans(std::vector<Step>& steps, const Wanted& want, const Have& have) {
    for (const auto& [interface, macvlan] : want.macvlans) {
        const auto link = have.links.find(interface);
        if (link == have.links.end()) {
            if (have.links.contains(macvlan.parent))
                steps.emplace_back(CreateMacvlan{interface, macvlan.parent, macvlan.mac});
        } else if (link->second.mac != macvlan.mac || !is_on(link->second, macvlan.parent, have)) {
            steps.emplace_back(RemoveMacvlan{interface});
        } else if (link->second.up != macvlan.up) {
            steps.emplace_back(SwitchLink{interface, macvlan.up});
        }
    }
}

struct RouteSteps {
    std::vector<Step> puts;
    std::vector<Step> removals;
};

RouteSteps plan_routes(const Routes& want, const Routes& have) {
    RouteSteps steps;
    merge(want, have, [&](const Routes::value_type* wanted, const Routes::value_type* now) {
        if (wanted == nullptr) {
            steps.removals.emplace_back(DeleteRoute{now->first, now->second});
        } else if (now == nullptr || wanted->second != now->second) {
            steps.puts.emplace_back(PutRoute{wanted->first, wanted->second});
        }
    });
    return steps;
}

// Ours are put when the routes are there, and go after them. One of another shape with our mark goes first,
// or it would be taken for the right one.
void put_rules(std::vector<Step>& steps, const Wanted& want, const Have& have) {
    for (const RuleKey& rule : want.rules) {
        const bool there = std::any_of(have.rules.begin(), have.rules.end(), [&](const Rule& now) {
            return now.ours() && now.plain && now.key == rule;
        });
        if (!there) steps.emplace_back(PutRule{rule});
    }
}

void remove_rules(std::vector<Step>& steps, const Wanted& want, const Have& have) {
    std::set<RuleKey> seen;
    for (const Rule& rule : have.rules) {
        if (!rule.ours()) continue;
        const bool right = rule.plain && want.rules.contains(rule.key) && seen.insert(rule.key).second;
        if (!right) steps.emplace_back(DeleteRule{rule.key});
    }
}

// The kernel, or a manager, has made an interface of ours a link-local address; see settings_of_ours().
bool is_stray(const AddressKey& address, const Wanted& want) {
    return address.address.address.is_link_local() &&
           (want.tunnels.contains(address.link) || want.macvlans.contains(address.link));
}

void append(std::vector<Step>& steps, std::vector<Step>&& more) {
    std::move(more.begin(), more.end(), std::back_inserter(steps));
}

}  // namespace

std::vector<Step> plan(const Wanted& want, const Have& have) {
    std::vector<Step> steps;
    if (have.firewall != want.firewall) steps.emplace_back(ApplyFirewall{have.firewall, want.firewall});
    plan_sysctls(steps, want, have);
    plan_macvlans(steps, want, have);
    for (const auto& [address, wish] : want.addresses) {
        if (!have.addresses.contains(address)) steps.emplace_back(PutAddress{address, wish});
    }
    for (const auto& [address, uplink] : want.endpoint_routes) {
        const auto now = have.endpoint_routes.find(address);
        if (now == have.endpoint_routes.end() || now->second != uplink)
            steps.emplace_back(PutEndpointRoute{address, uplink});
    }
    plan_tunnels(steps, want, have);
    RouteSteps routes = plan_routes(want.routes, have.routes);
    append(steps, std::move(routes.puts));
    put_rules(steps, want, have);
    // Until each new interface is there and has its routes, the old ones carry.
    const bool more_to_come = std::any_of(steps.begin(), steps.end(), [](const Step& step) {
        return std::holds_alternative<CreateTunnel>(step);
    });
    if (more_to_come) {
        std::erase_if(routes.removals, [](const Step& step) {
            const auto& link = std::get<DeleteRoute>(step).target.link;
            return link && link->starts_with(kLinkPrefix);
        });
    }
    append(steps, std::move(routes.removals));
    remove_rules(steps, want, have);
    for (const auto& [address, uplink] : have.endpoint_routes) {
        if (!want.endpoint_routes.contains(address)) steps.emplace_back(DeleteEndpointRoute{address});
    }
    for (const auto& [address, state] : have.addresses) {
        const bool ours = state.ours || is_stray(address, want);
        if (ours && !want.addresses.contains(address)) steps.emplace_back(DeleteAddress{address});
    }
    for (const auto& [name, link] : have.links) {
        if (is_macvlan_name(name) && !want.macvlans.contains(name)) steps.emplace_back(RemoveMacvlan{name});
        if (!more_to_come && is_tunnel_name(name) && !want.tunnels.contains(name))
            steps.emplace_back(RemoveTunnel{name});
    }
    return steps;
}

}  // namespace ulagate
