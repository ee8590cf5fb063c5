// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon does about clocks that went back: its own, and those of a relay's routers.
#include <fmt/format.h>
#include <sys/timex.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/service/service.h"

namespace ulagate {
namespace {

constexpr std::size_t kMaxClockFile = 64;
constexpr std::chrono::seconds kRelayTimeOff{60};

// By the kernel, which a time service tells; not being allowed to ask is a no.
bool clock_is_synchronised() {
    timex ask{};
    return ::adjtimex(&ask) >= 0 && (static_cast<unsigned>(ask.status) & STA_UNSYNC) == 0;
}

ClockCure::Now now_both() { return {now(), std::chrono::system_clock::now()}; }

}  // namespace

void Service::load_clock_floor() {
    if (config_.role != Role::edge) return;
    const std::string file = paths_.clock_file();
    const auto text = read_file(file, kMaxClockFile);
    // Without a file it is the first start.
    if (text && !clock_floor_.load(*text)) log::warning("clock", "{} holds no time, ignoring", file);
    watch_clock();
}

// Each relay's clock as it was said, and has gone on since.
ClockFloor::Sources Service::clock_sources() const {
    ClockFloor::Sources out;
    out.synchronised = clock_is_synchronised();
    out.relays_speak = std::any_of(config_.relays.begin(), config_.relays.end(),
                                   [](const RelayConfig& relay) { return relay.kind == RelayKind::ulagate; });
    for (const RelayConfig& relay : config_.relays) {
        const wg::control::RelaySession* session = talk_->session(relay.name);
        if (session == nullptr || !session->relay()) continue;
        const auto& [about, heard] = *session->relay();
        const auto time = std::chrono::floor<std::chrono::seconds>(about.clock + (now() - heard));
        if (!out.relays || time > *out.relays) out.relays = time;
    }
    return out;
}

void Service::watch_clock(bool stopping) {
    if (config_.role != Role::edge) return;
    const auto clock = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const bool was_behind = clock_floor_.behind();
    const ClockFloor::Sources sources = clock_sources();
    clock_floor_.update(clock, sources);
    if (sources.relays) tell_relay_time(*sources.relays);
    const std::string file = paths_.clock_file();
    if (const auto correction = clock_floor_.take_correction()) log::notice("clock", "{}", *correction);
    if (clock_floor_.behind() != was_behind) {
        if (clock_floor_.behind()) {
            log::error("clock", "{}", clock_floor_.trouble(file));
        } else {
            log::notice("clock", "the clock is right again, tunnels may begin");
        }
    }
    const bool works = std::any_of(config_.relays.begin(), config_.relays.end(),
                                   [this](const RelayConfig& relay) { return is_alive(relay); });
    facts_.clock_behind = clock_floor_.behind() && !works && !clock_floor_.may_try(now());
    if (const auto text = clock_floor_.take_write(now(), stopping)) files_.write(file, *text, 0600);
}

// For the firmware, whose time servers prove nothing.
void Service::tell_relay_time(ClockFloor::Time relays) {
    const auto off = relay_time_ ? relays - relay_time_->time(now()) : std::chrono::seconds{0};
    if (relay_time_ && off <= kRelayTimeOff && off >= -kRelayTimeOff) return;
    relay_time_ = RelayTime::of(relays, now());
    files_.write(paths_.runtime_directory + "/relay-time", relay_time_->text(), 0644);
}

void Service::watch_handshakes() {
    if (config_.role != Role::relay) return;
    const std::pair ports{config_.tunnel.listen_port, static_cast<std::uint16_t>(slot_count(config_))};
    if (ports == watched_ports_) return;
    watched_ports_ = ports;
    watches_.clear();
    for (const wg::Family family : {wg::Family::ipv6, wg::Family::ipv4}) {
        auto socket = wg::HandshakeWatch::open(family, ports.first, ports.second);
        if (!socket) {
            log::warning("clock", "{}, going on without", socket.error().text());
            continue;
        }
        const std::size_t which = watches_.size();
        auto readable =
            Readable::watch(io_, socket->native_handle(), [this, which] { take_initiations(which); });
        if (readable) {
            watches_.push_back({std::move(*socket), std::move(*readable)});
        } else {
            log::warning("clock", "{}, going on without", readable.error().text());
        }
    }
}

void Service::take_initiations(std::size_t which) {
    const auto came = watches_.at(which).socket.receive();
    if (!came) {
        log::debug("clock", "{}", came.error().text());
        return;
    }
    for (const auto& initiation : *came) {
        const auto slot = static_cast<std::size_t>(initiation.port - watched_ports_.first);
        clock_cure_.on_initiation(initiation.from, slot, now_both());
    }
}

ClockCure::Peer Service::cure_peer(const RouterConfig& config, std::size_t slot) const {
    ClockCure::Peer out;
    out.slot = slot;
    out.key = config.public_key;
    const auto last = facts_.last_endpoints.find(config.public_key);
    out.known = last != facts_.last_endpoints.end();
    if (out.known) out.endpoint = last->second;
    const wg::Peer* peer = find_peer(reconciler_->have(), slot_interface(slot), config.public_key);
    if (peer != nullptr) {
        if (peer->endpoint) out.endpoint = peer->endpoint;
        out.known |= peer->ever_connected();
        out.last_handshake = peer->last_handshake;
        // A handshake in the future was before this machine's own clock went back, and says nothing.
        const auto time = std::chrono::system_clock::now();
        out.live = peer->connected(time) && peer->last_handshake <= time;
    }
    // Who speaks the control protocol is known to be gone within seconds, and not only when its session ends.
    const auto router = relay_control_->ownership().router(config.address, now());
    if (router && router->last_heard) out.live = router->live;
    return out;
}

void Service::cure_clocks() {
    if (stopping_ || config_.role != Role::relay || !clock_cure_.is_due(now())) return;
    Stale stale;
    stale.tunnels = true;
    reconciler_->mark(stale);
    if (const auto read = reconciler_->refresh(); !read) return;  // the next tick reports it
    remember_endpoints();
    std::vector<ClockCure::Peer> peers;
    std::map<wg::PublicKey, std::string> names;
    for (const SiteConfig& site : config_.sites) {
        for (std::size_t slot = 0; slot < site.routers.size(); ++slot) {
            peers.push_back(cure_peer(site.routers[slot], slot));
            names[site.routers[slot].public_key] = site.routers[slot].node;
        }
    }
    std::string who;
    for (const wg::PublicKey& key : clock_cure_.judge(peers, now_both())) {
        facts_.renew_peers.insert(key);
        who += (who.empty() ? "" : ", ") + names[key];
    }
    if (facts_.renew_peers.empty()) return;
    log::notice("clock",
                "handshakes come in and are ignored, as of a router whose clock went back: making anew {}",
                who);
    reconcile();  // which makes them anew when they are gone
}

}  // namespace ulagate
