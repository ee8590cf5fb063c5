// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon knows about its tunnels: the key, and whether the relays answer.
#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/service.h"
#include "wg/key_file.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kKeyRetry = 5s;

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

const wg::Peer* Service::peer_of(const RelayConfig& relay) const {
    return find_peer(reconciler_->have(), tunnel_interface(relay), relay.public_key);
}

bool Service::is_alive(const RelayConfig& relay) const {
    const wg::Peer* peer = peer_of(relay);
    if (peer == nullptr) return false;
    if (const auto by_round_trip = talk_->alive(relay.name)) return *by_round_trip;
    return peer->connected(std::chrono::system_clock::now());
}

// Whether the relay is no reason to let another router of the site take over.
bool Service::is_reachable(const RelayConfig& relay) const {
    if (relay.kind == RelayKind::ulagate || is_alive(relay)) return is_alive(relay);
    const auto known = stock_relays_.find(relay.name);
    return !facts_.clock_behind && (known == stock_relays_.end() || !known->second.unreachable(now()));
}

void Service::note_tunnel_changes() {
    for (const RelayConfig& relay : config_.relays) {
        const bool alive = is_alive(relay);
        bool& logged = logged_up_[relay.name];
        if (alive == logged || contacts_.at(relay.name).race.on_trial()) continue;
        logged = alive;
        const auto& endpoint = facts_.relays[relay.name].endpoint;
        if (alive) {
            log::info(relay.name, "tunnel up, endpoint {}", endpoint ? net::to_string(*endpoint) : "unknown");
        } else if (!may_use(config_, facts_, relay)) {
            log::info(relay.name, "tunnel at rest: another router of the site is Active");
        } else {
            log::notice(relay.name, "tunnel down: {}",
                        peer_of(relay) == nullptr              ? "its peer is gone"
                        : talk_->alive(relay.name).has_value() ? "probes are not answered any more"
                                                               : "no handshake in the last 180 s");
        }
    }
}

}  // namespace ulagate
