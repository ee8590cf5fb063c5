// SPDX-License-Identifier: GPL-2.0-or-later
// Which relay carries what, and the routes that follow at once.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/service/service.h"

namespace ulagate {

using wg::control::PathChoice;

namespace {

constexpr std::size_t kPathsLogged = 8;  // lines at once

}  // namespace

// After a restart of ours, what carried the overlay goes on until a relay answers.
void Service::adopt_paths() {
    if (const auto read = reconciler_->refresh(); !read) return;  // the first run reports it
    const auto route = reconciler_->have().routes.find({config_.overlay, kRouteMetric});
    if (route == reconciler_->have().routes.end()) return;
    for (const RelayConfig& relay : config_.relays) {
        if (route->second.link == tunnel_interface(relay)) path_control_->adopt(relay.name);
    }
    decide_paths();
}

void Service::decide_paths() {
    std::vector<PathChoice::Relay> relays;
    for (const RelayConfig& config : config_.relays) {
        PathChoice::Relay& relay = relays.emplace_back();
        relay.name = config.name;
        relay.alive = is_alive(config) && reconciler_->have().links.contains(tunnel_interface(config));
        const wg::control::RelaySession* session = edge_control_->session(config.name);
        if (session == nullptr || !session->has_answered()) continue;
        relay.round_trip = session->probes().round_trip();
        relay.sites = session->sites();
        relay.forwards = session->relay_forwards();
    }
    if (path_control_->set_relays(std::move(relays))) move_paths();
}

// Not by the next plan: what goes to a relay that is dead is lost until then. One replacement for all that
// takes the default. Whoever needs another way gets it before, and loses it after.
void Service::move_paths() {
    const PathChoice& choice = path_control_->choice();
    std::map<net::Ipv6Prefix, std::string> other_ways;
    for (const auto& [site, path] : choice.exceptions()) other_ways.emplace(site, path.relay);
    const auto interface = [](const std::string& relay) { return kLinkPrefix + relay; };
    const auto put = [&](const net::Ipv6Prefix& destination, const std::string& relay) {
        if (!reconciler_->have().links.contains(interface(relay))) return;
        report(reconciler_->apply_ahead(PutRoute{{destination, kRouteMetric}, {interface(relay)}},
                                        std::chrono::steady_clock::now()));
    };
    std::vector<std::string> lines;
    const bool quiet = std::exchange(quiet_, true);
    for (const auto& [site, relay] : other_ways) {
        const auto before = facts_.other_ways.find(site);
        if (before != facts_.other_ways.end() && before->second == relay) continue;
        const PathChoice::Path& path = choice.exceptions().at(site);
        lines.push_back(fmt::format("{} through {}: {}", net::to_string(site), relay, path.why));
        put(site, relay);
    }
    quiet_ = quiet;
    const PathChoice::Path& path = choice.default_path();
    if (facts_.carrier != path.relay) {
        log::notice("paths", "the overlay through {}{}{}", path.relay, path.why.empty() ? "" : ": ",
                    path.why);
        put(config_.overlay, path.relay);
    }
    quiet_ = true;
    for (const auto& [site, relay] : facts_.other_ways) {
        if (other_ways.contains(site)) continue;
        lines.push_back(fmt::format("{} through {} again", net::to_string(site), path.relay));
        if (!reconciler_->have().routes.contains({site, kRouteMetric})) continue;
        report(reconciler_->apply_ahead(DeleteRoute{{site, kRouteMetric}, {interface(relay)}},
                                        std::chrono::steady_clock::now()));
    }
    quiet_ = quiet;
    // A change of many is one line.
    if (lines.size() > kPathsLogged) {
        log::notice("paths", "{} sites through another relay than before, among them {}", lines.size(),
                    lines.front());
    } else {
        for (const std::string& line : lines) log::notice("paths", "{}", line);
    }
    facts_.carrier = path.relay;
    facts_.other_ways = std::move(other_ways);
    reconcile_soon();
}

// Called each second.
void Service::note_busy_sites() {
    if (!path_control_->wants_busy() || !any_relay_reachable()) {
        path_control_->set_busy({});
        return;
    }
    if (!busy_sites_) {
        auto opened = firewall::BusySites::open();
        if (!opened) return;
        busy_sites_.emplace(std::move(*opened));
    }
    auto sites = busy_sites_->read();
    if (sites) {
        path_control_->set_busy(std::move(*sites));
    } else {
        log::debug("paths", "{}, going on", sites.error().text());
        busy_sites_.reset();
    }
}

void Service::note_own_part() {
    std::vector<net::Ipv6Prefix> active;
    for (const LanConfig& lan : config_.lans) {
        if (!lan.vrrp || facts_.active_lans.contains(lan.interface)) active.push_back(lan.prefix.network());
    }
    path_control_->set_active(active);
    path_control_->set_links(reconciler_->have().links);
}

}  // namespace ulagate
