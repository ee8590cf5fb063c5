// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/steps.h"

#include <fmt/format.h>

#include <cstddef>

#include "daemon/base/overloaded.h"

namespace ulagate {
namespace {

std::string name(const RouteKey& key) {
    return fmt::format("route {} metric {}{}", net::to_string(key.destination), key.metric,
                       key.table == kRouteTable ? "" : fmt::format(" table {}", key.table));
}

std::string name(const RuleKey& key) {
    return fmt::format("rule {}: from all {}lookup {}", key.preference,
                       key.to ? "to " + net::to_string(*key.to) + " " : "",
                       key.table == kLocalTable ? "local" : std::to_string(key.table));
}

std::string name(const AddressKey& key) {
    return fmt::format("address {} on {}", net::to_string(key.address), key.link);
}

std::string where(const RouteTarget& target) {
    return target.link ? fmt::format("dev {}", *target.link) : std::string{"unreachable"};
}

std::string where(const Uplink& uplink) {
    if (!uplink.gateway) return "to dev " + uplink.link;
    return fmt::format("to {} dev {}", net::to_string(*uplink.gateway), uplink.link);
}

std::string summary(const wg::DeviceChange& change) {
    std::size_t removed = 0;
    for (const auto& peer : change.peers) removed += peer.remove ? 1 : 0;
    std::string text;
    if (change.private_key) text += " private key,";
    if (change.listen_port) text += fmt::format(" listen port {},", *change.listen_port);
    const std::size_t set = change.peers.size() - removed;
    if (set == 1) {
        text += fmt::format(" peer {},", wg::short_name(change.peers.front().key));
    } else if (set > 1) {
        text += fmt::format(" {} peers,", set);
    }
    if (removed > 0) text += fmt::format(" {} peers removed,", removed);
    if (!text.empty()) text.pop_back();
    return text;
}

std::string describe_firewall(const ApplyFirewall& step) {
    switch (step.to.mode) {
        case firewall::Mode::appliance:
            return "apply firewall, mode appliance";
        case firewall::Mode::shared:
            return "apply firewall, mode shared";
        case firewall::Mode::off:
            break;
    }
    return "remove firewall";
}

}  // namespace

const wg::Peer* find_peer(const Have& have, const std::string& interface, const wg::PublicKey& key) {
    const auto device = have.tunnels.find(interface);
    if (device == have.tunnels.end()) return nullptr;
    const auto peer = device->second.peers.find(key);
    return peer == device->second.peers.end() ? nullptr : &peer->second;
}

std::string subject(const Step& step) {
    return std::visit(
        Overloaded{
            [](const ApplyFirewall&) { return std::string{"firewall"}; },
            [](const SetSysctl& s) { return "sysctl " + s.path; },
            [](const CreateTunnel& s) { return "interface " + s.interface; },
            [](const RemoveTunnel& s) { return "interface " + s.interface; },
            [](const ConfigureTunnel& s) { return fmt::format("interface {} keys and peers", s.interface); },
            [](const SetLink& s) { return fmt::format("interface {} state and MTU", s.interface); },
            [](const CreateMacvlan& s) { return "interface " + s.interface; },
            [](const RemoveMacvlan& s) { return "interface " + s.interface; },
            [](const SwitchLink& s) { return fmt::format("interface {} state", s.interface); },
            [](const PutAddress& s) { return name(s.address); },
            [](const DeleteAddress& s) { return name(s.address); },
            [](const PutRoute& s) { return name(s.key); },
            [](const DeleteRoute& s) { return name(s.key); },
            [](const PutRule& s) { return name(s.rule); },
            [](const DeleteRule& s) { return name(s.rule); },
            [](const PutEndpointRoute& s) { return "endpoint route to " + net::to_string(s.address); },
            [](const DeleteEndpointRoute& s) { return "endpoint route to " + net::to_string(s.address); },
        },
        step);
}

std::string place_of(const Step& step) {
    return std::visit(Overloaded{
                          [](const ApplyFirewall&) { return std::string{"firewall"}; },
                          [](const CreateTunnel& s) { return s.interface; },
                          [](const RemoveTunnel& s) { return s.interface; },
                          [](const ConfigureTunnel& s) { return s.interface; },
                          [](const SetLink& s) { return s.interface; },
                          [](const SetSysctl&) { return std::string{}; },
                          [](const CreateMacvlan&) { return std::string{}; },
                          [](const RemoveMacvlan&) { return std::string{}; },
                          [](const SwitchLink&) { return std::string{}; },
                          [](const PutAddress&) { return std::string{}; },
                          [](const DeleteAddress&) { return std::string{}; },
                          [](const PutRoute&) { return std::string{}; },
                          [](const DeleteRoute&) { return std::string{}; },
                          [](const PutRule&) { return std::string{}; },
                          [](const DeleteRule&) { return std::string{}; },
                          [](const PutEndpointRoute&) { return std::string{}; },
                          [](const DeleteEndpointRoute&) { return std::string{}; },
                      },
                      step);
}

std::string describe(const Step& step) {
    return std::visit(
        Overloaded{
            [](const ApplyFirewall& s) { return describe_firewall(s); },
            [](const SetSysctl& s) { return fmt::format("set sysctl {} = {}", s.path, s.value); },
            [](const CreateTunnel& s) { return fmt::format("create interface {}", s.interface); },
            [](const RemoveTunnel& s) { return fmt::format("remove interface {}", s.interface); },
            [](const ConfigureTunnel& s) {
                return fmt::format("configure interface {}:{}", s.interface, summary(s.change));
            },
            [](const SetLink& s) { return fmt::format("set interface {} up, MTU {}", s.interface, s.mtu); },
            [](const CreateMacvlan& s) {
                return fmt::format("create interface {} on {} with {}", s.interface, s.parent,
                                   net::to_string(s.mac));
            },
            [](const RemoveMacvlan& s) { return fmt::format("remove interface {}", s.interface); },
            [](const SwitchLink& s) {
                return fmt::format("set interface {} {}", s.interface, s.up ? "up" : "down");
            },
            [](const PutAddress& s) { return "add " + name(s.address); },
            [](const DeleteAddress& s) { return "remove " + name(s.address); },
            [](const PutRoute& s) { return fmt::format("add {} {}", name(s.key), where(s.target)); },
            [](const DeleteRoute& s) { return fmt::format("remove {} {}", name(s.key), where(s.target)); },
            [](const PutRule& s) { return "add " + name(s.rule); },
            [](const DeleteRule& s) { return "remove " + name(s.rule); },
            [](const PutEndpointRoute& s) {
                return fmt::format("add endpoint route {} {}", net::to_string(s.address), where(s.uplink));
            },
            [](const DeleteEndpointRoute& s) { return "remove endpoint route " + net::to_string(s.address); },
        },
        step);
}

}  // namespace ulagate
