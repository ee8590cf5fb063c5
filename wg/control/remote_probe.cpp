// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/remote_probe.h"

#include <algorithm>
#include <set>

namespace ulagate::wg::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kCurrent = milliseconds{300};
constexpr Duration kOther = seconds{3};
constexpr std::uint8_t kSite = 64;

}  // namespace

net::Ipv6Address active_router_of(const net::Ipv6Prefix& site) {
    return net::with_interface_identifier(site.network(), 1);
}

RemoteProbe::Outcome RemoteProbe::set(const std::vector<net::Ipv6Prefix>& active_prefixes,
                                      const std::vector<std::string>& relays, const PathOf& path_of,
                                      TimePoint now) {
    Outcome out;
    const auto before = end_to_end();
    const std::set<net::Ipv6Prefix> wanted{active_prefixes.begin(), active_prefixes.end()};
    const std::set<std::string> living{relays.begin(), relays.end()};
    std::erase_if(sites_, [&](const auto& entry) { return !wanted.contains(entry.first); });
    for (const net::Ipv6Prefix& prefix : active_prefixes) {
        if (!sites_.contains(prefix) && sites_.size() >= kMaxSites) continue;
        Site& site = sites_[prefix];
        std::erase_if(site.paths, [&](const auto& entry) { return !living.contains(entry.first); });
        const std::string in_use = path_of(prefix);
        for (const std::string& relay : living) {
            const bool is_new = !site.paths.contains(relay);
            Path& path = site.paths[relay];
            const bool was = path.current;
            path.current = relay == in_use;
            if (is_new || (path.current && !was)) path.next = now;
        }
    }
    send_due(now, out);
    out.changed = end_to_end() != before;
    return out;
}

// A missing answer of a path that is seldom probed is looked into at once; when it is known to be dead, there
// is time again.
Duration RemoteProbe::interval(const Path& path) {
    const bool doubtful = path.history.misses() > 0 && path.history.misses() < ProbeHistory::kMissesUntilDown;
    return path.current || doubtful ? kCurrent : kOther;
}

void RemoteProbe::send_due(TimePoint now, Outcome& out) {
    for (auto& [prefix, site] : sites_) {
        for (auto& [relay, path] : site.paths) {
            if (path.next > now) continue;
            const auto before = works(site, path);
            path.history.on_sent(next_id_, now);
            out.changed |= works(site, path) != before;
            out.send.push_back({relay, active_router_of(prefix), {sequence_++, Probe{next_id_++}}});
            path.next = now + interval(path);
        }
    }
}

RemoteProbe::Outcome RemoteProbe::on_answer(const std::string& relay, const net::Ipv6Address& from,
                                            const ProbeAck& ack, TimePoint now) {
    Outcome out;
    const auto site = sites_.find(net::Ipv6Prefix{from, kSite}.network());
    if (site == sites_.end() || from != active_router_of(site->first)) return out;
    const auto path = site->second.paths.find(relay);
    if (path == site->second.paths.end()) return out;
    const bool before = path->second.history.alive();
    if (!path->second.history.on_answer(ack.id, now)) return out;
    out.changed = !before || !site->second.answered;
    site->second.answered = true;
    return out;
}

RemoteProbe::Outcome RemoteProbe::on_deadline(TimePoint now) {
    Outcome out;
    send_due(now, out);
    return out;
}

std::optional<TimePoint> RemoteProbe::deadline() const {
    std::optional<TimePoint> first;
    for (const auto& [prefix, site] : sites_) {
        for (const auto& [relay, path] : site.paths) {
            if (!first || path.next < *first) first = path.next;
        }
    }
    return first;
}

std::optional<bool> RemoteProbe::works(const Site& site, const Path& path) {
    if (path.history.alive()) return true;
    if (site.answered && path.history.misses() >= ProbeHistory::kMissesUntilDown) return false;
    return std::nullopt;
}

std::map<PathChoice::SiteAndRelay, bool> RemoteProbe::end_to_end() const {
    std::map<PathChoice::SiteAndRelay, bool> out;
    for (const auto& [prefix, site] : sites_) {
        for (const auto& [relay, path] : site.paths) {
            if (const auto known = works(site, path))
                out.emplace(PathChoice::SiteAndRelay{prefix, relay}, *known);
        }
    }
    return out;
}

}  // namespace ulagate::wg::control
