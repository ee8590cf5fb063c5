// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/router_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/service/assign.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kClaimedAgain = 5s;
constexpr auto kShookHandsNow = 5s;
constexpr std::size_t kTransitLogged = 8;  // lines at once
constexpr std::size_t kMaxRoutersFile = std::size_t{4} << 20U;

}  // namespace

RouterRegistry::RouterRegistry(const Context& context, std::unique_ptr<ControlLink> link)
    : context_(context),
      file_(context.paths.routers_file()),
      control_(context.loop, std::move(link),
               {[this](const auto& moved) { move_prefixes(moved); }, [this] { take_transit(); },
                [this] { context_.turn.reconcile_next(); }}),
      reconnect_(context.loop, [this] { reconnect(); }),
      adopted_(context.loop, [this] {
          take_owners();
          context_.turn.reconcile();
      }) {}

void RouterRegistry::load() {
    const auto text = read_file(file_, kMaxRoutersFile);
    if (!text) {
        if (text.error().code != std::errc::no_such_file_or_directory)
            log::warning("routers", "{}, continuing without it", text.error().text());
        return;
    }
    if (const std::size_t broken = memory_.load(*text); broken > 0)
        log::warning("routers", "{}: malformed lines ignored: {}", file_, broken);
}

void RouterRegistry::set_config() {
    control_.set_config(context_.config);
    take_owners();
    std::set<wg::PublicKey> configured;
    for (const SiteConfig& site : context_.config.sites) {
        for (const RouterConfig& router : site.routers) configured.insert(router.public_key);
    }
    memory_.keep_only(configured);
    copied_.keep_only(configured);
    last_endpoints_.clear();
    for (const auto& [key, router] : memory_.routers()) last_endpoints_[key] = router.endpoint;
}

// Of routers that are connected; those of a device that is gone stay remembered.
void RouterRegistry::remember_endpoints() {
    const auto now = context_.loop.now();
    const auto time = context_.loop.wall_clock();
    for (const auto& [interface, device] : context_.reconciler.have().tunnels) {
        for (const auto& [key, peer] : device.peers) {
            if (!peer.endpoint || !peer.connected(time)) continue;
            // A copy that takes the tunnel costs the other one its session, so that they shake hands again
            // and again. One whose answers get lost tries its ways in turn, too, but completes no handshake.
            if (time - peer.last_handshake < kShookHandsNow) copied_.note(key, *peer.endpoint, now);
            const auto [last, is_new] = last_endpoints_.try_emplace(key, *peer.endpoint);
            if (!is_new && last->second != *peer.endpoint) {
                last->second = *peer.endpoint;
                ++endpoint_changes_[key];
            }
            memory_.note(key, {*peer.endpoint, std::chrono::floor<std::chrono::seconds>(peer.last_handshake)},
                         now);
        }
    }
}

std::uint64_t RouterRegistry::endpoint_changes(const wg::PublicKey& router) const {
    const auto known = endpoint_changes_.find(router);
    return known == endpoint_changes_.end() ? 0 : known->second;
}

void RouterRegistry::name_copied() {
    const auto name = [this](const wg::PublicKey& key) -> std::string {
        for (const SiteConfig& site : context_.config.sites) {
            for (const RouterConfig& router : site.routers) {
                if (router.public_key == key)
                    return fmt::format("{} ({}) of site {}", router.node, net::to_string(router.address),
                                       site.name);
            }
        }
        return wg::to_string(key);
    };
    context_.obstacles.set("copied routers", copied_.obstacles(name, context_.loop.now()));
    const auto copied = copied_.copied(context_.loop.now());
    std::set<net::Ipv6Address> told;
    for (const SiteConfig& site : context_.config.sites) {
        if (copied.empty()) break;
        for (const RouterConfig& router : site.routers) {
            if (std::find(copied.begin(), copied.end(), router.public_key) != copied.end())
                told.insert(router.address);
        }
    }
    control_.set_in_two_places(std::move(told));
}

void RouterRegistry::tick() {
    keep(false);
    name_copied();
    context_.obstacles.set("untrue words", control_.untrue());
}

void RouterRegistry::stop() {
    keep(true);
    control_.stop();
}

void RouterRegistry::keep(bool stopping) {
    if (const auto text = memory_.take_write(context_.loop.now(), stopping))
        context_.files.write(file_, *text, 0600);
}

void RouterRegistry::not_written(const std::string& file) {
    if (file == file_) memory_.not_written(context_.loop.now());
}

void RouterRegistry::find_silent() {
    std::vector<ReconnectSchedule::Silent> silent;
    for (const auto& [interface, device] : context_.reconciler.have().tunnels) {
        for (const auto& [key, peer] : device.peers) {
            const auto known = memory_.routers().find(key);
            if (!peer.ever_connected() && known != memory_.routers().end())
                silent.push_back({key, known->second.last_handshake});
        }
    }
    if (const std::size_t found = schedule_.update(silent, context_.loop.now()); found > 0)
        log::info("routers", "initiating handshakes to {} that were connected before", found);
    reconnect();
}

