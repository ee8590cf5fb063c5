// SPDX-License-Identifier: GPL-2.0-or-later
// Where the relays are, and by which of their addresses and of our uplinks the tunnels go.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/kernel/udp_port.h"
#include "daemon/service/service.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxRelaysFile = std::size_t{1} << 20U;
// After a change of the way, and while another address is on trial, the relay is probed as under traffic.
constexpr auto kSuspicion = 3s;

}  // namespace

void Service::load_relay_memory() {
    if (const auto text = read_file(paths_.relays_file(), kMaxRelaysFile)) relay_memory_.load(*text);
}

void Service::keep_relay_memory(bool stopping) {
    std::map<std::string, RelayMemory::Relay> relays;
    for (const auto& [name, contact] : contacts_) {
        auto addresses = contact.addresses.all();
        if (!contact.addresses.is_name() || addresses.empty()) continue;
        relays[name] = {contact.addresses.host(), contact.race.winner(), std::move(addresses)};
    }
    relay_memory_.update(std::move(relays));
    const auto text = relay_memory_.take_write(now(), stopping);
    if (text) files_.write(paths_.relays_file(), *text, 0600);
}

void Service::set_contacts() {
    std::map<std::string, RelayContact> contacts;
    for (std::size_t index = 0; index < config_.relays.size(); ++index) {
        const RelayConfig& relay = config_.relays[index];
        std::optional<SourcePort> source;
        if (config_.role == Role::edge) source.emplace(relay_port(config_, index));
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
        if (const auto* memory = relay_memory_.find(relay.name, relay.host)) {
            const auto usable = relay_address_rule().usable(relay.host, memory->addresses);
            if (usable) contact.addresses.remember(*usable);
            if (memory->winner && relay_address_rule().refusal(*memory->winner).empty())
                contact.addresses.worked(*memory->winner);
            contact.race.remember(memory->winner, memory->addresses);
        }
        contacts.emplace(relay.name, std::move(contact));
    }
    contacts_ = std::move(contacts);
}

RelayAddressRule Service::relay_address_rule() const {
    RelayAddressRule rule{config_.overlay, {config_.tunnel.address}};
    for (const RelayConfig& relay : config_.relays) rule.tunnel_addresses.insert(relay.address);
    return rule;
}

void Service::ask_resolver() {
    for (auto& [name, contact] : contacts_) {
        for (const IpFamily family : kIpFamilies) {
            if (contact.addresses.ask(family, now())) resolver_->request(contact.addresses.host(), family);
        }
    }
}

void Service::take_answer(const Resolver::Answer& answer) {
    for (auto& [name, contact] : contacts_) {
        if (!contact.addresses.is_name() || contact.addresses.host() != answer.host) continue;
        const std::string before = contact.addresses.trouble();
        auto usable =
            answer.addresses ? relay_address_rule().usable(answer.host, *answer.addresses) : answer.addresses;
        contact.addresses.on_answer(answer.family, usable, answer.ttl, now());
        const std::string trouble = contact.addresses.trouble();
        if (trouble != before && !trouble.empty()) log::warning(name, "{}, retrying", trouble);
    }
    reconcile_now();
}

// The way to a relay is another one: names may have other addresses there, and what is being asked has left
// by the old one.
void Service::on_network_change() {
    resolver_->start_again();
    for (auto& [name, contact] : contacts_) contact.addresses.ask_again();
}

void Service::on_contact_deadline() {
    // An answer to the last try that is there already must not be lost by the next one.
    Stale stale;
    stale.tunnels = true;
    reconciler_->mark(stale);
    reconcile();
}

void Service::choose_endpoints() {
    // What was answered counts. An error is reported by the run that follows.
    if (!config_.relays.empty()) static_cast<void>(reconciler_->refresh());
    for (const RelayConfig& relay : config_.relays) choose_endpoint(relay);
    measure_paths();
    facts_.uplink = way_to_internet(IpFamily::ipv6);
    if (!facts_.uplink) facts_.uplink = way_to_internet(IpFamily::ipv4);
    note_uplinks();
}

// An uplink that is away for a while is one still: without its setting it would not come back.
void Service::note_uplinks() {
    const auto note = [this](const std::string& link) {
        if (link != "lo" && !link.starts_with(kLinkPrefix)) facts_.uplinks.insert(link);
    };
    for (const IpFamily family : kIpFamilies) {
        if (const auto& way = way_to_internet(family)) note(way->link);
    }
    // A relay may hold the whole internet's routes: reading them all is too much.
    if (config_.role != Role::edge) return;
    for (const DefaultRoute& route : all_default_routes()) note(route.uplink.link);
}

const std::vector<DefaultRoute>& Service::all_default_routes() {
    if (!default_routes_) {
        auto routes = kernel_->rtnl().default_routes();
        default_routes_ = routes ? std::move(*routes) : std::vector<DefaultRoute>{};
    }
    return *default_routes_;
}

