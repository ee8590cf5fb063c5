// SPDX-License-Identifier: GPL-2.0-or-later
// What a relay knows of its routers: who carries what, and where they were before it lost its tunnels.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/service/service.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kClaimedAgain = 5s;
constexpr auto kShookHandsNow = 5s;
constexpr std::size_t kDetoursLogged = 8;  // lines at once
constexpr std::size_t kMaxRoutersFile = std::size_t{4} << 20U;

}  // namespace

void Service::load_router_memory() {
    if (config_.role != Role::relay) return;
    const std::string file = paths_.routers_file();
    const auto text = read_file(file, kMaxRoutersFile);
    if (!text) {
        if (text.error().code != std::errc::no_such_file_or_directory)
            log::warning("routers", "{}, going on without", text.error().text());
        return;
    }
    if (const std::size_t broken = router_memory_.load(*text); broken > 0)
        log::warning("routers", "lines of {} that name no router and its endpoint: {}, ignoring them", file,
                     broken);
}

void Service::set_routers() {
    std::set<wg::PublicKey> configured;
    for (const SiteConfig& site : config_.sites) {
        for (const RouterConfig& router : site.routers) configured.insert(router.public_key);
    }
    router_memory_.keep_only(configured);
    copied_routers_.keep_only(configured);
    facts_.last_endpoints.clear();
    for (const auto& [key, router] : router_memory_.routers()) facts_.last_endpoints[key] = router.endpoint;
}

// Of routers that are connected; those of a device that is gone stay remembered.
void Service::remember_endpoints() {
    const auto time = std::chrono::system_clock::now();
    for (const auto& [interface, device] : reconciler_->have().tunnels) {
        for (const auto& [key, peer] : device.peers) {
            if (!peer.endpoint || !peer.connected(time)) continue;
            // A copy that takes the tunnel costs the other one its session, so that they shake hands again
            // and again. One whose answers get lost tries its ways in turn, too, but completes no handshake.
            if (time - peer.last_handshake < kShookHandsNow) copied_routers_.note(key, *peer.endpoint, now());
            const auto [last, is_new] = facts_.last_endpoints.try_emplace(key, *peer.endpoint);
            if (!is_new && last->second != *peer.endpoint) {
                last->second = *peer.endpoint;
                ++endpoint_changes_[key];
            }
            router_memory_.note(
                key, {*peer.endpoint, std::chrono::floor<std::chrono::seconds>(peer.last_handshake)}, now());
        }
    }
}

void Service::name_copied_routers() {
    if (config_.role != Role::relay) return;
    const auto name = [this](const wg::PublicKey& key) -> std::string {
        for (const SiteConfig& site : config_.sites) {
            for (const RouterConfig& router : site.routers) {
                if (router.public_key == key)
                    return fmt::format("{} ({}) of site {}", router.node, net::to_string(router.address),
                                       site.name);
            }
        }
        return wg::to_string(key);
    };
    obstacles_.set("copied routers", copied_routers_.obstacles(name, now()));
    const auto copied = copied_routers_.copied(now());
    std::set<net::Ipv6Address> told;
    for (const SiteConfig& site : config_.sites) {
        if (copied.empty()) break;
        for (const RouterConfig& router : site.routers) {
            if (std::find(copied.begin(), copied.end(), router.public_key) != copied.end())
                told.insert(router.address);
        }
    }
    relay_control_->set_in_two_places(std::move(told));
}

void Service::keep_router_memory(bool stopping) {
    if (config_.role != Role::relay) return;
    if (const auto text = router_memory_.take_write(now(), stopping))
        files_.write(paths_.routers_file(), *text, 0600);
}

void Service::report_unwritten() {
    for (const auto& failure : files_.take_failures()) {
        log::warning("ulagate", "{}, going on", failure.error.text());
        if (failure.path == paths_.routers_file()) router_memory_.not_written(now());
        if (failure.path == paths_.advertised_file()) advertised_memory_.not_written();
    }
}

// Those that were connected before and are not since their peer was made, by what was read last.
void Service::find_silent_routers() {
    if (config_.role != Role::relay) return;
    std::vector<KnockSchedule::Silent> silent;
    for (const auto& [interface, device] : reconciler_->have().tunnels) {
        for (const auto& [key, peer] : device.peers) {
            const auto known = router_memory_.routers().find(key);
            if (!peer.ever_connected() && known != router_memory_.routers().end())
                silent.push_back({key, known->second.last_handshake});
        }
    }
    if (const std::size_t found = knocks_.update(silent, now()); found > 0)
        log::info("routers", "reaching out to {} that were connected before", found);
    knock();
}