void RouterRegistry::reconnect() {
    std::map<std::string, wg::DeviceChange> changes;  // by interface
    for (const wg::PublicKey& key : schedule_.take(context_.loop.now())) {
        for (const auto& [interface, device] : context_.reconciler.have().tunnels) {
            const auto peer = device.peers.find(key);
            if (peer == device.peers.end()) continue;
            wg::PeerChange& change = changes[interface].peers.emplace_back();
            change.key = key;
            change.update_only = true;
            change.keepalive_seconds = kReconnectKeepalive;
            if (!peer->second.endpoint) change.endpoint = last_endpoints_.at(key);
        }
    }
    reconnecting_ = schedule_.reconnecting();
    for (auto& [interface, change] : changes) {
        context_.fast_path.write(ConfigureTunnel{interface, std::move(change)},
                                 {.routine = true, .known = true});
    }
    reconnect_.set(schedule_.deadline());
}

bool RouterRegistry::contribute(Facts& facts) const {
    // Written ahead, which is all that a plan would do. To end the attempts that were given up can wait for a
    // plan.
    facts.reconnecting = reconnecting_;
    const bool owners = assign(facts.owners, owners_);
    const bool transit = assign(facts.transit, transit_);
    return assign(facts.last_endpoints, last_endpoints_) || owners || transit;
}

// After a change of configuration: a router that keeps its claim may have another index.
void RouterRegistry::take_owners() {
    owners_.clear();
    for (const SiteConfig& site : context_.config.sites) {
        for (const net::Ipv6Prefix& prefix : site.prefixes) {
            const auto router_index = control_.ownership().owner_index(prefix);
            if (router_index && *router_index != default_router_index(site)) owners_[prefix] = *router_index;
        }
    }
}

void RouterRegistry::adopt() {
    if (const auto read = context_.reconciler.refresh(); !read) return;  // the first run reports it
    const Routes& routes = context_.reconciler.have().routes;
    for (const SiteConfig& site : context_.config.sites) {
        for (const net::Ipv6Prefix& prefix : site.prefixes) {
            const auto route = routes.find({prefix, kRouteMetric});
            if (route == routes.end()) continue;
            for (std::size_t router_index = 0; router_index < site.routers.size(); ++router_index) {
                if (route->second.link == router_interface(router_index) &&
                    router_index != default_router_index(site))
                    owners_[prefix] = router_index;
            }
            for (const RelayConfig& relay : context_.config.relays) {
                if (route->second.link == tunnel_interface(relay)) transit_[prefix] = relay.name;
            }
        }
    }
    adopted_.set(context_.loop.now() + kClaimedAgain);
}

// Sites that are connected to another relay and not here, or not any more. Until our own list is out, those
// of our former life stay.
void RouterRegistry::take_transit() {
    if (!control_.knows_who_is_here()) return;
    const auto before = std::exchange(transit_, control_.transit());
    std::map<net::Ipv6Prefix, std::string> moved;  // to which interface
    for (const auto& [site, relay] : transit_) {
        const auto known = before.find(site);
        if (known == before.end() || known->second != relay) moved[site] = kLinkPrefix + relay;
    }
    for (const auto& [site, relay] : before) {
        const auto router_index = control_.ownership().owner_index(site);
        if (router_index && !transit_.contains(site)) moved[site] = router_interface(*router_index);
    }
    std::size_t lines = 0;
    for (const auto& [site, interface] : moved) {
        if (++lines <= kTransitLogged)
            log::notice("transit", "{} through {}", net::to_string(site), interface);
        if (!context_.reconciler.have().links.contains(interface)) continue;
        context_.fast_path.write(PutRoute{{site, kRouteMetric}, {interface}}, {.routine = true});
    }
    if (lines > kTransitLogged) log::notice("transit", "and {} more", lines - kTransitLogged);
    context_.turn.reconcile_soon();
}

// One route each, at once; the plan then finds nothing left to do. With thousands of sites it would take a
// tenth of a second.
void RouterRegistry::move_prefixes(const std::vector<wg::control::OwnerChanged>& moved) {
    for (const auto& move : moved) {
        owners_[move.prefix] = move.to;
        if (transit_.contains(move.prefix)) continue;
        const std::string interface = router_interface(move.to);
        if (!context_.reconciler.have().links.contains(interface)) continue;
        context_.fast_path.write(PutRoute{{move.prefix, kRouteMetric}, {interface}});
    }
    context_.turn.reconcile_soon();
}

}  // namespace ulagate
