// SPDX-License-Identifier: GPL-2.0-or-later
// What follows from how the uplinks do: the plan for the kernel, and the words for people.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/base/text.h"
#include "image/appliance/uplinks/uplinks.h"

namespace ulagate::appliance {
namespace {

using Kind = UplinkConfig::Kind;

constexpr std::size_t kMaxNameServers = 8;
const net::IpPrefix kEverywhere4 = net::Ipv4Prefix{};
const net::IpPrefix kEverywhere6 = net::Ipv6Prefix{};

template <class T>
void add_once(std::vector<T>& list, const T& value) {
    if (list.size() < kMaxNameServers && std::find(list.begin(), list.end(), value) == list.end())
        list.push_back(value);
}

bool is_ipv6(const net::IpAddress& address) { return std::holds_alternative<net::Ipv6Address>(address); }

const char* kind_name(Kind kind) {
    switch (kind) {
        case Kind::ethernet:
            return "Ethernet";
        case Kind::wifi:
            return "Wi-Fi";
        case Kind::usb:
            return "USB";
    }
    return "?";
}

}  // namespace

void Uplinks::plan_fixed(const Binding& binding, UplinkPlan& plan) const {
    const UplinkConfig::Fixed& fixed = *config(binding)->fixed;
    for (const net::IpPrefix& address : fixed.addresses)
        plan.addresses.emplace(NetAddress{binding.link, address, binding.metric}, std::nullopt);
    if (!progress(binding).carrier) return;
    for (const net::IpAddress& gateway : fixed.gateways) {
        plan.routes.insert(
            {binding.link, is_ipv6(gateway) ? kEverywhere6 : kEverywhere4, gateway, binding.metric});
    }
}

void Uplinks::plan_lease(const Binding& binding, UplinkPlan& plan) const {
    const Progress& at = progress(binding);
    if (!at.lease) return;
    // pppd itself has put the address of its session.
    const bool is_session = binding.link != binding.below;
    if (!is_session)
        plan.addresses.emplace(NetAddress{binding.link, at.lease->address, binding.metric}, at.lease_until);
    for (const LeasedRoute& route : at.lease->routes) {
        plan.routes.insert({binding.link, route.destination,
                            route.gateway ? std::optional<net::IpAddress>{*route.gateway} : std::nullopt,
                            binding.metric});
    }
}

void Uplinks::plan_binding(const Binding& binding, UplinkPlan& plan) const {
    const UplinkConfig* const wanted = config(binding);
    plan.up.insert(binding.base);
    if (binding.below != binding.base) {
        plan.vlans[binding.below] = {binding.base, *wanted->vlan};
        plan.up.insert(binding.below);
    }
    if (wanted != nullptr && wanted->wifi) plan.wifi[binding.base] = networks(binding.base);
    const bool is_fixed = wanted != nullptr && wanted->fixed.has_value();
    const bool is_session = binding.link != binding.below;
    plan.ra_metrics[binding.link] = is_fixed ? 0 : binding.metric;
    if (const unsigned attempt = progress(binding).ipv6_attempt; attempt > 0 && !is_session && !is_fixed)
        plan.ipv6[binding.link] = attempt;
    if (is_fixed) {
        plan_fixed(binding, plan);
        return;
    }
    plan_lease(binding, plan);
    if (!wants_client(binding)) return;
    if (is_session) {
        plan.pppoe[binding.below] = {binding.link, *wanted->pppoe};
    } else {
        plan.dhcp[binding.link] = progress(binding).attempt;
    }
}

void Uplinks::plan_servers(UplinkPlan& plan) const {
    // A provider's name server answers only its own customers: those of the uplinks in use alone are asked.
    for (const bool ipv6 : {true, false}) {
        const Binding* const used = in_use(ipv6);
        if (used == nullptr) continue;
        const Progress& at = progress(*used);
        if (const UplinkConfig* const wanted = config(*used); wanted != nullptr && wanted->fixed) {
            for (const net::IpAddress& server : wanted->fixed->dns)
                if (is_ipv6(server) == ipv6) add_once(plan.dns, NameServer{server, {}});
        }
        if (ipv6) {
            for (const net::Ipv6Address& server : at.ipv6_dns)
                add_once(plan.dns, NameServer{server, server.is_link_local() ? used->link : ""});
        } else if (at.lease) {
            for (const net::Ipv4Address& server : at.lease->dns) add_once(plan.dns, NameServer{server, {}});
        }
    }
    for (const Binding& binding : bindings_) {
        const Progress& at = progress(binding);
        if (!at.carrier || !at.lease) continue;
        for (const net::Ipv4Address& server : at.lease->time_servers)
            add_once(plan.time_servers, net::IpAddress{server});
    }
}

UplinkPlan Uplinks::plan() const {
    UplinkPlan plan;
    for (const Binding& binding : bindings_) plan_binding(binding, plan);
    plan_servers(plan);
    for (const std::string& lan : setup_.gateway_lans) plan.ra_metrics[lan] = 0;
    return plan;
}

UplinkReport Uplinks::report(const Binding& binding) const {
    using State = UplinkReport::State;
    const Progress& at = progress(binding);
    const UplinkConfig* const wanted = config(binding);
    UplinkReport out{binding.link, kind_name(binding.kind), State::down, {}};
    if (!at.carrier) {
        const auto complaint = complaints_.find(binding.base);
        const bool has_complaint = complaint != complaints_.end() && !complaint->second.empty();
        if (binding.kind == Kind::wifi) {
            std::string names;
            for (const auto& network : networks(binding.base))
                names += (names.empty() ? "" : " or ") + quote(network.ssid);
            out.reason = "not connected to " + names;
            if (has_complaint) out.reason += ": " + complaint->second;
        } else {
            out.reason = binding.kind == Kind::usb ? "no network from the device" : "no cable";
        }
        return out;
    }
    std::string have;
    const auto say = [&](const std::string& text) { have += (have.empty() ? "" : ", ") + text; };
    if (wanted != nullptr && wanted->fixed) {
        for (const auto& address : wanted->fixed->addresses) say(net::to_string(address));
    } else if (at.lease) {
        say(net::to_string(at.lease->address));
    }
    const bool ipv4 = works_ipv4(binding);
    const bool ipv6 = works_ipv6(binding);
    if (ipv6) say("IPv6");
    if (!ipv4 && !ipv6) {
        out.state = State::waiting;
        const bool session = binding.link != binding.below;
        const char* const what =
            have.empty() ? (session ? "waiting for the provider (PPPoE)" : "waiting for an address")
                         : "no internet access from there";
        out.reason = have.empty() ? what : have + ": " + what;
        return out;
    }
    out.reason = have;
    const bool used = in_use(false) == &binding || in_use(true) == &binding;
    out.state = used ? State::in_use : State::standby;
    return out;
}

std::vector<UplinkReport> Uplinks::reports() const {
    std::vector<UplinkReport> out;
    for (const Binding& binding : bindings_) out.push_back(report(binding));
    for (const std::size_t rank : missing_) {
        const UplinkConfig& wanted = setup_.uplinks[rank];
        const bool any = wanted.interface.empty();
        out.push_back({any ? "usb" : wanted.interface, kind_name(wanted.kind), UplinkReport::State::down,
                       any ? "nothing is plugged in" : "the interface does not exist"});
    }
    return out;
}

}  // namespace ulagate::appliance
