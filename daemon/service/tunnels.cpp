// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon knows about its tunnels: the key, and whether the relays answer.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/service/service.h"
#include "wg/device/key_file.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kKeyRetry = 5s;
constexpr auto kSilence = 1s;  // of a tunnel's process, worth a word

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

// What it leaves under way comes back as an event.
void Service::watch_backend() {
    if (backend_events_ || kernel_->backend() == nullptr) return;
    auto watched = Readable::watch(io_, kernel_->backend()->event_handle(), [this] {
        Stale stale;
        stale.tunnels = true;
        reconciler_->mark(stale);
        on_background_end();
    });
    if (watched) {
        backend_events_ = std::move(*watched);
    } else {
        log::error("tunnel", "{}, retrying", watched.error().text());
    }
}

void Service::note_silent_tunnels() {
    for (const std::string& sentence : kernel_->take_killed())
        log::warning("tunnel", "{}, making it anew", sentence);
    std::vector<Obstacle> found;
    for (const std::string& interface : reconciler_->have().unanswered_tunnels) {
        const std::string complaint = kernel_->complaint(interface);
        if (!complaint.empty()) {
            found.push_back({fmt::format("{}: its answers make no sense ({}): what is said of it may be old",
                                         interface, complaint),
                             false,
                             {},
                             {}});
        } else if (kernel_->backend() != nullptr && kernel_->backend()->silence(interface) >= kSilence) {
            found.push_back({fmt::format("{}: {} WireGuard does not answer: what is said of it may be old",
                                         interface, kernel_->backend()->name()),
                             false,
                             {},
                             {}});
        }
    }
    obstacles_.set("tunnel processes", std::move(found));
}

}  // namespace ulagate
