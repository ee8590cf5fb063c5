// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/relay_connections.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/log_state.h"
#include "daemon/service/assign.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxRelaysFile = std::size_t{1} << 20U;
// In a second, both ways: more than our own probes and a keepalive make of it.
constexpr std::uint64_t kIdleBytes = 2000;
// After a change of the egress the relay is probed as under traffic.
constexpr auto kSuspicion = 3s;
// A WireGuard peer that hears something and has nothing to say sends a keepalive after 10 s
// (KEEPALIVE_TIMEOUT). One of them may be lost.
constexpr auto kLongestSilence = 25s;

}  // namespace

RelayConnections::RelayConnections(const Context& context, NameResolver& resolver, EgressLookup& egress,
                                   RelayChannel& channel, Manner manner)
    : context_(context),
      manner_(manner),
      resolver_(resolver),
      channel_(channel),
      egress_(egress, context.reconciler),
      mtu_probe_(context.loop, [this] { context_.turn.reconcile_next(); }),
      contact_(context.loop, [this] { on_deadline(); }),
      reminder_(context.loop, [this] { remind_plain_relays(); }) {}

void RelayConnections::load() {
    if (const auto text = read_file(context_.paths.relays_file(), kMaxRelaysFile)) memory_.load(*text);
}

void RelayConnections::keep(bool stopping) {
    std::map<std::string, RelayMemory::Relay> relays;
    for (const auto& [name, contact] : contacts_) {
        auto addresses = contact.addresses.all();
        if (!contact.addresses.is_name() || addresses.empty()) continue;
        relays[name] = {contact.addresses.host(), contact.selector.winner(), std::move(addresses)};
    }
    memory_.update(std::move(relays));
    const auto text = memory_.take_write(context_.loop.now(), stopping);
    if (text) context_.files.write(context_.paths.relays_file(), *text, 0600);
}

void RelayConnections::set_config() {
    const Config& config = context_.config;
    std::map<std::string, RelayContact> contacts;
    for (std::size_t index = 0; index < config.relays.size(); ++index) {
        const RelayConfig& relay = config.relays[index];
        std::optional<SourcePort> source;
        if (manner_.own_source_ports) source.emplace(relay_port(config, index));
        const auto known = contacts_.find(relay.name);
        if (known != contacts_.end() && known->second.addresses.host() == relay.host) {
            contacts.insert(contacts_.extract(known));
            RelayContact& contact = contacts.at(relay.name);
            contact.port = relay.port;
            if (!source || !contact.source || source->wish() != contact.source->wish())
                contact.source = source;
            continue;
        }
        RelayContact contact{relay.host, relay.port};
        contact.source = source;
        if (const auto* memory = memory_.find(relay.name, relay.host)) {
            const auto usable = address_rule().usable(relay.host, memory->addresses);
            if (usable) contact.addresses.remember(*usable);
            if (memory->winner && address_rule().refusal(*memory->winner).empty())
                contact.addresses.worked(*memory->winner);
            contact.selector.remember(memory->winner, memory->addresses);
        }
        contacts.emplace(relay.name, std::move(contact));
    }
    contacts_ = std::move(contacts);
    plain_relays_.clear();
    relays_.clear();
    observe();
}

RelayAddressRule RelayConnections::address_rule() const {
    RelayAddressRule rule{context_.config.overlay, {context_.config.tunnel.address}};
    for (const RelayConfig& relay : context_.config.relays) rule.tunnel_addresses.insert(relay.address);
    return rule;
}

void RelayConnections::ask_resolver() {
    for (auto& [name, contact] : contacts_) {
        for (const IpFamily family : kIpFamilies) {
            if (contact.addresses.ask(family, context_.loop.now()))
                resolver_.request(contact.addresses.host(), family);
        }
    }
}

void RelayConnections::take_answer(const NameResolver::Answer& answer) {
    for (auto& [name, contact] : contacts_) {
        if (!contact.addresses.is_name() || contact.addresses.host() != answer.host) continue;
        const std::string before = contact.addresses.problem();
        auto usable =
            answer.addresses ? address_rule().usable(answer.host, *answer.addresses) : answer.addresses;
        contact.addresses.on_answer(answer.family, usable, answer.ttl, context_.loop.now());
        const std::string problem = contact.addresses.problem();
        if (problem != before && !problem.empty()) log::warning(name, "{}, retrying", problem);
    }
    context_.turn.reconcile_next();
}

