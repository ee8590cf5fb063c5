// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/uplinks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/config/uplink.h"

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;
using Kind = UplinkConfig::Kind;

constexpr std::uint32_t kMetricStep = 100;
// A plug that bounces must not start a new client each time.
constexpr auto kBounce = 2s;
// A carrier that was away for less belongs to the same network.
constexpr auto kSameNetwork = 2s;
constexpr std::size_t kMaxLinkName = 15;

}  // namespace

bool is_tethering_driver(std::string_view driver) {
    static constexpr std::array<std::string_view, 9> kDrivers{"cdc_ether",      "cdc_ncm", "rndis_host",
                                                              "huawei_cdc_ncm", "ipheth",  "cdc_eem",
                                                              "cdc_subset",     "kalmia",  "usbnet"};
    return std::find(kDrivers.begin(), kDrivers.end(), driver) != kDrivers.end();
}

std::string ppp_link(const std::string& base) { return ("ppp-" + base).substr(0, kMaxLinkName); }

std::string_view name(UplinkReport::State state) {
    switch (state) {
        case UplinkReport::State::down:
            return "down";
        case UplinkReport::State::waiting:
            return "waiting";
        case UplinkReport::State::standby:
            return "standby";
        case UplinkReport::State::in_use:
            return "in use";
    }
    return "?";
}

const UplinkConfig* Uplinks::config(const Binding& binding) const {
    return binding.rank ? &setup_.uplinks[*binding.rank] : nullptr;
}

bool Uplinks::is_bound(const std::string& base) const {
    return std::any_of(bindings_.begin(), bindings_.end(),
                       [&](const Binding& binding) { return binding.base == base; });
}

bool Uplinks::is_named(const std::string& base) const {
    return std::any_of(setup_.uplinks.begin(), setup_.uplinks.end(),
                       [&](const UplinkConfig& uplink) { return uplink.interface == base; });
}

std::vector<UplinkConfig::Wifi> Uplinks::networks(const std::string& base) const {
    std::vector<UplinkConfig::Wifi> out;
    for (const UplinkConfig& uplink : setup_.uplinks)
        if (uplink.interface == base && uplink.wifi) out.push_back(*uplink.wifi);
    return out;
}

const Uplinks::Progress& Uplinks::progress(const Binding& binding) const {
    static const Progress kNone;
    const auto found = progress_.find(binding.link);
    return found == progress_.end() ? kNone : found->second;
}

void Uplinks::add(Binding binding) {
    const UplinkConfig* const wanted = config(binding);
    binding.below = wanted != nullptr && wanted->vlan ? uplink_interface(*wanted) : binding.base;
    binding.link = wanted != nullptr && wanted->pppoe ? ppp_link(binding.below) : binding.below;
    bindings_.push_back(std::move(binding));
}

void Uplinks::bind_rank(std::size_t rank) {
    const UplinkConfig& wanted = setup_.uplinks[rank];
    const auto metric = static_cast<std::uint32_t>(kMetricStep * (rank + 1));
    if (!wanted.interface.empty()) {
        if (links_.contains(wanted.interface)) {
            // Several networks for one radio are one uplink, and the client chooses.
            if (wanted.kind == Kind::wifi && is_bound(wanted.interface)) return;
            add({rank, wanted.kind, wanted.interface, {}, {}, metric});
        } else {
            missing_.push_back(rank);
        }
        return;
    }
    std::uint32_t nth = 0;
    for (const auto& [name, link] : links_) {
        if (!is_tethering_driver(link.driver) || is_named(name) || is_bound(name)) continue;
        if (setup_.lans.contains(name) || setup_.gateway_lans.contains(name)) continue;
        if (nth + 1 < kMetricStep) add({rank, wanted.kind, name, {}, {}, metric + nth++});
    }
    if (nth == 0) missing_.push_back(rank);
}

void Uplinks::bind_found() {
    std::uint32_t metric = 0;
    for (const bool tethering : {false, true}) {
        for (const auto& [name, link] : links_) {
            if (!link.ethernet || is_tethering_driver(link.driver) != tethering) continue;
            if (setup_.gateway_lans.contains(name)) continue;
            add({std::nullopt, tethering ? Kind::usb : Kind::ethernet, name, {}, {}, metric += kMetricStep});
        }
    }
}

