// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/edge_control.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/log_state.h"
#include "daemon/checks/untrue_words.h"
#include "daemon/kernel/desired.h"

namespace ulagate {
namespace {

using wg::control::RelaySession;

constexpr std::size_t kMaxEpochFile = 16384;
// What a relay says may lead to a write at most so often.
constexpr auto kReserveEvery = std::chrono::seconds{5};

}  // namespace

EdgeControl::EdgeControl(Loop& loop, std::unique_ptr<ControlLink> link, FileWriter& files,
                         std::string state_directory, std::function<void()> changed,
                         std::function<void()> paths_changed,
                         std::function<void(const net::Ipv6Prefix&)> regained)
    : files_(files),
      epoch_file_(state_directory + "/epoch"),
      epochs_file_(std::move(state_directory) + "/epochs"),
      changed_(std::move(changed)),
      paths_changed_(std::move(paths_changed)),
      regained_(std::move(regained)),
      reserve_(loop, [this] { reserve_epochs(); }),
      link_(std::move(link)),
      alarm_(loop, [this] { on_timer(); }) {
    link_->on_readable([this] { receive(); });
    load_epochs();
}

void EdgeControl::set_config(const Config& config) {
    if (self_ != config.tunnel.address) peers_.clear();
    self_ = config.tunnel.address;
    std::map<std::string, Peer> peers;
    std::set<std::string> names;
    for (const RelayConfig& relay : config.relays) {
        if (relay.kind != RelayKind::ulagate) continue;
        names.insert(relay.name);
        const auto known = peers_.find(relay.name);
        if (known != peers_.end() && known->second.address == relay.address) {
            peers.insert(peers_.extract(known));
            continue;
        }
        RelaySession session{{self_, epochs_.reserved(relay.name),
                              static_cast<std::uint32_t>(ControlLink::random()), ControlLink::random()}};
        peers.emplace(relay.name, Peer{relay.address, std::move(session), false});
    }
    // What is left is a relay that the configuration no longer has.
    for (auto& [name, peer] : peers_) act(name, peer, peer.session.stop(link_->now()));
    peers_ = std::move(peers);
    epochs_.keep_only(names);
    std::map<net::Ipv6Address, std::string> voices;
    for (const RelayConfig& relay : config.relays) voices.emplace(relay.address, tunnel_interface(relay));
    link_->set_voices(wg::control::Voices{std::move(voices)});
    if (!peers_.empty()) link_->bind(self_);
    overlay_ = config.overlay;
    choice_ = config.relays.size() > 1;
    ask_for_lists();
    for (auto& [name, peer] : peers_) act(name, peer, peer.session.set_lans(lans_, link_->now()));
    schedule();
}

void EdgeControl::set_lans(const std::vector<wg::control::LanClaim>& lans) {
    if (lans == lans_) return;
    lans_ = lans;
    for (auto& [name, peer] : peers_) act(name, peer, peer.session.set_lans(lans_, link_->now()));
    schedule();
}

void EdgeControl::set_reachable(const std::string& relay, bool reachable) {
    const auto found = peers_.find(relay);
    if (found == peers_.end() || found->second.started == reachable) return;
    Peer& peer = found->second;
    peer.started = reachable;
    link_->bind(self_);
    act(relay, peer, reachable ? peer.session.start(link_->now()) : peer.session.stop(link_->now()));
    if (reachable) act(relay, peer, peer.session.set_lans(lans_, link_->now()));
    schedule();
}

void EdgeControl::set_traffic(const std::string& relay, bool flows) {
    const auto found = peers_.find(relay);
    if (found == peers_.end()) return;
    act(relay, found->second, found->second.session.set_traffic(flows, link_->now()));
    schedule();
}

void EdgeControl::probe_now(const std::string& relay) {
    const auto found = peers_.find(relay);
    if (found == peers_.end()) return;
    act(relay, found->second, found->second.session.probe_now(link_->now()));
    schedule();
}

void EdgeControl::stop() {
    for (auto& [name, peer] : peers_) act(name, peer, peer.session.stop(link_->now()));
    alarm_.set(std::nullopt);
}

const RelaySession* EdgeControl::session(const std::string& relay) const {
    const auto found = peers_.find(relay);
    return found == peers_.end() ? nullptr : &found->second.session;
}

bool EdgeControl::handed_over(const net::Ipv6Prefix& prefix) const {
    return std::all_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
        if (!entry.second.session.alive()) return true;
        const auto owner = entry.second.session.owner(prefix);
        return !owner || owner->router != self_;
    });
}

std::vector<LanCheck::RelayWord> EdgeControl::words_about(const net::Ipv6Prefix& prefix) const {
    std::vector<LanCheck::RelayWord> out;
    for (const auto& [name, peer] : peers_) {
        if (peer.session.alive()) out.push_back({peer.session.nobody_claims(prefix)});
    }
    return out;
}

