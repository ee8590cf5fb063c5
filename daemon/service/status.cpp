// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon says about itself, and the commands of the control socket.
#include "daemon/service/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>

#include "daemon/base/text.h"
#include "daemon/base/turn_record.h"
#include "daemon/base/version.h"
#include "daemon/service/service.h"

namespace ulagate {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kDetoursShown = 20;

Status::Age age_of(std::chrono::system_clock::time_point when) {
    if (when == std::chrono::system_clock::time_point{}) return std::nullopt;
    const auto age = std::chrono::system_clock::now() - when;
    return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(age));
}

void add_strangers(Status& status, Status::Lan& lan, const LanPort& port) {
    const auto now = std::chrono::steady_clock::now();
    lan.watched = port.watch().counters();
    for (const ra::Sender& sender : port.watch().senders(now)) {
        Status::Stranger stranger;
        stranger.address = net::to_string(sender.address);
        if (sender.link_address) stranger.link_address = net::to_string(*sender.link_address);
        stranger.advertisements = sender.advertisements;
        stranger.heard = std::chrono::duration_cast<milliseconds>(now - sender.last);
        stranger.findings = sender.findings;
        lan.strangers.push_back(std::move(stranger));
    }
    if (const auto split = port.split_brain(now)) {
        status.problems.push_back(fmt::format(
            "{}: {} advertises from our address {} too: split brain", lan.interface,
            split->link_address ? net::to_string(*split->link_address) : "a router without a MAC address",
            net::to_string(split->address)));
    }
}

std::optional<Status::Vrrp> vrrp_status(const LanPort& port) {
    const vrrp::Machine* machine = port.machine();
    if (machine == nullptr) return std::nullopt;
    const auto now = std::chrono::steady_clock::now();
    const auto since = [&](vrrp::TimePoint when) {
        return std::chrono::duration_cast<milliseconds>(now - when);
    };
    Status::Vrrp out;
    out.id = machine->config().vrid;
    out.address = net::to_string(machine->config().address);
    out.state = vrrp::to_string(machine->state());
    out.priority = machine->priority();
    out.configured_priority = machine->config().priority;
    for (const Deduction& deduction : port.deductions())
        out.deductions.push_back(fmt::format("{}: {}", deduction.amount, deduction.reason));
    if (const auto& peer = machine->peer()) {
        out.peer = net::to_string(peer->address);
        out.peer_priority = peer->priority;
        out.peer_heard = since(peer->when);
    }
    for (std::size_t i = 0; i < vrrp::kRefusals; ++i) {
        const auto refusal = static_cast<vrrp::Refusal>(i);
        if (const auto count = port.counters().vrrp_refused.of(refusal); count > 0)
            out.refusals.push_back(fmt::format("{}: {}", count, vrrp::to_string(refusal)));
    }
    for (const vrrp::Transition& transition : machine->transitions()) {
        out.transitions.insert(out.transitions.begin(), {std::string{vrrp::to_string(transition.from)},
                                                         std::string{vrrp::to_string(transition.to)},
                                                         transition.reason, since(transition.when)});
    }
    if (!out.transitions.empty()) out.in_state = out.transitions.front().ago;
    return out;
}

Status::Turn turn_of(const TurnRecord::Turn& turn) {
    return {turn.wall, turn.processor, turn.what, turn.part};
}

// Some relay took a handshake of ours, and the clock has not gone back since: no relay ignores us for it.
bool clock_was_accepted(const Config& config, const Have& have) {
    const auto now = std::chrono::system_clock::now();
    return std::any_of(config.relays.begin(), config.relays.end(), [&](const RelayConfig& relay) {
        const wg::Peer* peer = find_peer(have, tunnel_interface(relay), relay.public_key);
        return peer != nullptr && peer->ever_connected() && peer->last_handshake <= now;
    });
}

std::string firewall_state(const FirewallConfig& config, const Have& have) {
    if (config.mode == firewall::Mode::off) return "off, this machine's own rules decide";
    const char* mode = config.mode == firewall::Mode::appliance ? "appliance" : "shared";
    return fmt::format("{}, {}", mode, have.firewall ? "in force" : "NOT in force");
}

}  // namespace