// The egress to a relay has changed: names may have other addresses there, and what is being asked has left
// by the old one.
void RelayConnections::network_changed() {
    resolver_.start_again();
    for (auto& [name, contact] : contacts_) contact.addresses.ask_again();
}

void RelayConnections::on_deadline() {
    // An answer to the last try that is there already must not be lost by the next one.
    Stale stale;
    stale.tunnels = true;
    context_.reconciler.mark(stale);
    context_.turn.reconcile();
}

void RelayConnections::remind_plain_relays() {
    for (auto& [name, plain] : plain_relays_) {
        if (plain.take_reminder(context_.loop.now())) contacts_.at(name).egress.send_now();
    }
    context_.turn.reconcile();
}

void RelayConnections::observe() {
    ask_resolver();
    // What was answered counts. An error is reported by the run that follows.
    if (!context_.config.relays.empty()) static_cast<void>(context_.reconciler.refresh());
    for (const RelayConfig& relay : context_.config.relays) choose(relay);
    measure_paths();
    uplink_ = egress_.internet_egress(IpFamily::ipv6);
    if (!uplink_) uplink_ = egress_.internet_egress(IpFamily::ipv4);
    note_uplinks();
}

// An uplink that is away for a while is one still: without its setting it would not come back.
void RelayConnections::note_uplinks() {
    const auto note = [this](const std::string& link) {
        if (link != "lo" && !link.starts_with(kLinkPrefix)) uplinks_.insert(link);
    };
    for (const IpFamily family : kIpFamilies) {
        if (const auto& egress = egress_.internet_egress(family)) note(egress->link);
    }
    if (!manner_.reads_default_routes) return;
    for (const DefaultRoute& route : egress_.default_routes()) note(route.uplink.link);
}

bool RelayConnections::contribute(Facts& facts) const {
    const bool relays = assign(facts.relays, relays_);
    const bool uplink = assign(facts.uplink, uplink_);
    return assign(facts.uplinks, uplinks_) || relays || uplink;
}

bool RelayConnections::taken_away() {
    if (!std::exchange(renewing_, false)) return false;
    for (auto& [name, facts] : relays_) facts.renew_peer = false;
    return true;
}

// A size that the configuration gives needs no measuring.
void RelayConnections::measure_paths() {
    std::map<std::string, MtuProbe::Path> paths;
    for (const auto& [name, facts] : relays_) {
        if (context_.config.tunnel.mtu || !facts.endpoint || !facts.egress) continue;
        const Links& links = context_.reconciler.have().links;
        const auto link = links.find(facts.egress->link);
        if (link == links.end()) continue;
        const auto traffic = traffic_.find(name);
        paths[name] = {facts.endpoint->address, *facts.egress, link->second.mtu,
                       traffic != traffic_.end() && traffic->second};
    }
    mtu_probe_.set_paths(paths);
    for (auto& [name, facts] : relays_) facts.path_mtu = mtu_probe_.measured(name);
}

void RelayConnections::send_by_new_egress() {
    bool moved = false;
    for (const RelayConfig& relay : context_.config.relays) {
        RelayContact& contact = contacts_.at(relay.name);
        const RelayFacts& facts = relays_[relay.name];
        const auto send = contact.egress.update(facts.egress, context_.loop.now());
        if (send == EgressMonitor::Send::no) continue;
        if (send == EgressMonitor::Send::by_new_egress) {
            moved = true;
            contact.selector.network_changed(context_.loop.now());
        }
        if (peer_of(relay) == nullptr || !facts.endpoint || facts.renew_peer) continue;
        if (send == EgressMonitor::Send::by_new_egress) {
            const auto& source = facts.egress->source;
            log::info(relay.name, "packets to it leave through {}, source {}", facts.egress->link,
                      source ? net::to_string(*source) : "an address chosen by the kernel");
        }
        context_.fast_path.write(
            ConfigureTunnel{tunnel_interface(relay),
                            send_at_once(relay.public_key, *facts.endpoint, relay.keepalive_seconds)},
            {.routine = true});
        suspected_until_[relay.name] = context_.loop.now() + kSuspicion;
        channel_.set_traffic(relay.name, true);
        if (send == EgressMonitor::Send::again) channel_.probe_now(relay.name);
    }
    if (moved) network_changed();
    schedule();
}

