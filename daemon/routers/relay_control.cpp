// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/relay_control.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/checks/untrue_words.h"
#include "daemon/kernel/desired.h"

namespace ulagate {
namespace {

using wg::control::Outcome;
using wg::control::OwnerChanged;

constexpr std::size_t kMovesLogged = 8;  // lines at once; of more one

std::vector<wg::control::SiteRow> rows_of(const Config& config) {
    std::vector<wg::control::SiteRow> rows;
    rows.reserve(config.sites.size());
    for (const SiteConfig& site : config.sites) {
        wg::control::SiteRow& row = rows.emplace_back();
        row.name = site.name;
        row.prefixes = site.prefixes;
        for (const RouterConfig& router : site.routers)
            row.routers.push_back({router.address, router.public_key, router.priority});
    }
    return rows;
}

// A router's on the interface of its index, another relay's in the tunnel to it.
wg::control::Voices voices_of(const Config& config) {
    std::map<net::Ipv6Address, std::string> voices;
    for (const SiteConfig& site : config.sites) {
        for (std::size_t router_index = 0; router_index < site.routers.size(); ++router_index)
            voices.emplace(site.routers[router_index].address, router_interface(router_index));
    }
    for (const RelayConfig& relay : config.relays) voices.emplace(relay.address, tunnel_interface(relay));
    return wg::control::Voices{std::move(voices)};
}

}  // namespace

RelayControl::RelayControl(Loop& loop, std::unique_ptr<ControlLink> link, Calls calls)
    : calls_(std::move(calls)),
      ownership_(static_cast<std::uint32_t>(ControlLink::random())),
      link_(std::move(link)),
      alarm_(loop, [this] { on_timer(); }) {
    link_->on_readable([this] { receive(); });
}

void RelayControl::set_config(const Config& config) {
    link_->set_voices(voices_of(config));
    link_->bind(config.tunnel.address);
    if (!publisher_ || overlay_ != config.overlay) {
        constexpr unsigned kNeverComesRound = 1;  // below 2^63
        overlay_ = config.overlay;
        peers_.clear();
        publisher_.emplace(
            wg::control::SitePublisher::Setup{overlay_, (ControlLink::random() >> kNeverComesRound) | 1U},
            link_->now().steady);
    }
    own_.clear();
    for (const SiteConfig& site : config.sites) {
        if (!site.routers.empty()) own_.insert(own_.end(), site.prefixes.begin(), site.prefixes.end());
    }
    set_peers(config);
    act(ownership_.set_config(rows_of(config), link_->now()));
    look_elsewhere();
    set_alarm();
}

void RelayControl::set_peers(const Config& config) {
    if (self_ != config.tunnel.address) peers_.clear();
    self_ = config.tunnel.address;
    std::map<std::string, Peer> peers;
    peers_order_.clear();
    for (const RelayConfig& relay : config.relays) {
        peers_order_.push_back(relay.name);
        const auto known = peers_.find(relay.name);
        if (known != peers_.end() && known->second.address == relay.address) {
            peers.insert(peers_.extract(known));
            continue;
        }
        wg::control::PeerRelay channel{
            {self_, 0, static_cast<std::uint32_t>(ControlLink::random()), ControlLink::random()}, overlay_};
        peers.emplace(relay.name, Peer{relay.address, std::move(channel), false});
    }
    // What is left is a relay that the configuration no longer has.
    for (auto& [name, peer] : peers_) act(name, peer, peer.channel.stop(link_->now()));
    peers_ = std::move(peers);
}

void RelayControl::set_forwards(bool forwards) {
    const std::uint32_t capabilities = forwards ? 0 : wg::control::kCannotForward;
    ownership_.set_capabilities(capabilities);
    for (auto& [name, peer] : peers_) peer.channel.set_capabilities(capabilities);
}

void RelayControl::stop() {
    if (stopped_) return;
    act(ownership_.stop(link_->now()));
    for (auto& [name, peer] : peers_) act(name, peer, peer.channel.stop(link_->now()));
    alarm_.set(std::nullopt);
    stopped_ = true;
}

void RelayControl::receive() {
    const auto now = link_->now();
    Outcome all;
    for (const auto& received : link_->receive()) {
        if (stopped_) continue;  // an answer would say that we are there
        const auto peer = std::find_if(peers_.begin(), peers_.end(), [&](const auto& entry) {
            return entry.second.address == received.from;
        });
        if (peer != peers_.end()) {
            act(peer->first, peer->second, peer->second.channel.on_packet(received.packet, *publisher_, now));
            continue;
        }
        Outcome one = ownership_.on_packet(received.from, received.packet, now);
        publish(received, now.steady, one);
        std::move(one.send.begin(), one.send.end(), std::back_inserter(all.send));
        std::move(one.events.begin(), one.events.end(), std::back_inserter(all.events));
    }
    act(all);
}

// Who was heard is connected, and is told what has changed if it asks.
void RelayControl::publish(const wg::control::Received& received, wg::control::TimePoint now, Outcome& out) {
    const auto site = ownership_.connected(received.from);
    publisher_->set_connected(site.prefixes, site.until, now);
    const auto* hello = std::get_if<wg::control::Hello>(&received.packet.message);
    if (hello == nullptr || (hello->about.capabilities & wg::control::kWantsSites) == 0) return;
    if (hello->sites == publisher_->generation() || !ownership_.may_have_list(received.from, now)) return;
    for (auto& part : publisher_->answer(hello->sites, now))
        ownership_.append(received.from, std::move(part), out);
}

void RelayControl::on_timer() {
    // A claim that waits in the socket is none that has ended.
    receive();
    const auto now = link_->now();
    for (auto& [name, peer] : peers_) act(name, peer, peer.channel.on_deadline(now));
    publisher_->on_deadline(now.steady);
    ownership_.set_sites_generation(publisher_->generation());
    act(ownership_.on_deadline(now));
    if (transit_ == publisher_->transit() && knew_ == knows_who_is_here()) return;
    transit_ = publisher_->transit();
    knew_ = knows_who_is_here();
    calls_.transit_changed();
}

// What the other relays have now.
void RelayControl::look_elsewhere() {
    if (peers_.empty() && publisher_->transit().empty()) return;
    std::vector<wg::control::OtherRelay> relays;
    for (const std::string& name : peers_order_) relays.push_back({name, peers_.at(name).channel.sites()});
    publisher_->set_elsewhere(wg::control::choose_transit(own_, relays, publisher_->transit()),
                              link_->now().steady);
}

void RelayControl::set_reachable(const std::string& relay, bool reachable) {
    const auto found = peers_.find(relay);
    if (stopped_ || found == peers_.end() || found->second.started == reachable) return;
    Peer& peer = found->second;
    peer.started = reachable;
    act(relay, peer, reachable ? peer.channel.start(link_->now()) : peer.channel.stop(link_->now()));
    set_alarm();
}

void RelayControl::set_traffic(const std::string& relay, bool flows) {
    const auto found = peers_.find(relay);
    if (stopped_ || found == peers_.end()) return;
    act(relay, found->second, found->second.channel.set_traffic(flows, link_->now()));
    set_alarm();
}

void RelayControl::probe_now(const std::string& relay) {
    const auto found = peers_.find(relay);
    if (stopped_ || found == peers_.end()) return;
    act(relay, found->second, found->second.channel.probe_now(link_->now()));
    set_alarm();
}

const wg::control::RelaySession* RelayControl::session(const std::string& relay) const {
    const auto found = peers_.find(relay);
    return found == peers_.end() ? nullptr : &found->second.channel.session();
}

void RelayControl::act(const std::string& relay, Peer& peer, wg::control::SessionOutcome outcome) {
    std::vector<wg::control::Outgoing> out;
    out.reserve(outcome.send.size());
    for (auto& packet : outcome.send) out.push_back({peer.address, std::move(packet)});
    link_->send(out);
    bool reachability = false;
    bool sites = false;
    for (const auto& event : outcome.events) {
        sites = sites || std::holds_alternative<wg::control::SitesLearned>(event);
        const bool this_one = std::holds_alternative<wg::control::ReachabilityChanged>(event);
        reachability = reachability || this_one;
        const bool lie = std::holds_alternative<wg::control::Disbelieved>(event);
        log::line(this_one ? log::Level::notice
                  : lie    ? log::Level::warning
                           : log::Level::debug,
                  relay, "{}", wg::control::to_string(event));
    }
    if (stopped_) return;
    if (reachability || sites) look_elsewhere();
    if (reachability) calls_.changed();
}

void RelayControl::set_alarm() {
    auto next = ownership_.deadline();
    const auto publishing = publisher_ ? publisher_->deadline() : std::nullopt;
    if (publishing && (!next || *publishing < *next)) next = publishing;
    for (const auto& [name, peer] : peers_) {
        const auto due = peer.channel.deadline();
        if (due && (!next || *due < *next)) next = due;
    }
    alarm_.set(next);
}

// The routes move before the routers hear of it: who is told that another one carries the site stops
// forwarding. And all that before the log: packets are lost meanwhile.
void RelayControl::act(const Outcome& outcome) {
    std::vector<OwnerChanged> moved;
    for (const auto& event : outcome.events) {
        if (const auto* change = std::get_if<OwnerChanged>(&event)) moved.push_back(*change);
    }
    if (!moved.empty()) calls_.moved(moved);
    link_->send(outcome.send);
    if (moved.size() > kMovesLogged)
        log::info("overlay", "{} prefixes moved to another router, among them {} of site {}", moved.size(),
                  net::to_string(moved.front().prefix), moved.front().site);
    for (const auto& event : outcome.events) {
        if (const auto* change = std::get_if<OwnerChanged>(&event)) {
            if (moved.size() <= kMovesLogged) log::info(change->site, "{}", wg::control::to_string(event));
        } else {
            log::warning("overlay", "{}, continuing", wg::control::to_string(event));
        }
    }
    if (!stopped_) set_alarm();
}

std::vector<Obstacle> RelayControl::untrue() {
    const auto now = link_->now().steady;
    std::vector<Obstacle> out = untrue_words(ownership_.complaints(now));
    for (const auto& [name, peer] : peers_) {
        auto more = untrue_words(name, peer.channel.session().disbelieved(now));
        std::move(more.begin(), more.end(), std::back_inserter(out));
    }
    return out;
}

}  // namespace ulagate