void Service::on_command(const std::string& command, const ControlServer::Reply& reply) {
    if (command == "status") {
        // Counters and handshakes of this moment, not of the last tick.
        Stale stale;
        stale.tunnels = true;
        reconciler_->mark(stale);
        const auto fresh = reconciler_->refresh();
        if (!fresh) {
            reply(boost::json::object{{"error", fresh.error().text()}});
            return;
        }
        if (*fresh && config_.role == Role::relay) remember_endpoints();
        reply(to_json(status()));
    } else if (command == "withdraw") {
        withdraw(reply);
    } else {
        reply(boost::json::object{{"error", fmt::format("unknown command {}", quote(command))}});
    }
}

Status Service::status() const {
    Status status;
    status.version = kVersion;
    status.role = name(config_.role);
    status.node = config_.node;
    status.site = config_.site;
    status.overlay = net::to_string(config_.overlay);
    status.uptime = *age_of(std::optional{started_});
    status.backend = kernel_->backend() != nullptr ? kernel_->backend()->name() : "no";
    status.firewall = firewall_state(config_.firewall, reconciler_->have());
    status.last_reload = last_reload_;
    status.longest_turn = turn_of(turns().longest());
    status.longest_turn_lately = turn_of(turns().longest_lately());
    status.turns_over_20ms = turns().too_long();
    add_lan_status(status);
    add_relay_status(status);
    if (path_control_) add_path_status(status);
    add_router_status(status);
    if (!key_trouble_.empty()) status.problems.push_back(key_trouble_);
    if (clock_floor_.behind()) status.problems.push_back(clock_floor_.trouble(paths_.clock_file()));
    for (const Obstacle& obstacle : obstacles_.all()) status.problems.push_back(obstacle.sentence);
    for (const auto& [subject, trouble] : reconciler_->troubles()) {
        status.problems.push_back(
            fmt::format("{}: {} (tried {} times)", trouble.what, trouble.error.text(), trouble.attempts));
    }
    return status;
}

void Service::add_lan_status(Status& status) const {
    const Have& have = reconciler_->have();
    for (const auto& task : lans_) {
        const LanPort& port = task->port();
        Status::Lan lan;
        lan.interface = port.config().interface;
        lan.prefix = net::to_string(port.config().prefix);
        const std::string& waiting = task->trouble().empty() ? port.waiting_for() : task->trouble();
        lan.state = waiting.empty() ? "advertising" : "silent: " + waiting;
        const bool backup = port.machine() != nullptr && !port.link_dead() && task->trouble().empty();
        if (!waiting.empty() && port.config().advertise && !backup)
            status.problems.push_back(lan.interface + ": " + waiting);
        lan.route_withdrawn = port.route_withdrawn();
        if (port.source()) lan.source = net::to_string(port.source()->address);
        for (const auto& [key, state] : have.addresses) {
            if (key.link != lan.interface || !state.ours) continue;
            lan.addresses.push_back(net::to_string(key.address.address) +
                                    (state.duplicate ? " (duplicate on the link)" : ""));
            if (state.duplicate)
                status.problems.push_back(fmt::format("{}: {} is used by another machine", lan.interface,
                                                      net::to_string(key.address.address)));
        }
        lan.counters = port.counters();
        add_strangers(status, lan, port);
        lan.vrrp = vrrp_status(port);
        lan.last_advertisement = age_of(port.last_sent());
        status.lans.push_back(std::move(lan));
    }
}