bool EdgeControl::is_connected(const net::Ipv6Prefix& prefix) const {
    return std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
        const auto sites = entry.second.session.alive() ? entry.second.session.sites() : nullptr;
        return sites && (sites->covers(prefix) || sites->transits_to(prefix));
    });
}

void EdgeControl::want_lists(bool want) {
    if (std::exchange(wants_lists_, want) != want) ask_for_lists();
}

void EdgeControl::ask_for_lists() {
    for (auto& [name, peer] : peers_)
        peer.session.want_sites(choice_ || wants_lists_ ? std::optional{overlay_} : std::nullopt);
}

void EdgeControl::receive() {
    for (const auto& received : link_->receive()) {
        const auto peer = std::find_if(peers_.begin(), peers_.end(), [&](const auto& entry) {
            return entry.second.address == received.from;
        });
        if (peer == peers_.end()) continue;  // only relays have a word here
        act(peer->first, peer->second, peer->second.session.on_packet(received.packet, link_->now()));
    }
    schedule();
}

void EdgeControl::on_timer() {
    // An answer that waits in the socket is none that was missed.
    receive();
    for (auto& [name, peer] : peers_) act(name, peer, peer.session.on_deadline(link_->now()));
    schedule();
}

void EdgeControl::act(const std::string& relay, Peer& peer, wg::control::SessionOutcome outcome) {
    if (epochs_.note(relay, peer.session.epoch())) {
        const auto now = link_->now().steady;
        reserve_.set(reserved_at_ ? std::max(now, *reserved_at_ + kReserveEvery) : now);
    }
    std::vector<wg::control::Outgoing> out;
    out.reserve(outcome.send.size());
    for (auto& packet : outcome.send) out.push_back({peer.address, std::move(packet)});
    link_->send(out);
    bool paths = false;
    for (const auto& event : outcome.events) {
        paths = paths || std::holds_alternative<wg::control::ReachabilityChanged>(event) ||
                std::holds_alternative<wg::control::SitesLearned>(event) ||
                std::holds_alternative<wg::control::ForwardingTold>(event);
        if (std::holds_alternative<wg::control::SitesLearned>(event)) {
            log::debug(relay, "{}", wg::control::to_string(event));
        } else if (std::holds_alternative<wg::control::ConflictLost>(event) ||
                   std::holds_alternative<wg::control::PrefixRefused>(event) ||
                   std::holds_alternative<wg::control::Disbelieved>(event)) {
            log::warning(relay, "{}, continuing", wg::control::to_string(event));
        } else if (std::holds_alternative<wg::control::ReachabilityChanged>(event)) {
            log::state(log::Level::info, relay, log::kTunnel, "{}", wg::control::to_string(event));
        } else {
            log::info(relay, "{}", wg::control::to_string(event));
        }
        if (const auto* regained = std::get_if<wg::control::Regained>(&event)) regained_(regained->prefix);
    }
    if (paths) paths_changed_();
    if (!outcome.events.empty()) changed_();
}

void EdgeControl::schedule() {
    std::optional<wg::control::TimePoint> next;
    for (const auto& [name, peer] : peers_) {
        const auto due = peer.session.deadline();
        if (due && (!next || *due < *next)) next = due;
    }
    alarm_.set(next);
}

void EdgeControl::load_epochs() {
    const auto by_relay = read_file(epochs_file_, kMaxEpochFile);
    const auto for_all = read_file(epoch_file_, kMaxEpochFile);
    const auto broken = epochs_.load(by_relay.value_or(""), for_all.value_or(""));
    if (broken.unreadable > 0)
        log::warning("overlay", "{} or {} does not contain a number, ignoring it", epoch_file_, epochs_file_);
    if (broken.absurd > 0)
        log::warning("overlay",
                     "{} or {} contains an epoch that no router can have reached: starting again at 0",
                     epoch_file_, epochs_file_);
}

void EdgeControl::reserve_epochs() {
    epochs_.reserve();
    files_.write(epochs_file_, epochs_.by_relay(), 0600);
    files_.write(epoch_file_, epochs_.for_all(), 0600);
    reserved_at_ = link_->now().steady;
    for (auto& [name, peer] : peers_) peer.session.set_kept(epochs_.reserved(name));
}

std::vector<Obstacle> EdgeControl::untrue() const {
    std::vector<Obstacle> out;
    for (const auto& [name, peer] : peers_) {
        auto more = untrue_words(name, peer.session.disbelieved(link_->now().steady));
        std::move(more.begin(), more.end(), std::back_inserter(out));
    }
    return out;
}

}  // namespace ulagate