void RelayConnections::note_changes() {
    for (const RelayConfig& relay : context_.config.relays) {
        const bool alive = is_alive(relay);
        bool& logged = logged_up_[relay.name];
        if (alive == logged || contacts_.at(relay.name).selector.on_trial()) continue;
        logged = alive;
        const auto& endpoint = relays_[relay.name].endpoint;
        if (alive) {
            log::state(log::Level::info, relay.name, log::kTunnel, "tunnel up, endpoint {}",
                       endpoint ? net::to_string(*endpoint) : "unknown");
        } else if (!may_use(relay)) {
            log::state(log::Level::info, relay.name, log::kTunnel,
                       "tunnel on standby: another router of the site is Active");
        } else {
            log::state(log::Level::notice, relay.name, log::kTunnel, "tunnel down: {}",
                       peer_of(relay) == nullptr                ? "its peer is gone"
                       : channel_.alive(relay.name).has_value() ? "probes are no longer answered"
                       : is_silent(relay)                       ? "nothing was received from it for 25 s"
                                                                : "no handshake in the last 180 s");
        }
    }
}

void RelayConnections::note_reachable() {
    for (const RelayConfig& relay : context_.config.relays)
        channel_.set_reachable(relay.name, peer_of(relay) != nullptr);
}

// A relay that carries something now has to be missed sooner when it dies.
void RelayConnections::tick(const std::set<std::string>& transit) {
    for (const RelayConfig& relay : context_.config.relays) {
        note_received(relay);
        const wg::Peer* peer = peer_of(relay);
        if (peer == nullptr) continue;
        const std::uint64_t bytes = peer->rx_bytes + peer->tx_bytes;
        const std::uint64_t before = std::exchange(tunnel_bytes_[relay.name], bytes);
        // With thousands of peers the counters are not read each second.
        traffic_[relay.name] = transit.contains(relay.name) || bytes > before + kIdleBytes;
        const bool suspected = context_.loop.now() < suspected_until_[relay.name];
        channel_.set_traffic(relay.name, traffic_[relay.name] || suspected);
    }
    measure_paths();
}

const wg::Peer* RelayConnections::peer_of(const RelayConfig& relay) const {
    return find_peer(context_.reconciler.have(), tunnel_interface(relay), relay.public_key);
}

bool RelayConnections::is_alive(const RelayConfig& relay) const {
    const wg::Peer* peer = peer_of(relay);
    if (peer == nullptr) return false;
    if (const auto by_round_trip = channel_.alive(relay.name)) return *by_round_trip;
    return peer->connected(context_.loop.wall_clock()) && !is_silent(relay);
}

// Nothing has come from it for longer than any WireGuard peer keeps silent to whom it hears, and it hears us
// each second.
bool RelayConnections::is_silent(const RelayConfig& relay) const {
    if (relay.kind != RelayKind::ulagate) return false;
    const auto known = received_.find(relay.name);
    return known != received_.end() && context_.loop.now() > known->second.at + kLongestSilence;
}

void RelayConnections::note_received(const RelayConfig& relay) {
    const wg::Peer* peer = peer_of(relay);
    if (peer == nullptr) {
        received_.erase(relay.name);
        return;
    }
    const auto [known, is_new] =
        received_.try_emplace(relay.name, Received{peer->rx_bytes, context_.loop.now()});
    if (known->second.bytes != peer->rx_bytes) known->second = {peer->rx_bytes, context_.loop.now()};
}

bool RelayConnections::is_reachable(const RelayConfig& relay) const {
    if (relay.kind == RelayKind::ulagate || is_alive(relay)) return is_alive(relay);
    const auto known = plain_relays_.find(relay.name);
    return !conditions_.clock_behind &&
           (known == plain_relays_.end() || !known->second.unreachable(context_.loop.now()));
}

bool RelayConnections::any_reachable() const {
    return std::any_of(context_.config.relays.begin(), context_.config.relays.end(),
                       [&](const RelayConfig& relay) { return is_reachable(relay); });
}

bool RelayConnections::may_use(const RelayConfig& relay) const {
    Facts facts;
    facts.active_lans = conditions_.active_lans;
    facts.handing_over = conditions_.handing_over;
    return ulagate::may_use(context_.config, facts, relay);
}

void RelayConnections::schedule() {
    std::optional<Loop::TimePoint> contact;
    for (const auto& [name, known] : contacts_) {
        const auto due = known.deadline();
        if (due && (!contact || *due < *contact)) contact = due;
    }
    contact_.set(contact);
    std::optional<Loop::TimePoint> reminder;
    for (const auto& [name, plain] : plain_relays_) {
        if (plain.deadline() && (!reminder || *plain.deadline() < *reminder)) reminder = plain.deadline();
    }
    reminder_.set(reminder);
}

}  // namespace ulagate