void Service::add_relay_status(Status& status) const {
    const Have& have = reconciler_->have();
    const auto overlay = have.routes.find({config_.overlay, kRouteMetric});
    for (const RelayConfig& config : config_.relays) {
        Status::Relay relay;
        relay.name = config.name;
        relay.interface = tunnel_interface(config);
        if (const auto& endpoint = facts_.relays.at(config.name).endpoint)
            relay.endpoint = net::to_string(*endpoint);
        if (const wg::Peer* peer = find_peer(have, relay.interface, config.public_key)) {
            relay.last_handshake = age_of(peer->last_handshake);
            relay.rx_bytes = peer->rx_bytes;
            relay.tx_bytes = peer->tx_bytes;
            if (peer->endpoint) relay.endpoint = net::to_string(*peer->endpoint);
        }
        if (const auto device = have.tunnels.find(relay.interface); device != have.tunnels.end())
            relay.listen_port = device->second.listen_port;
        if (const auto link = have.links.find(relay.interface); link != have.links.end())
            relay.mtu = link->second.mtu;
        if (const auto facts = facts_.relays.find(config.name); facts != facts_.relays.end())
            relay.path_mtu = facts->second.path_mtu;
        const std::string trouble = contacts_.at(config.name).addresses.trouble();
        if (is_alive(config)) {
            relay.state = "up";
        } else if (!may_use(config_, facts_, config)) {
            relay.state = "at rest: a stock relay, only the Active router of the site talks to it";
        } else if (facts_.clock_behind) {
            relay.state = "down: waiting for the clock";
        } else if (!trouble.empty()) {
            relay.state = "down: " + trouble;
        } else if (!facts_.relays.at(config.name).way) {
            relay.state = "down: no route to " + relay.endpoint;
        } else {
            const wg::control::RelaySession* session = talk_->session(config.name);
            const bool once_spoke = session != nullptr && session->relay();
            if (!relay.last_handshake) {
                relay.state = once_spoke ? "down: no handshake since its tunnel was made anew"
                                         : "down: no handshake yet";
            } else if (*relay.last_handshake < wg::kSessionLife && once_spoke) {
                relay.state = "down: WireGuard shook hands, but nothing answers inside the tunnel";
            } else {
                relay.state = "down: no handshake any more";
            }
            // The relay ignores, without a word, what is older than the last it saw from us. One that has
            // spoken to us has taken our clock.
            if (clock_floor_.may_be_behind() && !clock_was_accepted(config_, have) && !once_spoke)
                relay.state += "; no time service has set the clock, which may be why";
        }
        if (relay.state.starts_with("down"))
            status.problems.push_back(fmt::format("relay {} is {}", relay.name, relay.state));
        relay.carries = overlay != have.routes.end() && overlay->second.link == relay.interface;
        add_session_status(config, relay);
        status.relays.push_back(std::move(relay));
    }
}

void Service::add_session_status(const RelayConfig& config, Status::Relay& relay) const {
    const wg::control::RelaySession* session = talk_->session(config.name);
    if (session == nullptr || !session->has_answered()) return;
    if (const auto time = session->round_trip())
        relay.round_trip = std::chrono::duration_cast<milliseconds>(*time);
    const auto now = std::chrono::steady_clock::now();
    const auto loss = session->loss(now);
    relay.probes = loss.probes;
    relay.lost = loss.lost;
    relay.measured = probes_of(session->probes(), now);
    if (const auto sites = session->sites()) {
        relay.connected = sites->prefixes().size();
        relay.passed_on = sites->detours().size();
    }
    for (const auto& [site, through] : facts_.detours) {
        if (through != config.name) continue;
        if (++relay.detour_count <= kDetoursShown) relay.detours.push_back(net::to_string(site));
    }
    for (const LanConfig& lan : config_.lans) {
        const auto owner = session->owner(lan.prefix);
        if (!owner) continue;
        Status::Owner& out = relay.owners.emplace_back();
        out.prefix = net::to_string(lan.prefix);
        out.us = owner->router == config_.tunnel.address;
        if (owner->router) out.router = net::to_string(*owner->router);
    }
}

void Service::add_router_status(Status& status) const {
    for (const SiteConfig& site : config_.sites) {
        std::size_t slot = 0;
        for (const RouterConfig& config : site.routers) {
            Status::Router& router = status.routers.emplace_back();
            router.site = site.name;
            router.node = config.node;
            const std::size_t here = slot++;
            router.interface = slot_interface(here);
            const auto now = std::chrono::steady_clock::now();
            if (const auto known = relay_control_->ownership().router(config.address, now))
                router.heard = age_of(known->last_heard);
            for (const net::Ipv6Prefix& prefix : site.prefixes) {
                if (relay_control_->ownership().owner_slot(prefix) == here)
                    router.carries.push_back(net::to_string(prefix));
            }
            const wg::Peer* peer = find_peer(reconciler_->have(), router.interface, config.public_key);
            if (peer == nullptr) continue;
            if (peer->endpoint) router.endpoint = net::to_string(*peer->endpoint);
            const auto changes = endpoint_changes_.find(config.public_key);
            if (changes != endpoint_changes_.end()) router.endpoint_changes = changes->second;
            router.last_handshake = age_of(peer->last_handshake);
            router.up = peer->connected(std::chrono::system_clock::now());
            router.rx_bytes = peer->rx_bytes;
            router.tx_bytes = peer->tx_bytes;
        }
    }
}

}  // namespace ulagate
