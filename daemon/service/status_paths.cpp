// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon says about its ways to other sites.
#include <algorithm>
#include <set>

#include "daemon/service/service.h"
#include "daemon/service/status.h"

namespace ulagate {
namespace {

constexpr std::size_t kMost = 256;

// Sites with traffic first, then those that take another way than most, then the others.
std::vector<net::Ipv6Prefix> sites_to_show(const std::vector<net::Ipv6Prefix>& busy,
                                           const wg::control::PathChoice& choice,
                                           const std::set<net::Ipv6Prefix>& known) {
    std::vector<net::Ipv6Prefix> shown = busy;
    std::set<net::Ipv6Prefix> listed{busy.begin(), busy.end()};
    const auto list = [&](const net::Ipv6Prefix& site) {
        if (shown.size() < kMost && listed.insert(site).second) shown.push_back(site);
    };
    for (const auto& [site, path] : choice.exceptions()) list(site);
    for (const net::Ipv6Prefix& site : known) list(site);
    return shown;
}

void add_ways(Status::Site& out, const net::Ipv6Prefix& site, const wg::control::RemoteProbe& probe) {
    const auto measured = probe.sites().find(site);
    if (measured == probe.sites().end()) return;
    const auto now = std::chrono::steady_clock::now();
    const auto end_to_end = probe.end_to_end();
    for (const auto& [relay, probes] : measured->second.paths) {
        Status::Way& way = out.ways.emplace_back();
        way.relay = relay;
        if (const auto works = end_to_end.find({site, relay}); works != end_to_end.end())
            way.works = works->second;
        const auto loss = probes.history.loss(now);
        way.probes = loss.probes;
        way.lost = loss.lost;
        way.measured = probes_of(probes.history, now);
    }
}

}  // namespace

void Service::add_path_status(Status& status) const {
    const wg::control::PathChoice& choice = path_control_->choice();
    for (Status::Relay& relay : status.relays) {
        if (relay.name != choice.default_path().relay || status.relays.size() == 1) continue;
        relay.carries_since = age_of(std::optional{choice.default_path().since});
        relay.carries_why = choice.default_path().why;
    }
    const auto listed_by = [&](const std::string& relay) {
        const wg::control::RelaySession* session = talk_->session(relay);
        return session == nullptr ? nullptr : session->sites();
    };
    std::set<net::Ipv6Prefix> known;
    for (const RelayConfig& config : config_.relays) {
        const auto sites = listed_by(config.name);
        if (!sites) continue;
        known.insert(sites->prefixes().begin(), sites->prefixes().end());
        known.insert(sites->detours().begin(), sites->detours().end());
    }
    for (const LanConfig& lan : config_.lans) known.erase(lan.prefix.network());
    status.sites_known = known.size();
    const auto& busy = path_control_->busy();
    for (const net::Ipv6Prefix& prefix : sites_to_show(busy, choice, known)) {
        const wg::control::PathChoice::Path& path = choice.path_to(prefix);
        Status::Site& site = status.sites.emplace_back();
        site.prefix = net::to_string(prefix);
        site.relay = path.relay;
        site.alone = choice.exceptions().contains(prefix);
        site.busy = std::binary_search(busy.begin(), busy.end(), prefix);
        site.since = age_of(std::optional{path.since});
        site.why = path.why;
        const auto sites = listed_by(path.relay);
        site.detour = sites && !sites->covers(prefix) && sites->detours_to(prefix);
        add_ways(site, prefix, path_control_->probe());
    }
}

}  // namespace ulagate