void Uplinks::bind() {
    bindings_.clear();
    missing_.clear();
    if (setup_.uplinks.empty()) {
        bind_found();
        return;
    }
    for (std::size_t rank = 0; rank < setup_.uplinks.size(); ++rank) bind_rank(rank);
}

void Uplinks::watch_carrier(const Binding& binding, TimePoint now) {
    Progress& at = progress_[binding.link];
    const bool carrier = links_.at(binding.base).carrier;
    if (carrier == at.carrier) return;
    at.carrier = carrier;
    if (!carrier) {
        at.since.reset();
        at.lost_at = now;
        // Whoever comes next may be another network: nothing of the old one is true any more.
        at.lease.reset();
        at.lease_until.reset();
        at.ipv6_dns.clear();
        complaints_.erase(binding.base);
        return;
    }
    at.since = now;
    if (at.lost_at && now - *at.lost_at >= kSameNetwork && !setup_.lans.contains(binding.link))
        ++at.ipv6_attempt;
    ++at.attempt;
    const bool bounces = at.start_at && now < *at.start_at + kBounce;
    at.start_at = bounces ? now + kBounce : now;
}

void Uplinks::on_links(const LinkTable& links, TimePoint now) {
    links_ = links;
    bind();
    // What is plugged in again begins anew.
    std::erase_if(progress_, [&](const auto& entry) {
        return std::none_of(bindings_.begin(), bindings_.end(),
                            [&](const Binding& binding) { return binding.link == entry.first; });
    });
    for (const Binding& binding : bindings_) watch_carrier(binding, now);
}

void Uplinks::on_lease(const std::string& link, const std::optional<Lease>& lease, TimePoint now) {
    const auto found = progress_.find(link);
    // A client that has not yet heard that its cable is out.
    if (found == progress_.end() || !found->second.carrier) return;
    found->second.lease = lease;
    found->second.lease_until =
        lease && lease->lifetime ? std::optional{now + *lease->lifetime} : std::nullopt;
}

void Uplinks::on_ipv6_dns(const std::string& link, const std::vector<net::Ipv6Address>& servers) {
    const auto found = progress_.find(link);
    if (found != progress_.end() && found->second.carrier) found->second.ipv6_dns = servers;
}

std::optional<TimePoint> Uplinks::deadline() const {
    std::optional<TimePoint> first;
    const auto at = [&](const std::optional<TimePoint>& when) {
        if (when && (!first || *when < *first)) first = when;
    };
    for (const auto& [link, entry] : progress_) {
        at(entry.lease_until);
        if (entry.carrier && entry.start_at && *entry.start_at > *entry.since) at(entry.start_at);
    }
    return first;
}

void Uplinks::on_deadline(TimePoint now) {
    for (auto& [link, entry] : progress_) {
        if (entry.lease_until && *entry.lease_until <= now) {
            entry.lease.reset();
            entry.lease_until.reset();
        }
        // From now on it is an ordinary start.
        if (entry.carrier && entry.start_at && *entry.start_at <= now)
            entry.since = std::max(*entry.since, *entry.start_at);
    }
}

bool Uplinks::wants_client(const Binding& binding) const {
    const Progress& at = progress(binding);
    if (!at.carrier || !links_.contains(binding.below)) return false;
    return !at.start_at || *at.start_at <= *at.since;
}

bool Uplinks::works_ipv4(const Binding& binding) const {
    const Progress& at = progress(binding);
    if (!at.carrier) return false;
    if (const UplinkConfig* const wanted = config(binding); wanted != nullptr && wanted->fixed) {
        return std::any_of(wanted->fixed->gateways.begin(), wanted->fixed->gateways.end(),
                           [](const auto& one) { return std::holds_alternative<net::Ipv4Address>(one); });
    }
    return at.lease && std::any_of(at.lease->routes.begin(), at.lease->routes.end(),
                                   [](const LeasedRoute& route) { return route.destination.length == 0; });
}

bool Uplinks::works_ipv6(const Binding& binding) const {
    return progress(binding).carrier && ipv6_routers_.contains(binding.link);
}

const Uplinks::Binding* Uplinks::in_use(bool ipv6) const {
    const auto found = std::find_if(bindings_.begin(), bindings_.end(), [&](const Binding& binding) {
        return ipv6 ? works_ipv6(binding) : works_ipv4(binding);
    });
    return found == bindings_.end() ? nullptr : &*found;
}

}  // namespace ulagate::appliance
