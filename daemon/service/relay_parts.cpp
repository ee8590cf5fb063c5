// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/relay_parts.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "daemon/service/status_report.h"

namespace ulagate {

RelayParts::RelayParts(const Context& context, const Means& means, std::unique_ptr<ControlLink> link)
    : context_(context),
      means_(means),
      routers_(context, std::move(link)),
      recovery_(context, routers_),
      relays_(context, means.resolver, means.egress, routers_.control(),
              {.own_source_ports = false, .reads_default_routes = false}) {}

void RelayParts::tell_conditions() {
    relays_.set_conditions({{}, means_.key.key().has_value(), false, false});
}

void RelayParts::load() {
    relays_.load();
    routers_.load();
}

void RelayParts::set_config() {
    tell_conditions();
    routers_.set_config();
    recovery_.set_config();
    relays_.set_config();
}

void RelayParts::observe() {
    tell_conditions();
    relays_.observe();
    relays_.note_reachable();
}

bool RelayParts::contribute(Facts& facts) {
    const bool routers = routers_.contribute(facts);
    const bool recovery = recovery_.contribute(facts);
    return relays_.contribute(facts) || routers || recovery;
}

void RelayParts::planned() {
    if (!context_.reconciler.under_way() && recovery_.taken_away()) context_.turn.reconcile_next();
    relays_.note_changes();
    routers_.find_silent();
}

void RelayParts::tick() {
    if (!means_.shutdown.stopping()) recovery_.tick();
    std::set<std::string> transit;
    for (const auto& [site, relay] : routers_.transit()) transit.insert(relay);
    relays_.tick(transit);
    routers_.tick();
}

void RelayParts::describe(PassageWatch::View& view) const {
    const auto time = context_.loop.wall_clock();
    for (const auto& [interface, device] : context_.reconciler.have().tunnels) {
        view.router_connected = view.router_connected ||
                                std::any_of(device.peers.begin(), device.peers.end(),
                                            [&](const auto& each) { return each.second.connected(time); });
    }
    for (const SiteConfig& site : context_.config.sites) {
        for (const RouterConfig& router : site.routers) {
            if (view.router_heard) return;
            const auto known = routers_.control().ownership().router(router.address, context_.loop.now());
            view.router_heard = known && known->live;
        }
    }
}

Parts::HandOver RelayParts::hand_over() {
    routers_.control().stop();
    return {Shutdown::kFarewell, false};
}

void RelayParts::stop() {
    relays_.keep(true);
    routers_.stop();
}

void RelayParts::add_status(Status& status) const {
    add_relays(status, context_, relays_, nullptr);
    add_transit(status, routers_);
    add_routers(status, context_, routers_);
}

}  // namespace ulagate