void Service::knock() {
    std::map<std::string, wg::DeviceChange> changes;  // by interface
    for (const wg::PublicKey& key : knocks_.take(now())) {
        for (const auto& [interface, device] : reconciler_->have().tunnels) {
            const auto peer = device.peers.find(key);
            if (peer == device.peers.end()) continue;
            wg::PeerChange& change = changes[interface].peers.emplace_back();
            change.key = key;
            change.update_only = true;
            change.keepalive_seconds = kKnockSeconds;
            if (!peer->second.endpoint) change.endpoint = facts_.last_endpoints.at(key);
        }
    }
    facts_.knocking = knocks_.knocking();
    // This is all that a plan would do. That nobody knocks at those that were given up any more can wait for
    // one.
    if (reconciled_facts_) reconciled_facts_->knocking = facts_.knocking;
    const bool quiet = std::exchange(quiet_, true);
    for (auto& [interface, change] : changes)
        report(reconciler_->apply_as_known(ConfigureTunnel{interface, std::move(change)}, now()));
    quiet_ = quiet;
    knock_.set(knocks_.deadline());
}

// After a change of configuration: a router that keeps its claim may have another slot.
void Service::take_owners() {
    facts_.owners.clear();
    for (const SiteConfig& site : config_.sites) {
        for (const net::Ipv6Prefix& prefix : site.prefixes) {
            const auto slot = relay_control_->ownership().owner_slot(prefix);
            if (slot && *slot != default_slot(site)) facts_.owners[prefix] = *slot;
        }
    }
}

// After a restart of ours the routers claim again within a second, and until then the routes that are there
// say who carries what.
void Service::adopt_owners() {
    if (const auto read = reconciler_->refresh(); !read) return;  // the first run reports it
    for (const SiteConfig& site : config_.sites) {
        for (const net::Ipv6Prefix& prefix : site.prefixes) {
            const auto route = reconciler_->have().routes.find({prefix, kRouteMetric});
            if (route == reconciler_->have().routes.end()) continue;
            for (std::size_t slot = 0; slot < site.routers.size(); ++slot) {
                if (route->second.link == slot_interface(slot) && slot != default_slot(site))
                    facts_.owners[prefix] = slot;
            }
            for (const RelayConfig& relay : config_.relays) {
                if (route->second.link == tunnel_interface(relay)) facts_.detours[prefix] = relay.name;
            }
        }
    }
    adopted_.set(now() + kClaimedAgain);
}

void Service::forget_adopted_owners() {
    take_owners();
    reconcile();
}

// Sites that are connected to another relay and not here, or not any more. Until our own list is out, those
// of our former life stay.
void Service::take_detours() {
    if (!relay_control_->knows_who_is_here()) return;
    const auto before = std::exchange(facts_.detours, relay_control_->detours());
    std::map<net::Ipv6Prefix, std::string> moved;  // to which interface
    for (const auto& [site, relay] : facts_.detours) {
        const auto known = before.find(site);
        if (known == before.end() || known->second != relay) moved[site] = kLinkPrefix + relay;
    }
    for (const auto& [site, relay] : before) {
        const auto slot = relay_control_->ownership().owner_slot(site);
        if (slot && !facts_.detours.contains(site)) moved[site] = slot_interface(*slot);
    }
    std::size_t lines = 0;
    const bool quiet = std::exchange(quiet_, true);
    for (const auto& [site, interface] : moved) {
        if (++lines <= kDetoursLogged)
            log::notice("detours", "{} through {}", net::to_string(site), interface);
        if (!reconciler_ || !reconciler_->have().links.contains(interface)) continue;
        report(reconciler_->apply_ahead(PutRoute{{site, kRouteMetric}, {interface}}, now()));
    }
    quiet_ = quiet;
    if (lines > kDetoursLogged) log::notice("detours", "and {} more", lines - kDetoursLogged);
    reconcile_soon();
}

// One route each, at once; the plan then finds nothing left to do. With thousands of sites it would take a
// tenth of a second.
void Service::move_prefixes(const std::vector<wg::control::OwnerChanged>& moved) {
    for (const auto& move : moved) {
        facts_.owners[move.prefix] = move.to;
        if (facts_.detours.contains(move.prefix)) continue;
        const std::string carrier = slot_interface(move.to);
        if (!reconciler_ || !reconciler_->have().links.contains(carrier)) continue;
        report(reconciler_->apply_ahead(PutRoute{{move.prefix, kRouteMetric}, {carrier}}, now()));
    }
    reconcile_soon();
}

}  // namespace ulagate
