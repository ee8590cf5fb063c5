// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon knows about its tunnels: the key, where the relays are, whether they answer.
#include <boost/asio/post.hpp>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/service.h"
#include "wg/key_file.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kKeyRetry = 5s;

Service::TimePoint now() { return std::chrono::steady_clock::now(); }

}  // namespace

void Service::load_key() {
    auto key = wg::load_private_key(config_.tunnel.private_key_file);
    if (key) {
        if (!key_trouble_.empty()) log::info("tunnel", "the private key is usable now");
        key_trouble_.clear();
        facts_.private_key = std::move(*key);
        return;
    }
    key_retry_at_ = now() + kKeyRetry;
    if (key_trouble_ == key.error().text()) return;
    key_trouble_ = key.error().text();
    log::error("tunnel", "{}, retrying every {}", key_trouble_, human_duration(kKeyRetry));
}

void Service::ask_resolver() {
    for (auto& [name, endpoint] : endpoints_) {
        if (endpoint.ask(now())) resolver_->request(endpoint.host());
    }
}

void Service::take_answers() {
    for (const Resolver::Answer& answer : resolver_->take()) {
        for (auto& [name, endpoint] : endpoints_) {
            if (!endpoint.is_name() || endpoint.host() != answer.host) continue;
            const std::string before = endpoint.trouble();
            endpoint.on_answer(answer.addresses, now());
            if (endpoint.trouble() != before && !endpoint.trouble().empty()) {
                log::warning(name, "{}, retrying", endpoint.trouble());
            }
        }
    }
    reconcile();
}

// Of routers that are connected; those of a device that is gone stay remembered.
void Service::remember_endpoints() {
    const auto time = std::chrono::system_clock::now();
    for (const auto& [interface, device] : reconciler_->have().tunnels) {
        for (const auto& [key, peer] : device.peers) {
            if (peer.endpoint && peer.connected(time)) facts_.last_endpoints[key] = *peer.endpoint;
        }
    }
}

const wg::Peer* Service::peer_of(const RelayConfig& relay) const {
    return find_peer(reconciler_->have(), tunnel_interface(relay), relay.public_key);
}

bool Service::is_alive(const RelayConfig& relay) const {
    const wg::Peer* peer = peer_of(relay);
    if (peer == nullptr) return false;
    if (const auto by_round_trip = edge_control_->alive(relay.name)) return *by_round_trip;
    return peer->connected(std::chrono::system_clock::now());
}

// Whether the relay is no reason to let another router of the site take over.
bool Service::is_reachable(const RelayConfig& relay) const {
    if (relay.kind == RelayKind::ulagate || is_alive(relay)) return is_alive(relay);
    const auto known = stock_relays_.find(relay.name);
    return !facts_.clock_behind && (known == stock_relays_.end() || !known->second.unreachable(now()));
}

FirstHandshake& Service::first_handshake(const RelayConfig& relay) {
    const wg::Peer* peer = peer_of(relay);
    FirstHandshake& first = first_handshakes_[relay.name];
    // A peer that we must not have, or not begin with, has no first handshake to be repeated.
    const bool wanted = may_use(config_, facts_, relay) && !facts_.clock_behind;
    first.update(wanted ? facts_.relays[relay.name].endpoint : std::nullopt,
                 peer != nullptr && peer->ever_connected(), now());
    return first;
}

void Service::repeat_first_handshakes() {
    Stale stale;
    stale.tunnels = true;
    reconciler_->mark(stale);
    if (const auto read = reconciler_->refresh(); !read) return;  // the next tick reports it
    bool again = false;
    for (const RelayConfig& relay : config_.relays) {
        if (!first_handshake(relay).take_try(now())) continue;
        log::debug(relay.name, "no answer to the first handshake, trying again");
        facts_.relays[relay.name].renew_peer = true;
        again = true;
    }
    quiet_ = again;
    if (again) {
        reconcile();
        for (auto& [name, facts] : facts_.relays) facts.renew_peer = false;
    }
    reconcile();
    quiet_ = false;
}

void Service::choose_endpoints() {
    const auto has_way = [&](const net::IpAddress& address) { return way_to(address).has_value(); };
    for (const RelayConfig& relay : config_.relays) {
        RelayEndpoint& endpoint = endpoints_.at(relay.name);
        RelayFacts& facts = facts_.relays[relay.name];
        facts.alive = is_alive(relay);
        // While nothing is sent there, silence says nothing against the relay or its address.
        const bool quiet = facts_.clock_behind || !may_use(config_, facts_, relay);
        if (relay.kind == RelayKind::plain) stock_relays_[relay.name].update(!quiet, facts.alive, now());
        endpoint.choose(has_way, facts.alive || quiet, now());
        facts.endpoint = endpoint.endpoint();
        facts.way = facts.endpoint ? way_to(facts.endpoint->address) : std::nullopt;
    }
    facts_.uplink = way_to_internet();
}

const std::optional<Way>& Service::way_to(const net::IpAddress& address) {
    const auto known = ways_.find(address);
    if (known != ways_.end()) return known->second;
    auto way = kernel_->rtnl().way_to(address);
    return ways_.emplace(address, way ? std::optional{std::move(*way)} : std::nullopt).first->second;
}

// A route lookup, no packet: any address that only a default route leads to.
std::optional<Way> Service::way_to_internet() {
    for (const char* somewhere : {"2000::1", "1.0.0.1"}) {
        if (const auto& way = way_to(*net::parse_ip(somewhere))) return way;
    }
    return std::nullopt;
}

void Service::note_tunnel_changes() {
    for (const RelayConfig& relay : config_.relays) {
        const bool alive = is_alive(relay);
        bool& logged = logged_up_[relay.name];
        if (alive == logged) continue;
        logged = alive;
        const auto& endpoint = facts_.relays[relay.name].endpoint;
        if (alive) {
            log::info(relay.name, "tunnel up, endpoint {}", endpoint ? net::to_string(*endpoint) : "unknown");
        } else if (!may_use(config_, facts_, relay)) {
            log::info(relay.name, "tunnel at rest: another router of the site is Active");
        } else {
            log::notice(relay.name, "tunnel down: {}",
                        peer_of(relay) == nullptr ? "its peer is gone" : "no handshake in the last 180 s");
        }
    }
}

}  // namespace ulagate
