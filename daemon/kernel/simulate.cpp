// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/simulate.h"

#include <algorithm>

namespace ulagate {
namespace {

void configure(wg::Device& device, const wg::DeviceChange& change) {
    if (change.private_key) device.public_key = change.private_key->public_key();
    if (change.listen_port) device.listen_port = *change.listen_port;
    for (const wg::PeerChange& update : change.peers) {
        if (update.remove) {
            device.peers.erase(update.key);
            continue;
        }
        if (update.update_only && !device.peers.contains(update.key)) continue;
        wg::Peer& peer = device.peers[update.key];
        if (update.preshared_key) peer.has_preshared_key = true;
        if (update.endpoint) peer.endpoint = update.endpoint;
        if (update.keepalive_seconds) peer.keepalive_seconds = *update.keepalive_seconds;
        if (update.replace_allowed_ips) peer.allowed_ips.clear();
        for (const net::IpPrefix& prefix : update.allowed_ips) {
            for (auto& [key, other] : device.peers) other.allowed_ips.erase(prefix);  // one owner each
            peer.allowed_ips.insert(prefix);
        }
    }
}

void remove_link(Have& have, const std::string& name) {
    have.links.erase(name);
    have.tunnels.erase(name);
    std::erase_if(have.routes, [&](const auto& route) { return route.second.link == name; });
    std::erase_if(have.addresses, [&](const auto& address) { return address.first.link == name; });
}

void perform(Have& have, const ApplyFirewall& step) { have.firewall = step.to; }
void perform(Have& have, const SetSysctl& step) {
    std::string& now = have.sysctls[step.path];
    const bool ours = step.path.starts_with(std::string{"net/ipv6/conf/"} + kLinkPrefix);
    if (!ours) have.changed_sysctls.try_emplace(step.path, ChangedSysctl{now, step.value});
    now = step.value;
}
void perform(Have& have, const CreateTunnel& step) {
    have.links[step.interface] = Link{1000, false, false, 1420, std::nullopt};
    have.tunnels[step.interface] = {};
}
void perform(Have& have, const ConfigureTunnel& step) {
    configure(have.tunnels[step.interface], step.change);
}
void perform(Have& have, const SetLink& step) {
    Link& link = have.links[step.interface];
    link.up = true;
    link.running = true;
    link.mtu = step.mtu;
}
void perform(Have& have, const CreateMacvlan& step) {
    have.links[step.interface] = Link{2000, false, false, 1500, step.mac, have.links[step.parent].index};
}
void perform(Have& have, const SwitchLink& step) {
    Link& link = have.links[step.interface];
    link.up = link.running = step.up;
    // The kernel drops all IPv6 addresses of an interface that goes down.
    if (!step.up)
        std::erase_if(have.addresses, [&](const auto& a) { return a.first.link == step.interface; });
}
void perform(Have& have, const PutAddress& step) { have.addresses[step.address] = {true, false, false}; }
void perform(Have& have, const PutRoute& step) { have.routes[step.key] = step.target; }
void perform(Have& have, const DeleteRoute& step) { have.routes.erase(step.key); }
void perform(Have& have, const PutRule& step) {
    const auto after = std::find_if(have.rules.begin(), have.rules.end(), [&](const Rule& rule) {
        return rule.key.preference > step.rule.preference;
    });
    have.rules.insert(after, Rule{step.rule, true, kRouteProtocol, {}});
}
void perform(Have& have, const DeleteRule& step) {
    const auto found = std::find_if(have.rules.begin(), have.rules.end(),
                                    [&](const Rule& rule) { return rule.ours() && rule.key == step.rule; });
    if (found != have.rules.end()) have.rules.erase(found);
}
void perform(Have& have, const PutEndpointRoute& step) { have.endpoint_routes[step.address] = step.uplink; }
void perform(Have& have, const DeleteEndpointRoute& step) { have.endpoint_routes.erase(step.address); }
void perform(Have& have, const DeleteAddress& step) { have.addresses.erase(step.address); }
void perform(Have& have, const RemoveTunnel& step) { remove_link(have, step.interface); }
void perform(Have& have, const RemoveMacvlan& step) { remove_link(have, step.interface); }

}  // namespace

void simulate(Have& have, const Step& step) {
    std::visit([&](const auto& s) { perform(have, s); }, step);
}

}  // namespace ulagate
