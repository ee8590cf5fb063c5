// SPDX-License-Identifier: GPL-2.0-or-later
// By which address, uplink and source port each relay is reached.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/service/relay_connections.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// While another address is on trial, the relay is probed as under traffic.
constexpr auto kTrialSuspicion = 3s;

}  // namespace

void RelayConnections::choose(const RelayConfig& relay) {
    const auto now = context_.loop.now();
    RelayContact& contact = contacts_.at(relay.name);
    RelayFacts& facts = relays_[relay.name];
    const wg::Peer* peer = peer_of(relay);
    facts.alive = is_alive(relay);
    const bool may_use_it = may_use(relay) && !conditions_.clock_behind && !conditions_.handing_over;
    if (relay.kind == RelayKind::plain) plain_relays_[relay.name].update(may_use_it, facts.alive, now);

    EndpointSelector::View view;
    view.addresses = contact.addresses.all();
    view.own_uplink = [this](const net::IpAddress& address) { return egress_.own_uplink(address); };
    view.other_uplinks = [&](const net::IpAddress& address) {
        // All routes are read for that, and while the tunnel works only one with an endpoint route has to be
        // judged.
        if (facts.alive && !egress_.endpoint_route_of(address)) return std::vector<Uplink>{};
        return egress_.other_uplinks(address);
    };
    if (peer != nullptr && peer->endpoint)
        view.in_use = Candidate{peer->endpoint->address, egress_.endpoint_route_of(peer->endpoint->address)};
    // While nothing is sent there, silence says nothing against the relay or its address.
    view.may_send = may_use_it && conditions_.has_key &&
                    context_.reconciler.have().tunnels.contains(tunnel_interface(relay));
    view.alive = facts.alive;
    view.answered = contact.answered(peer);
    view.traffic = traffic_[relay.name];
    view.answers_probes = channel_.alive(relay.name).has_value();
    if (const auto* session = channel_.session(relay.name); session != nullptr && session->round_trip())
        view.round_trip = std::chrono::duration_cast<std::chrono::milliseconds>(*session->round_trip());
    if (view.may_send) contact.addresses.set_alive(view.alive, now);
    if (view.alive && contact.selector.winner()) contact.addresses.worked(*contact.selector.winner());
    choose_source_port(relay, view);
    const auto before = contact.selector.choice();
    const auto attempt = contact.selector.update(view, now);
    facts.endpoint = contact.endpoint();
    follow_choice(facts, view.may_send ? contact.selector.choice() : std::nullopt);
    facts.egress = facts.endpoint ? egress_.egress_to(facts.endpoint->address) : std::nullopt;
    if (!attempt) return;
    contact.begin_try(*attempt, peer);
    log::debug(relay.name, "trying {}{}{}", net::to_string(*facts.endpoint),
               facts.endpoint_route ? " by " + facts.endpoint_route->link : std::string{},
               attempt->renew ? " anew" : "");
    suspected_until_[relay.name] = now + kTrialSuspicion;
    // That the egress is another one is our own doing.
    if (attempt->renew || before != contact.selector.choice()) contact.egress.expect(facts.egress);
    if (attempt->renew) {
        facts.renew_peer = peer != nullptr;
        renewing_ |= facts.renew_peer;
        if (renewing_) context_.kernel_log.routine(true);
    } else {
        contact.egress.send_now();
    }
}

void RelayConnections::choose_source_port(const RelayConfig& relay, const EndpointSelector::View& view) {
    RelayContact& contact = contacts_.at(relay.name);
    if (!contact.source) return;
    const std::string interface = tunnel_interface(relay);
    SourcePort::View now_there{view.may_send, view.alive, contact.selector.rounds(), std::nullopt, false};
    const Have& have = context_.reconciler.have();
    const auto device = have.tunnels.find(interface);
    if (device != have.tunnels.end() && device->second.listen_port != 0)
        now_there.in_use = device->second.listen_port;
    // Until the interface has said which port it has now, one that is not free may well be its own.
    const bool known = device != have.tunnels.end() && !have.unanswered_tunnels.contains(interface);
    now_there.settling = !known || context_.reconciler.under_way();
    for (const Step& step : {Step{ConfigureTunnel{interface, {}}}, Step{SetLink{interface, 0}}}) {
        const auto problem = context_.reconciler.problems().find(subject(step));
        now_there.refused |= problem != context_.reconciler.problems().end() &&
                             problem->second.error.code == std::errc::address_in_use;
    }
    // One that another tunnel of ours has is given up by it when it is wanted here.
    const auto is_free = [this](std::uint16_t port) {
        const auto& tunnels = context_.reconciler.have().tunnels;
        return std::any_of(tunnels.begin(), tunnels.end(),
                           [port](const auto& one) { return one.second.listen_port == port; }) ||
               egress_.udp_port_is_free(port);
    };
    const std::uint16_t before = contact.source->port();
    if (contact.source->update(
            now_there, is_free, [] { return std::random_device{}(); }, context_.loop.now())) {
        const std::uint16_t port = contact.source->port();
        if (port == contact.source->wish()) {
            log::info(relay.name, "using UDP port {} again", port);
        } else if (contact.source->wish_is_taken()) {
            log::warning(relay.name, "UDP port {} belongs to another program, using {} instead", before,
                         port);
        } else {
            log::notice(relay.name, "no replies reach UDP port {}, trying {}", before, port);
        }
        contact.selector.network_changed(context_.loop.now());
        context_.reconciler.retry_now();
    }
    relays_[relay.name].listen_port = contact.source->port();
}

void RelayConnections::report_source_ports() {
    std::vector<Obstacle> found;
    for (const auto& [name, contact] : contacts_) {
        if (!contact.source || !contact.source->wish_is_taken()) continue;
        found.push_back(
            {fmt::format("UDP port {} of this machine (tunnel.listen_port) belongs to another program, so "
                         "the tunnel to {} uses port {}; choose another listen_port, or stop that program",
                         contact.source->wish(), name, contact.source->port()),
             false,
             {},
             {}});
    }
    context_.obstacles.set("source ports", std::move(found));
}

// What the selector wants is in place before anything is sent.
void RelayConnections::follow_choice(RelayFacts& facts, const std::optional<Candidate>& choice) {
    facts.endpoint_route = choice ? choice->via : std::nullopt;
    if (!choice || facts.endpoint_route == egress_.endpoint_route_of(choice->address)) return;
    if (facts.endpoint_route) {
        context_.fast_path.write(PutEndpointRoute{choice->address, *facts.endpoint_route});
    } else {
        // Two relays may be on one machine.
        const bool shared = std::any_of(relays_.begin(), relays_.end(), [&](const auto& relay) {
            return relay.second.endpoint_route && relay.second.endpoint->address == choice->address;
        });
        if (shared) return;
        context_.fast_path.write(DeleteEndpointRoute{choice->address});
    }
    egress_.forget(choice->address);
}

}  // namespace ulagate
