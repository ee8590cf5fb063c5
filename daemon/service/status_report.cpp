// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/status_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/base/text.h"
#include "daemon/base/turn_record.h"
#include "daemon/kernel/desired.h"
#include "daemon/service/status_ages.h"

namespace ulagate {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kTransitShown = 20;

void add_other_routers(Status& status, Status::Lan& lan, const LanRouter& router, Loop::TimePoint now) {
    lan.watched = router.watch().counters();
    for (const ra::Sender& sender : router.watch().senders(now)) {
        Status::OtherRouter other;
        other.address = net::to_string(sender.address);
        if (sender.link_address) other.link_address = net::to_string(*sender.link_address);
        other.advertisements = sender.advertisements;
        other.heard = std::chrono::duration_cast<milliseconds>(now - sender.last);
        other.findings = sender.findings;
        lan.other_routers.push_back(std::move(other));
    }
    if (const auto split = router.split_brain(now)) {
        status.problems.push_back(fmt::format(
            "{}: {} also advertises from our address {}: split brain", lan.interface,
            split->link_address ? net::to_string(*split->link_address) : "a router without a MAC address",
            net::to_string(split->address)));
    }
}

std::optional<Status::Vrrp> vrrp_status(const LanRouter& router, Loop::TimePoint now) {
    const vrrp::Machine* machine = router.machine();
    if (machine == nullptr) return std::nullopt;
    const auto since = [&](vrrp::TimePoint when) {
        return std::chrono::duration_cast<milliseconds>(now - when);
    };
    Status::Vrrp out;
    out.id = machine->config().vrid;
    out.address = net::to_string(machine->config().address);
    out.state = vrrp::to_string(machine->state());
    out.priority = machine->priority();
    out.configured_priority = machine->config().priority;
    for (const Deduction& deduction : router.deductions())
        out.deductions.push_back(fmt::format("{}: {}", deduction.amount, deduction.reason));
    if (const auto& peer = machine->peer()) {
        out.peer = net::to_string(peer->address);
        out.peer_priority = peer->priority;
        out.peer_heard = since(peer->when);
    }
    for (std::size_t i = 0; i < vrrp::kRefusals; ++i) {
        const auto refusal = static_cast<vrrp::Refusal>(i);
        if (const auto count = router.counters().vrrp_refused.of(refusal); count > 0)
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
bool clock_was_accepted(const Context& context) {
    const Config& config = context.config;
    const auto now = context.loop.wall_clock();
    return std::any_of(config.relays.begin(), config.relays.end(), [&](const RelayConfig& relay) {
        const wg::Peer* peer =
            find_peer(context.reconciler.have(), tunnel_interface(relay), relay.public_key);
        return peer != nullptr && peer->ever_connected() && peer->last_handshake <= now;
    });
}

std::string firewall_state(const FirewallConfig& config, const Have& have) {
    if (config.mode == firewall::Mode::off) return "off: this machine's other rules decide";
    const char* mode = config.mode == firewall::Mode::appliance ? "appliance" : "shared";
    return fmt::format("{}, {}", mode, have.firewall ? "in force" : "NOT in force");
}

void add_session(const Context& context, const RelayConfig& config, const RelayChannel& channel,
                 Status::Relay& relay) {
    const wg::control::RelaySession* session = channel.session(config.name);
    if (session == nullptr || !session->has_answered()) return;
    if (const auto time = session->round_trip())
        relay.round_trip = std::chrono::duration_cast<milliseconds>(*time);
    const auto now = context.loop.now();
    const auto loss = session->loss(now);
    relay.probes = loss.probes;
    relay.lost = loss.lost;
    relay.measured = probes_of(session->probes(), now);
    if (const auto sites = session->sites()) {
        relay.connected = sites->prefixes().size();
        relay.transit_sites = sites->transit().size();
    }
    for (const LanConfig& lan : context.config.lans) {
        const auto owner = session->owner(lan.prefix);
        if (!owner) continue;
        Status::Owner& out = relay.owners.emplace_back();
        out.prefix = net::to_string(lan.prefix);
        out.us = owner->router == context.config.tunnel.address;
        if (owner->router) out.router = net::to_string(*owner->router);
    }
}

}  // namespace

void add_machine(Status& status, const Context& context) {
    const Config& config = context.config;
    status.role = name(config.role);
    status.node = config.node;
    status.site = config.site;
    status.overlay = net::to_string(config.overlay);
    status.firewall = firewall_state(config.firewall, context.reconciler.have());
    status.longest_turn = turn_of(turns().longest());
    status.longest_turn_lately = turn_of(turns().longest_lately());
    status.turns_over_20ms = turns().too_long();
}

void add_problems(Status& status, const Context& context, const TunnelKey& key) {
    if (!key.problem().empty()) status.problems.push_back(key.problem());
    for (const Obstacle& obstacle : context.obstacles.all()) status.problems.push_back(obstacle.sentence);
    for (const auto& [subject, problem] : context.reconciler.problems()) {
        status.problems.push_back(
            fmt::format("{}: {} (tried {} times)", problem.what, problem.error.text(), problem.attempts));
    }
}

void add_lans(Status& status, const Context& context, const Lans& lans) {
    const Have& have = context.reconciler.have();
    for (const auto& task : lans.all()) {
        const LanRouter& router = task->router();
        Status::Lan lan;
        lan.interface = router.config().interface;
        lan.prefix = net::to_string(router.config().prefix);
        const std::string& waiting = task->problem().empty() ? router.waiting_for() : task->problem();
        lan.state = waiting.empty() ? "advertising" : "silent: " + waiting;
        const bool backup = router.machine() != nullptr && !router.link_dead() && task->problem().empty();
        if (!waiting.empty() && router.config().advertise && !backup)
            status.problems.push_back(lan.interface + ": " + waiting);
        lan.route_withdrawn = router.route_withdrawn();
        if (router.source()) lan.source = net::to_string(router.source()->address);
        for (const auto& [key, state] : have.addresses) {
            if (key.link != lan.interface || !state.ours) continue;
            lan.addresses.push_back(net::to_string(key.address.address) +
                                    (state.duplicate ? " (duplicate on the link)" : ""));
            if (state.duplicate)
                status.problems.push_back(fmt::format("{}: another machine uses {}", lan.interface,
                                                      net::to_string(key.address.address)));
        }
        lan.counters = router.counters();
        add_other_routers(status, lan, router, context.loop.now());
        lan.vrrp = vrrp_status(router, context.loop.now());
        lan.last_advertisement = age_of(router.last_sent(), context);
        status.lans.push_back(std::move(lan));
    }
}

void add_relays(Status& status, const Context& context, const RelayConnections& relays,
                const EdgeClock* clock) {
    const Have& have = context.reconciler.have();
    const auto overlay = have.routes.find({context.config.overlay, kRouteMetric});
    for (const RelayConfig& config : context.config.relays) {
        Status::Relay relay;
        relay.name = config.name;
        relay.interface = tunnel_interface(config);
        const RelayFacts& facts = relays.facts_of(config.name);
        if (facts.endpoint) relay.endpoint = net::to_string(*facts.endpoint);
        if (const wg::Peer* peer = find_peer(have, relay.interface, config.public_key)) {
            relay.last_handshake = age_of(peer->last_handshake, context);
            relay.rx_bytes = peer->rx_bytes;
            relay.tx_bytes = peer->tx_bytes;
            if (peer->endpoint) relay.endpoint = net::to_string(*peer->endpoint);
        }
        if (const auto device = have.tunnels.find(relay.interface); device != have.tunnels.end())
            relay.listen_port = device->second.listen_port;
        if (const auto link = have.links.find(relay.interface); link != have.links.end())
            relay.mtu = link->second.mtu;
        relay.path_mtu = facts.path_mtu;
        const std::string problem = relays.name_problem(config.name);
        if (relays.is_alive(config)) {
            relay.state = "up";
        } else if (!relays.may_use(config)) {
            relay.state = "standby: a plain WireGuard relay is used only by the site's Active router";
        } else if (clock != nullptr && clock->behind()) {
            relay.state = "down: waiting for the clock";
        } else if (!problem.empty()) {
            relay.state = "down: " + problem;
        } else if (!facts.egress) {
            relay.state = "down: no route to " + relay.endpoint;
        } else {
            const wg::control::RelaySession* session = relays.channel().session(config.name);
            const bool once_spoke = session != nullptr && session->relay();
            if (!relay.last_handshake) {
                relay.state = once_spoke ? "down: no handshake since its tunnel was created again"
                                         : "down: no handshake yet";
            } else if (*relay.last_handshake < wg::kSessionLife && once_spoke) {
                relay.state =
                    "down: the WireGuard handshake succeeded, but nothing answers inside the tunnel";
            } else {
                relay.state = "down: the last handshake is too old";
            }
            // The relay ignores, without a word, what is older than the last it saw from us. One that has
            // spoken to us has taken our clock.
            if (clock != nullptr && clock->floor().may_be_behind() && !clock_was_accepted(context) &&
                !once_spoke)
                relay.state += "; the clock is not synchronised by a time service, which may be the cause";
        }
        if (relay.state.starts_with("down"))
            status.problems.push_back(fmt::format("relay {} is {}", relay.name, relay.state));
        relay.is_default = overlay != have.routes.end() && overlay->second.link == relay.interface;
        add_session(context, config, relays.channel(), relay);
        status.relays.push_back(std::move(relay));
    }
}

void add_transit(Status& status, const RouterRegistry& routers) {
    for (Status::Relay& relay : status.relays) {
        const wg::control::RelaySession* session = routers.control().session(relay.name);
        if (session == nullptr || !session->has_answered()) continue;
        for (const auto& [site, through] : routers.transit()) {
            if (through != relay.name) continue;
            if (++relay.transit_count <= kTransitShown) relay.transit.push_back(net::to_string(site));
        }
    }
}

void add_routers(Status& status, const Context& context, const RouterRegistry& registry) {
    for (const SiteConfig& site : context.config.sites) {
        std::size_t router_index = 0;
        for (const RouterConfig& config : site.routers) {
            Status::Router& router = status.routers.emplace_back();
            router.site = site.name;
            router.node = config.node;
            const std::size_t here = router_index++;
            router.interface = router_interface(here);
            const auto now = context.loop.now();
            if (const auto known = registry.control().ownership().router(config.address, now))
                router.heard = age_of(known->last_heard, context);
            for (const net::Ipv6Prefix& prefix : site.prefixes) {
                if (registry.control().ownership().owner_index(prefix) == here)
                    router.owns.push_back(net::to_string(prefix));
            }
            const wg::Peer* peer = find_peer(context.reconciler.have(), router.interface, config.public_key);
            if (peer == nullptr) continue;
            if (peer->endpoint) router.endpoint = net::to_string(*peer->endpoint);
            router.endpoint_changes = registry.endpoint_changes(config.public_key);
            router.last_handshake = age_of(peer->last_handshake, context);
            router.up = peer->connected(context.loop.wall_clock());
            router.rx_bytes = peer->rx_bytes;
            router.tx_bytes = peer->tx_bytes;
        }
    }
}

}  // namespace ulagate
