// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <string>

#include "wg/control/ownership.h"

// What can be asked about owners, and the sentences about what happened to them.
namespace ulagate::wg::control {
namespace {

// As the configuration file counts.
std::string router_name(std::size_t router_index) { return "router " + std::to_string(router_index + 1); }

std::string to_string(Reason reason) {
    switch (reason) {
        case Reason::claimed:
            return "claimed";
        case Reason::lease_ended:
            return "nothing was heard from the owner for 3 s";
        case Reason::released:
            return "released";
        case Reason::goodbye:
            return "the owner said goodbye";
        case Reason::configuration:
            return "other configuration";
    }
    return {};
}

struct Sentence {
    std::string operator()(const OwnerChanged& e) const {
        const std::string from = e.from ? "from " + router_name(*e.from) + " " : "";
        return net::to_string(e.prefix) + " moves " + from + "to " + router_name(e.to) + ": " +
               to_string(e.reason);
    }
    std::string operator()(const ConflictDecided& e) const {
        return "two routers claim " + net::to_string(e.prefix) + ": " + router_name(e.winner) +
               " wins over " + router_name(e.loser);
    }
    std::string operator()(const ClaimRefused& e) const {
        return router_name(e.router_index) + " claims " + net::to_string(e.prefix) +
               ", which is not a prefix of its site, ignoring";
    }
    std::string operator()(const EpochRefused& e) const {
        return router_name(e.router_index) + " claims with epoch " + std::to_string(e.epoch) +
               ", which no router can have reached: it counts as 0";
    }
    std::string operator()(const Restless& e) const {
        return "routers take " + net::to_string(e.prefix) +
               " from each other again and again: following at most every 2 s";
    }
    std::string operator()(const UnknownSenderRefused& e) const {
        return "message from " + net::to_string(e.address) + ", which is not a router of any site, ignoring";
    }
};

}  // namespace

std::string to_string(const OwnershipEvent& event) { return std::visit(Sentence{}, event); }

void Ownership::complain(Complaint complaint, TimePoint now) {
    std::tuple by{complaint.what, complaint.site, complaint.router};
    complaints_.insert_or_assign(std::move(by), std::pair{std::move(complaint), now});
}

std::vector<Ownership::Complaint> Ownership::complaints(TimePoint now) {
    std::erase_if(complaints_, [&](const auto& entry) { return now >= entry.second.second + kRemembered; });
    std::vector<Complaint> out;
    for (const auto& [by, complaint] : complaints_) out.push_back(complaint.first);
    return out;
}

std::optional<Ownership::Place> Ownership::place_of_router(const net::Ipv6Address& address) const {
    const auto found = routers_.find(address);
    if (found == routers_.end()) return std::nullopt;
    return found->second;
}

Ownership::Connected Ownership::connected(const net::Ipv6Address& router) const {
    Connected out;
    const auto place = place_of_router(router);
    if (!place) return out;
    const Site& site = sites_.at(place->site);
    for (const Prefix& prefix : site.prefixes) out.prefixes.push_back(prefix.prefix);
    for (const Router& each : site.routers) {
        if (each.last_heard) out.until = std::max(out.until, *each.last_heard + kLease);
    }
    return out;
}

std::optional<Ownership::Place> Ownership::place_of_prefix(const net::Ipv6Prefix& prefix) const {
    const auto found = prefixes_.find(prefix);
    if (found == prefixes_.end()) return std::nullopt;
    return found->second;
}

std::optional<TimePoint> Ownership::deadline() const {
    if (holds_.empty()) return std::nullopt;
    return holds_.begin()->first;
}

std::optional<std::size_t> Ownership::owner_index(const net::Ipv6Prefix& prefix) const {
    const auto place = place_of_prefix(prefix);
    if (!place || sites_.at(place->site).routers.empty()) return std::nullopt;
    return sites_.at(place->site).prefixes.at(place->index).owner;
}

std::optional<Ownership::RouterStatus> Ownership::router(const net::Ipv6Address& address,
                                                         TimePoint now) const {
    const auto place = place_of_router(address);
    if (!place) return std::nullopt;
    const Router& router = sites_.at(place->site).routers.at(place->index);
    return RouterStatus{live(router, now), router.last_heard, router.about};
}

std::optional<Ownership::PrefixStatus> Ownership::prefix(const net::Ipv6Prefix& name, TimePoint now) const {
    const auto place = place_of_prefix(name);
    if (!place || sites_.at(place->site).routers.empty()) return std::nullopt;
    const Prefix& prefix = sites_.at(place->site).prefixes.at(place->index);
    const bool claimed = prefix.records.at(prefix.owner).claimed_until > now;
    return PrefixStatus{prefix.owner, prefix.since, prefix.reason, claimed, prefix.epoch, prefix.conflict};
}

}  // namespace ulagate::wg::control