void Service::choose_endpoint(const RelayConfig& relay) {
    RelayContact& contact = contacts_.at(relay.name);
    RelayFacts& facts = facts_.relays[relay.name];
    const wg::Peer* peer = peer_of(relay);
    facts.alive = is_alive(relay);
    const bool may_use_it = may_use(config_, facts_, relay) && !facts_.clock_behind && !facts_.handing_over;
    if (relay.kind == RelayKind::plain) stock_relays_[relay.name].update(may_use_it, facts.alive, now());

    EndpointRace::View view;
    view.addresses = contact.addresses.all();
    view.own_way = [this](const net::IpAddress& address) { return own_way(address); };
    view.other_ways = [&](const net::IpAddress& address) {
        // All routes are read for that, and while the tunnel works only one that is pinned has to be judged.
        if (facts.alive && !pin_of(address)) return std::vector<Uplink>{};
        return other_ways(address);
    };
    if (peer != nullptr && peer->endpoint)
        view.in_use = Candidate{peer->endpoint->address, pin_of(peer->endpoint->address)};
    // While nothing is sent there, silence says nothing against the relay or its address.
    view.may_send =
        may_use_it && facts_.private_key && reconciler_->have().tunnels.contains(tunnel_interface(relay));
    view.alive = facts.alive;
    view.answered = contact.answered(peer);
    view.traffic = overlay_traffic_[relay.name];
    view.answers_probes = talk_->alive(relay.name).has_value();
    if (const auto* session = talk_->session(relay.name); session != nullptr && session->round_trip())
        view.round_trip = std::chrono::duration_cast<std::chrono::milliseconds>(*session->round_trip());
    if (view.may_send) contact.addresses.set_alive(view.alive, now());
    if (view.alive && contact.race.winner()) contact.addresses.worked(*contact.race.winner());
    choose_source_port(relay, view);
    const auto before = contact.race.choice();
    const auto attempt = contact.race.update(view, now());
    facts.endpoint = contact.endpoint();
    follow_choice(facts, view.may_send ? contact.race.choice() : std::nullopt);
    facts.way = facts.endpoint ? way_to(facts.endpoint->address) : std::nullopt;
    if (!attempt) return;
    contact.begin_try(*attempt, peer);
    log::debug(relay.name, "trying {}{}{}", net::to_string(*facts.endpoint),
               facts.pin ? " by " + facts.pin->link : std::string{}, attempt->renew ? " anew" : "");
    suspected_until_[relay.name] = now() + kSuspicion;
    // That it is another way is our own doing.
    if (attempt->renew || before != contact.race.choice()) contact.way.expect(facts.way);
    if (attempt->renew) {
        facts.renew_peer = peer != nullptr;
        renewing_ |= facts.renew_peer;
        quiet_ |= renewing_;
    } else {
        contact.way.send_now();
    }
}

void Service::choose_source_port(const RelayConfig& relay, const EndpointRace::View& view) {
    RelayContact& contact = contacts_.at(relay.name);
    if (!contact.source) return;
    const std::string interface = tunnel_interface(relay);
    SourcePort::View now_there{view.may_send, view.alive, contact.race.rounds(), std::nullopt, false};
    const Have& have = reconciler_->have();
    const auto device = have.tunnels.find(interface);
    if (device != have.tunnels.end() && device->second.listen_port != 0)
        now_there.in_use = device->second.listen_port;
    // Until the interface has said which port it has now, one that is not free may well be its own.
    const bool known = device != have.tunnels.end() && !have.unanswered_tunnels.contains(interface);
    now_there.settling = !known || reconciler_->under_way();
    for (const Step& step : {Step{ConfigureTunnel{interface, {}}}, Step{SetLink{interface, 0}}}) {
        const auto trouble = reconciler_->troubles().find(subject(step));
        now_there.refused |= trouble != reconciler_->troubles().end() &&
                             trouble->second.error.code == std::errc::address_in_use;
    }
    // One that another tunnel of ours has is given up by it when it is wanted here.
    const auto is_free = [this](std::uint16_t port) {
        const auto& tunnels = reconciler_->have().tunnels;
        return std::any_of(tunnels.begin(), tunnels.end(),
                           [port](const auto& one) { return one.second.listen_port == port; }) ||
               udp_port_is_free(port);
    };
    const std::uint16_t before = contact.source->port();
    if (contact.source->update(
            now_there, is_free, [] { return std::random_device{}(); }, now())) {
        const std::uint16_t port = contact.source->port();
        if (port == contact.source->wish()) {
            log::info(relay.name, "from UDP port {} again", port);
        } else if (contact.source->wish_is_taken()) {
            log::warning(relay.name, "UDP port {} is somebody else's, going on from {}", before, port);
        } else {
            log::notice(relay.name, "nothing comes back to UDP port {}, trying from {}", before, port);
        }
        contact.race.network_changed(now());
        reconciler_->retry_now();
    }
    facts_.relays[relay.name].listen_port = contact.source->port();
}

void Service::report_source_ports() {
    std::vector<Obstacle> found;
    for (const auto& [name, contact] : contacts_) {
        if (!contact.source || !contact.source->wish_is_taken()) continue;
        found.push_back(
            {fmt::format("UDP port {} of this machine (tunnel.listen_port) is another program's, so the "
                         "tunnel to {} goes on from port {}; choose another listen_port, or stop that "
                         "program",
                         contact.source->wish(), name, contact.source->port()),
             false,
             {},
             {}});
    }
    obstacles_.set("source ports", std::move(found));
}

