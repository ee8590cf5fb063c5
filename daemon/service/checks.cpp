// SPDX-License-Identifier: GPL-2.0-or-later
// What the checks of the result have to know of this daemon.
#include <algorithm>

#include "daemon/relays/findings.h"
#include "daemon/service/service.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kHeardLately = 3s;

}  // namespace

void Service::check_relay_words() {
    if (!edge_control_) return;
    std::vector<RelayWord> relays;
    for (const RelayConfig& config : config_.relays) {
        const wg::control::RelaySession* session = edge_control_->session(config.name);
        if (session == nullptr) continue;
        // Two machines with one key cost each other the session, so that this one may not answer now.
        const bool in_two_places = session->in_two_places(now());
        if (!session->alive() && !in_two_places) continue;
        RelayWord& word = relays.emplace_back();
        word.name = config.name;
        word.in_two_places = in_two_places;
        if (!session->alive()) continue;
        word.forwards = session->relay_forwards();
        for (const LanConfig& lan : config_.lans) {
            if (const auto owner = session->owner(lan.prefix))
                word.knows[lan.prefix] = owner->router.has_value();
        }
    }
    std::map<std::string, net::Ipv6Prefix> lans;
    for (const LanConfig& lan : config_.lans) lans[lan.interface] = lan.prefix;
    obstacles_.set("relay words", relay_obstacles(config_.site, lans, relays));
    report_obstacles();
}

void Service::check_passages() {
    if (stopping_ || withdrawing_) return;
    PassageWatch::View view{config_, reconciler_->have(), {}, {}, false, false};
    if (facts_.uplink) view.uplink = facts_.uplink->link;
    for (const auto& lan : lans_) {
        const vrrp::Machine* machine = lan->port().machine();
        if (machine != nullptr && machine->peer() && machine->peer()->when + kHeardLately > now())
            view.heard_vrrp.insert(lan->port().config().interface);
    }
    if (relay_control_) {
        const auto time = std::chrono::system_clock::now();
        for (const auto& [interface, device] : reconciler_->have().tunnels) {
            view.router_connected =
                view.router_connected ||
                std::any_of(device.peers.begin(), device.peers.end(),
                            [&](const auto& entry) { return entry.second.connected(time); });
        }
        for (const SiteConfig& site : config_.sites) {
            for (const RouterConfig& router : site.routers) {
                if (view.router_heard) break;
                const auto known = relay_control_->ownership().router(router.address, now());
                view.router_heard = known && known->live;
            }
        }
    }
    const auto before = obstacles_.all();
    obstacles_.set("passages", passage_watch_.check(view, now()));
    if (obstacles_.all() != before) {
        report_obstacles();
        update_lans();
        take_lan_states();
    }
    if (!relay_control_) return;
    const auto& sysctls = reconciler_->have().sysctls;
    const auto forwarding = sysctls.find("net/ipv6/conf/all/forwarding");
    const bool off = forwarding != sysctls.end() && forwarding->second == "0";
    relay_control_->set_forwards(!off && passage_watch_.forwards());
}

}  // namespace ulagate
