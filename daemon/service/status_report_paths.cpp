// SPDX-License-Identifier: GPL-2.0-or-later
// What the status says of an edge's paths to other sites.
#include <algorithm>
#include <set>

#include "daemon/service/status_ages.h"
#include "daemon/service/status_report.h"

namespace ulagate {
namespace {

constexpr std::size_t kMost = 256;

// Sites with traffic first, then those that take another relay than most, then the others.
std::vector<net::Ipv6Prefix> sites_to_show(const std::vector<net::Ipv6Prefix>& active_prefixes,
                                           const wg::control::PathChoice& choice,
                                           const std::set<net::Ipv6Prefix>& known) {
    std::vector<net::Ipv6Prefix> shown = active_prefixes;
    std::set<net::Ipv6Prefix> listed{active_prefixes.begin(), active_prefixes.end()};
    const auto list = [&](const net::Ipv6Prefix& site) {
        if (shown.size() < kMost && listed.insert(site).second) shown.push_back(site);
    };
    for (const auto& [site, path] : choice.exceptions()) list(site);
    for (const net::Ipv6Prefix& site : known) list(site);
    return shown;
}

void add_candidates(Status::Site& out, const net::Ipv6Prefix& site, const wg::control::RemoteProbe& probe,
                    Loop::TimePoint now) {
    const auto measured = probe.sites().find(site);
    if (measured == probe.sites().end()) return;
    const auto end_to_end = probe.end_to_end();
    for (const auto& [relay, probes] : measured->second.paths) {
        Status::Candidate& candidate = out.candidates.emplace_back();
        candidate.relay = relay;
        if (const auto works = end_to_end.find({site, relay}); works != end_to_end.end())
            candidate.works = works->second;
        const auto loss = probes.history.loss(now);
        candidate.probes = loss.probes;
        candidate.lost = loss.lost;
        candidate.measured = probes_of(probes.history, now);
    }
}

}  // namespace

void add_paths(Status& status, const Context& context, const PathControl& paths,
               const RelayChannel& channel) {
    const wg::control::PathChoice& choice = paths.choice();
    for (Status::Relay& relay : status.relays) {
        if (relay.name != choice.default_path().relay || status.relays.size() == 1) continue;
        relay.default_since = age_of(std::optional{choice.default_path().since}, context);
        relay.default_why = choice.default_path().why;
    }
    const auto listed_by = [&](const std::string& relay) {
        const wg::control::RelaySession* session = channel.session(relay);
        return session == nullptr ? nullptr : session->sites();
    };
    std::set<net::Ipv6Prefix> known;
    for (const RelayConfig& config : context.config.relays) {
        const auto sites = listed_by(config.name);
        if (!sites) continue;
        known.insert(sites->prefixes().begin(), sites->prefixes().end());
        known.insert(sites->transit().begin(), sites->transit().end());
    }
    for (const LanConfig& lan : context.config.lans) known.erase(lan.prefix.network());
    status.sites_known = known.size();
    const auto& active_prefixes = paths.active_prefixes();
    for (const net::Ipv6Prefix& prefix : sites_to_show(active_prefixes, choice, known)) {
        const wg::control::PathChoice::Path& path = choice.path_to(prefix);
        Status::Site& site = status.sites.emplace_back();
        site.prefix = net::to_string(prefix);
        site.relay = path.relay;
        site.alone = choice.exceptions().contains(prefix);
        site.active = std::binary_search(active_prefixes.begin(), active_prefixes.end(), prefix);
        site.since = age_of(std::optional{path.since}, context);
        site.why = path.why;
        const auto sites = listed_by(path.relay);
        site.transit = sites && !sites->covers(prefix) && sites->transits_to(prefix);
        add_candidates(site, prefix, paths.probe(), context.loop.now());
    }
}

}  // namespace ulagate