// A size that the configuration gives needs no measuring.
void Service::measure_paths() {
    std::map<std::string, MtuProbe::Path> paths;
    for (const auto& [name, facts] : facts_.relays) {
        if (config_.tunnel.mtu || !facts.endpoint || !facts.way) continue;
        const Links& links = reconciler_->have().links;
        const auto link = links.find(facts.way->link);
        if (link == links.end()) continue;
        const auto traffic = overlay_traffic_.find(name);
        paths[name] = {facts.endpoint->address, *facts.way, link->second.mtu,
                       traffic != overlay_traffic_.end() && traffic->second};
    }
    mtu_probe_.set_paths(paths);
    for (auto& [name, facts] : facts_.relays) facts.path_mtu = mtu_probe_.measured(name);
}

// What the race wants is in place before anything is sent.
void Service::follow_choice(RelayFacts& facts, const std::optional<Candidate>& choice) {
    facts.pin = choice ? choice->via : std::nullopt;
    if (!choice || facts.pin == pin_of(choice->address)) return;
    if (facts.pin) {
        report(reconciler_->apply_ahead(PutPin{choice->address, *facts.pin}, now()));
    } else {
        // Two relays may be on one machine.
        const bool shared = std::any_of(facts_.relays.begin(), facts_.relays.end(), [&](const auto& relay) {
            return relay.second.pin && relay.second.endpoint->address == choice->address;
        });
        if (shared) return;
        report(reconciler_->apply_ahead(DeletePin{choice->address}, now()));
    }
    ways_.erase(choice->address);
}

// Packets of a tunnel leave by the way that there is now, from its source address, and the relay learns it at
// once.
void Service::send_by_new_ways() {
    bool moved = false;
    for (const RelayConfig& relay : config_.relays) {
        RelayContact& contact = contacts_.at(relay.name);
        const RelayFacts& facts = facts_.relays[relay.name];
        const auto send = contact.way.update(facts.way, now());
        if (send == WayWatch::Send::no) continue;
        if (send == WayWatch::Send::by_new_way) {
            moved = true;
            contact.race.network_changed(now());
        }
        const std::string interface = tunnel_interface(relay);
        const wg::Peer* peer = peer_of(relay);
        if (peer == nullptr || !facts.endpoint || facts.renew_peer) continue;
        if (send == WayWatch::Send::by_new_way) {
            const auto& source = facts.way->source;
            log::info(relay.name, "packets to it leave by {}, from {}", facts.way->link,
                      source ? net::to_string(*source) : "an address that the kernel chooses");
        }
        quiet_ = true;
        report(reconciler_->apply_ahead(
            ConfigureTunnel{interface,
                            send_at_once(relay.public_key, *facts.endpoint, relay.keepalive_seconds)},
            now()));
        quiet_ = false;
        suspected_until_[relay.name] = now() + kSuspicion;
        talk_->set_traffic(relay.name, true);
        if (send == WayWatch::Send::again) talk_->probe_now(relay.name);
    }
    if (moved) on_network_change();
}

const std::optional<Way>& Service::way_to(const net::IpAddress& address) {
    const auto known = ways_.find(address);
    if (known != ways_.end()) return known->second;
    auto way = kernel_->rtnl().way_to(address);
    return ways_.emplace(address, way ? std::optional{std::move(*way)} : std::nullopt).first->second;
}

void Service::forget_ways() { ways_.clear(); }

std::optional<Uplink> Service::pin_of(const net::IpAddress& address) const {
    const auto pin = reconciler_->have().pins.find(address);
    return pin == reconciler_->have().pins.end() ? std::nullopt : std::optional{pin->second};
}

// As if we had not pinned it. Only what a default route leads to is ever pinned.
std::optional<Uplink> Service::own_way(const net::IpAddress& address) {
    const auto& way = pin_of(address) ? way_to_internet(family_of(address)) : way_to(address);
    return way ? std::optional{Uplink{way->link, way->gateway}} : std::nullopt;
}

std::vector<Uplink> Service::other_ways(const net::IpAddress& address) {
    const auto own = own_way(address);
    const auto& internet = way_to_internet(family_of(address));
    // Somebody has set a route for it, and knows why.
    if (!own || !internet || *own != Uplink{internet->link, internet->gateway}) return {};
    std::vector<Uplink> out;
    for (const DefaultRoute& route : all_default_routes()) {
        const bool usable = route.uplink != own && !route.uplink.link.starts_with(kLinkPrefix);
        if (usable && route.family == family_of(address)) out.push_back(route.uplink);
    }
    return out;
}

// A route lookup, no packet: any address that only a default route leads to.
const std::optional<Way>& Service::way_to_internet(IpFamily family) {
    return way_to(*net::parse_ip(family == IpFamily::ipv6 ? "2000::1" : "1.0.0.1"));
}

}  // namespace ulagate
