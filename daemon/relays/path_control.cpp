// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/path_control.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/kernel/desired.h"
#include "daemon/loop/control_link.h"

namespace ulagate {
namespace {

using wg::control::Probe;
using wg::control::ProbeAck;
using wg::control::RemoteProbe;
using wg::control::RemoteSocket;

}  // namespace

PathControl::PathControl(Loop& loop, std::function<void()> changed)
    : loop_(loop),
      changed_(std::move(changed)),
      probe_(ControlLink::random()),
      alarm_(loop, [this] { on_timer(); }) {}

void PathControl::set_config(const Config& config) {
    overlay_ = config.overlay;
    own_.clear();
    for (const LanConfig& lan : config.lans) own_.push_back(lan.prefix.network());
    input_.own = {own_.begin(), own_.end()};
    interfaces_.clear();
    if (config.relays.size() > 1) {
        for (const RelayConfig& relay : config.relays) interfaces_[relay.name] = tunnel_interface(relay);
    }
    std::erase_if(sockets_, [&](const auto& entry) { return !interfaces_.contains(entry.first); });
}

void PathControl::adopt(const std::string& relay) { choice_.adopt(relay, loop_.now()); }

void PathControl::set_links(const Links& links) {
    for (const auto& [relay, interface] : interfaces_) {
        const auto link = links.find(interface);
        const auto open = sockets_.find(relay);
        const bool same =
            link != links.end() && open != sockets_.end() && open->second.index == link->second.index;
        if (same) continue;
        if (open != sockets_.end()) sockets_.erase(open);
        if (link != links.end() && link->second.up) open_socket(relay, interface, link->second.index);
    }
}

void PathControl::open_socket(const std::string& relay, const std::string& interface, unsigned index) {
    auto socket = RemoteSocket::open(interface);
    std::string problem = socket ? "" : socket.error().text();
    std::unique_ptr<Readable> readable;
    if (socket) {
        auto watched = Readable::watch(loop_, socket->native_handle(), [this, relay] { receive(relay); });
        if (watched) {
            sockets_.emplace(relay, Tunnel{index, std::move(*socket), std::move(*watched)});
        } else {
            problem = watched.error().text();
        }
    }
    std::string& known = problems_[relay];
    if (!problem.empty() && problem != known) log::warning(relay, "{}, continuing without it", problem);
    known = std::move(problem);
}

void PathControl::set_active(const std::vector<net::Ipv6Prefix>& prefixes) {
    if (prefixes == active_) return;
    active_ = prefixes;
    watch();
    schedule();
}

void PathControl::set_active_prefixes(std::vector<net::Ipv6Prefix> sites) {
    std::erase_if(sites, [&](const net::Ipv6Prefix& site) {
        return !overlay_.contains(site) ||
               std::any_of(own_.begin(), own_.end(), [&](const auto& own) { return own.overlaps(site); });
    });
    std::sort(sites.begin(), sites.end());
    sites.erase(std::unique(sites.begin(), sites.end()), sites.end());
    if (sites == active_prefixes_) return;
    active_prefixes_ = std::move(sites);
    input_.active_prefixes = {active_prefixes_.begin(), active_prefixes_.end()};
    watch();
    if (decide()) changed_();  // who has traffic now may need another relay than the default
    schedule();
}

bool PathControl::set_relays(std::vector<wg::control::PathChoice::Relay> relays) {
    input_.relays = std::move(relays);
    const bool changed = decide();
    watch();
    schedule();
    return changed;
}

// Which sites are probed, and over which relays.
void PathControl::watch() {
    std::vector<std::string> living;
    for (const auto& relay : input_.relays) {
        if (relay.alive && sockets_.contains(relay.name)) living.push_back(relay.name);
    }
    const bool choice = living.size() > 1 || interfaces_.size() > 1;
    const bool probes = choice && !active_.empty();
    send(probe_.set(
        probes ? active_prefixes_ : std::vector<net::Ipv6Prefix>{}, living,
        [this](const net::Ipv6Prefix& site) { return choice_.path_to(site).relay; }, loop_.now()));
}

void PathControl::send(const RemoteProbe::Outcome& outcome) {
    if (active_.empty()) return;
    const net::Ipv6Address source = wg::control::active_router_of(active_.front());
    for (const RemoteProbe::Send& each : outcome.send) {
        const auto socket = sockets_.find(each.relay);
        if (socket != sockets_.end()) socket->second.socket.send(source, each.to, each.packet);
    }
}

void PathControl::receive(const std::string& relay) {
    const auto tunnel = sockets_.find(relay);
    if (tunnel == sockets_.end()) return;
    auto all = tunnel->second.socket.receive();
    if (!all) {
        log::warning(relay, "{}, ignoring", all.error().text());
        return;
    }
    bool changed = false;
    for (const RemoteSocket::Received& each : *all) {
        const bool ours =
            std::any_of(own_.begin(), own_.end(), [&](const auto& own) { return own.contains(each.from); });
        if (ours || !overlay_.contains(each.from)) continue;
        if (const auto* probe = std::get_if<Probe>(&each.packet.message)) {
            // Back by the relay that it came by. Only who is Active has the address that routers ask.
            const bool asked = std::any_of(active_.begin(), active_.end(), [&](const auto& own) {
                return wg::control::active_router_of(own) == each.to;
            });
            if (asked)
                tunnel->second.socket.send(each.to, each.from, {each.packet.sequence, ProbeAck{probe->id}});
        } else if (const auto* ack = std::get_if<ProbeAck>(&each.packet.message)) {
            changed |= probe_.on_answer(relay, each.from, *ack, loop_.now()).changed;
        }
    }
    if (changed && decide()) changed_();
    schedule();
}

void PathControl::on_timer() {
    // An answer that waits in a socket is none that was missed.
    for (const auto& [relay, interface] : interfaces_) receive(relay);
    const auto outcome = probe_.on_deadline(loop_.now());
    send(outcome);
    if (decide()) changed_();
    schedule();
}

bool PathControl::decide() {
    input_.end_to_end = probe_.end_to_end();
    if (!choice_.update(input_, loop_.now())) return false;
    watch();  // another path is in use, and probed as such
    return true;
}

void PathControl::schedule() {
    auto next = choice_.deadline();
    const auto probe = probe_.deadline();
    if (probe && (!next || *probe < *next)) next = probe;
    alarm_.set(next);
}

}  // namespace ulagate
