// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/step_effects.h"

#include <algorithm>

#include "daemon/base/overloaded.h"

namespace ulagate {
namespace {

template <class Map, class Key, class Value>
bool holds(const Map& map, const Key& key, const Value& value) {
    const auto found = map.find(key);
    return found != map.end() && found->second == value;
}

bool restores_device(const ConfigureTunnel& step, const Wanted& was, const Wanted& wanted) {
    const auto found = was.tunnels.find(step.interface);
    // A peer's endpoint moves by itself (roaming); a peer that is gone was removed.
    const bool adds = std::any_of(step.change.peers.begin(), step.change.peers.end(),
                                  [](const auto& peer) { return !peer.remove && !peer.update_only; });
    const bool of_device = step.change.private_key || step.change.listen_port;
    // One that is about to go gives its port away first.
    const auto now = wanted.tunnels.find(step.interface);
    return (adds || of_device) && found != was.tunnels.end() && now != wanted.tunnels.end() &&
           found->second.device == now->second.device;
}

}  // namespace

Stale Stale::all() {
    return {.links = true,
            .addresses = true,
            .routes = true,
            .rules = true,
            .tunnels = true,
            .firewall = true,
            .sysctls = true};
}

Stale& Stale::operator|=(const Stale& other) {
    links |= other.links;
    addresses |= other.addresses;
    routes |= other.routes;
    rules |= other.rules;
    tunnels |= other.tunnels;
    firewall |= other.firewall;
    sysctls |= other.sysctls;
    return *this;
}

Stale touched_by(const Step& step) {
    static constexpr Stale kInterface{.links = true, .routes = true, .tunnels = true};
    // The kernel drops the addresses of an interface that goes down.
    static constexpr Stale kMacvlan{.links = true, .addresses = true};
    static constexpr Stale kAddress{.addresses = true, .routes = true};
    static constexpr Stale kRoutes{.routes = true};
    static constexpr Stale kRules{.rules = true};
    return std::visit(Overloaded{
                          [](const ApplyFirewall&) { return Stale{.firewall = true}; },
                          [](const SetSysctl&) { return Stale{.sysctls = true}; },
                          [](const CreateTunnel&) { return kInterface; },
                          [](const RemoveTunnel&) { return kInterface; },
                          [](const ConfigureTunnel&) { return Stale{.tunnels = true}; },
                          [](const SetLink&) { return Stale{.links = true}; },
                          [](const CreateMacvlan&) { return kMacvlan; },
                          [](const SwitchLink&) { return kMacvlan; },
                          [](const RemoveMacvlan&) { return kMacvlan; },
                          [](const PutAddress&) { return kAddress; },
                          [](const DeleteAddress&) { return kAddress; },
                          [](const PutRoute&) { return kRoutes; },
                          [](const DeleteRoute&) { return kRoutes; },
                          [](const PutEndpointRoute&) { return kRoutes; },
                          [](const DeleteEndpointRoute&) { return kRoutes; },
                          [](const PutRule&) { return kRules; },
                          [](const DeleteRule&) { return kRules; },
                      },
                      step);
}

bool restores(const Step& step, const Wanted& was, const Wanted& wanted) {
    return std::visit(
        Overloaded{
            [&](const ApplyFirewall& s) { return s.to == was.firewall; },
            [&](const SetSysctl& s) { return holds(was.sysctls, s.path, s.value); },
            [&](const CreateTunnel& s) { return was.tunnels.contains(s.interface); },
            [&](const ConfigureTunnel& s) { return restores_device(s, was, wanted); },
            [&](const SetLink& s) {
                const auto found = was.tunnels.find(s.interface);
                return found != was.tunnels.end() && found->second.mtu == s.mtu;
            },
            [&](const CreateMacvlan& s) { return was.macvlans.contains(s.interface); },
            [&](const SwitchLink& s) {
                const auto found = was.macvlans.find(s.interface);
                return found != was.macvlans.end() && found->second.up == s.up;
            },
            [&](const PutAddress& s) { return was.addresses.contains(s.address); },
            [&](const PutRoute& s) { return holds(was.routes, s.key, s.target); },
            [&](const PutRule& s) { return was.rules.contains(s.rule); },
            [&](const PutEndpointRoute& s) { return holds(was.endpoint_routes, s.address, s.uplink); },
            // What is removed was not in place as it was wanted.
            [](const DeleteRoute&) { return false; },
            [](const DeleteRule&) { return false; },
            [](const DeleteEndpointRoute&) { return false; },
            [](const DeleteAddress&) { return false; },
            [](const RemoveTunnel&) { return false; },
            [](const RemoveMacvlan&) { return false; },
        },
        step);
}

std::string needs_link(const Step& step) {
    return std::visit(
        Overloaded{
            [](const PutRoute& s) { return s.target.link.value_or(""); },
            [](const PutAddress& s) { return s.address.link; },
            [](const ApplyFirewall&) { return std::string{}; },
            [](const SetSysctl&) { return std::string{}; },
            [](const CreateTunnel&) { return std::string{}; },
            [](const ConfigureTunnel&) { return std::string{}; },
            [](const SetLink&) { return std::string{}; },
            [](const CreateMacvlan&) { return std::string{}; },
            [](const SwitchLink&) { return std::string{}; },
            [](const DeleteRoute&) { return std::string{}; },
            [](const PutRule&) { return std::string{}; },
            [](const DeleteRule&) { return std::string{}; },
            [](const PutEndpointRoute&) { return std::string{}; },  // to an uplink, which is not of ours
            [](const DeleteEndpointRoute&) { return std::string{}; },
            [](const DeleteAddress&) { return std::string{}; },
            [](const RemoveTunnel&) { return std::string{}; },
            [](const RemoveMacvlan&) { return std::string{}; },
        },
        step);
}

}  // namespace ulagate
