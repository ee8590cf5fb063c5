// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/site_routing.h"

#include <fmt/format.h>

#include <utility>

#include "daemon/base/log.h"
#include "daemon/service/assign.h"

namespace ulagate {

using wg::control::PathChoice;

namespace {

constexpr std::size_t kPathsLogged = 8;  // lines at once

}  // namespace

SiteRouting::SiteRouting(const Context& context, EdgeControl& control, const RelayConnections& relays,
                         ActivePrefixes active_prefixes)
    : context_(context),
      control_(control),
      relays_(relays),
      active_prefixes_(std::move(active_prefixes)),
      paths_(context.loop, [this] { move(); }) {}

void SiteRouting::set_config() { paths_.set_config(context_.config); }

void SiteRouting::adopt() {
    if (const auto read = context_.reconciler.refresh(); !read) return;  // the first run reports it
    const Routes& routes = context_.reconciler.have().routes;
    const auto route = routes.find({context_.config.overlay, kRouteMetric});
    if (route == routes.end()) return;
    for (const RelayConfig& relay : context_.config.relays) {
        if (route->second.link != tunnel_interface(relay)) continue;
        paths_.adopt(relay.name);
        default_relay_ = relay.name;  // move() is not called for what stays as it is
    }
    decide();
}

void SiteRouting::decide() {
    std::vector<PathChoice::Relay> relays;
    for (const RelayConfig& config : context_.config.relays) {
        PathChoice::Relay& relay = relays.emplace_back();
        relay.name = config.name;
        relay.alive =
            relays_.is_alive(config) && context_.reconciler.have().links.contains(tunnel_interface(config));
        const wg::control::RelaySession* session = control_.session(config.name);
        if (session == nullptr || !session->has_answered()) continue;
        relay.round_trip = session->probes().round_trip();
        relay.sites = session->sites();
        relay.forwards = session->relay_forwards();
    }
    if (paths_.set_relays(std::move(relays))) move();
}

void SiteRouting::put(const net::Ipv6Prefix& destination, const std::string& relay,
                      const FastPath::How& how) {
    const std::string interface = kLinkPrefix + relay;
    if (!context_.reconciler.have().links.contains(interface)) return;
    context_.fast_path.write(PutRoute{{destination, kRouteMetric}, {interface}}, how);
}

// Not by the next plan: what goes to a relay that is dead is lost until then. One replacement for all that
// takes the default. A site that needs another relay gets it before, and loses it after.
void SiteRouting::move() {
    const PathChoice& choice = paths_.choice();
    std::map<net::Ipv6Prefix, std::string> relay_of_site;
    for (const auto& [site, path] : choice.exceptions()) relay_of_site.emplace(site, path.relay);
    std::vector<std::string> lines;
    for (const auto& [site, relay] : relay_of_site) {
        const auto before = relay_of_site_.find(site);
        if (before != relay_of_site_.end() && before->second == relay) continue;
        const PathChoice::Path& path = choice.exceptions().at(site);
        lines.push_back(fmt::format("{} through {}: {}", net::to_string(site), relay, path.why));
        put(site, relay, {.routine = true});
    }
    const PathChoice::Path& path = choice.default_path();
    if (default_relay_ != path.relay) {
        log::notice("paths", "the overlay is reached through {}{}{}", path.relay,
                    path.why.empty() ? "" : ": ", path.why);
        put(context_.config.overlay, path.relay, {});
    }
    for (const auto& [site, relay] : relay_of_site_) {
        if (relay_of_site.contains(site)) continue;
        lines.push_back(fmt::format("{} through {} again", net::to_string(site), path.relay));
        if (!context_.reconciler.have().routes.contains({site, kRouteMetric})) continue;
        context_.fast_path.write(DeleteRoute{{site, kRouteMetric}, {kLinkPrefix + relay}}, {.routine = true});
    }
    // A change of many is one line.
    if (lines.size() > kPathsLogged) {
        log::notice("paths", "{} sites are reached through another relay than before, among them {}",
                    lines.size(), lines.front());
    } else {
        for (const std::string& line : lines) log::notice("paths", "{}", line);
    }
    default_relay_ = path.relay;
    relay_of_site_ = std::move(relay_of_site);
    context_.turn.reconcile_soon();
}

void SiteRouting::tick() {
    if (!paths_.wants_active_prefixes() || !relays_.any_reachable()) {
        paths_.set_active_prefixes({});
        return;
    }
    auto sites = active_prefixes_();
    if (sites) {
        paths_.set_active_prefixes(std::move(*sites));
    } else {
        log::debug("paths", "{}, continuing", sites.error().text());
    }
}

void SiteRouting::set_active(const std::set<std::string>& lans) {
    std::vector<net::Ipv6Prefix> active;
    for (const LanConfig& lan : context_.config.lans) {
        if (!lan.vrrp || lans.contains(lan.interface)) active.push_back(lan.prefix.network());
    }
    paths_.set_active(active);
    paths_.set_links(context_.reconciler.have().links);
}

bool SiteRouting::contribute(Facts& facts) const {
    const bool moved = assign(facts.default_relay, default_relay_);
    return assign(facts.relay_of_site, relay_of_site_) || moved;
}

}  // namespace ulagate
