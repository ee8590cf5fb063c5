// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon's LANs know of it, and what it makes of theirs.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/service.h"

namespace ulagate {
namespace {

Service::TimePoint now() { return std::chrono::steady_clock::now(); }

}  // namespace

void Service::update_lans() {
    const Have& have = reconciler_->have();
    for (const auto& lan : lans_) {
        lan->set_deductions(deductions(lan->port().config()));
        lan->set_links(have.links, have.addresses);
    }
}

// What the LANs have become: which virtual addresses are ours, and what the relays are to know.
void Service::take_lan_states() {
    if (!edge_control_) return note_reachable();
    std::set<std::string> active;
    std::vector<wg::control::LanPart> parts;
    for (const auto& lan : lans_) {
        const LanPort& port = lan->port();
        wg::control::LanPart part{port.config().prefix, wg::control::Part::active, 100};
        if (port.wants_address()) active.insert(port.config().interface);
        if (const vrrp::Machine* machine = port.machine()) {
            part.priority = machine->priority();
            const bool leaves = hand_over_until_ || withdrawing_;
            if (machine->state() != vrrp::State::active)
                part.part = leaves ? wg::control::Part::leaving : wg::control::Part::standby;
        }
        // While it hands over, the router goes on forwarding: that the LAN is silent then is no fault.
        if (port.link_dead() && !hand_over_until_) part.part = wg::control::Part::unfit;
        parts.push_back(part);
    }
    facts_.active_lans = std::move(active);
    edge_control_->set_lans(parts);
    note_reachable();
    note_own_part();
}

void Service::note_reachable() {
    for (const RelayConfig& relay : config_.relays)
        talk_->set_reachable(relay.name, peer_of(relay) != nullptr);
}

void Service::announce_again(const net::Ipv6Prefix& prefix) {
    for (const auto& lan : lans_) {
        if (lan->port().config().prefix == prefix) lan->announce_again();
    }
}

bool Service::any_relay_reachable() const {
    return std::any_of(config_.relays.begin(), config_.relays.end(),
                       [&](const RelayConfig& relay) { return is_reachable(relay); });
}

// What makes this router worth less than another one that has no such trouble.
std::vector<Deduction> Service::deductions(const LanConfig& lan) const {
    std::vector<Deduction> out;
    if (!lan.vrrp) return out;
    const auto deduct = [&](bool trouble, std::uint8_t amount, std::string reason) {
        if (trouble && amount > 0) out.push_back({std::move(reason), amount});
    };
    deduct(!any_relay_reachable(), lan.vrrp->no_tunnel, "no relay can be reached");
    deduct(!facts_.uplink, lan.vrrp->no_uplink, "no default route");
    for (const TrackedInterface& tracked : lan.vrrp->tracked) {
        const auto link = reconciler_->have().links.find(tracked.name);
        const bool works = link != reconciler_->have().links.end() && link->second.running;
        deduct(!works, tracked.deduction, fmt::format("interface {} has no carrier", tracked.name));
    }
    return out;
}

// After a stall the LANs look first: the kernel may have removed an address meanwhile, and another router may
// have it.
void Service::renew_leases() {
    for (const auto& lan : lans_) lan->catch_up();
    const std::set<std::string> before = facts_.active_lans;
    take_lan_states();
    if (facts_.active_lans != before) reconcile();
    const Reconciler::Report renewed = reconciler_->renew_leases(now);
    report(renewed);
    if (!renewed.failed.empty()) return;
    for (const auto& lan : lans_) {
        if (lan->port().machine() == nullptr) continue;
        const AddressKey key{lan->port().speaking_interface(),
                             {lan->port().machine()->config().address, 128}};
        if (reconciler_->have().addresses.contains(key)) lan->address_renewed();
    }
}

}  // namespace ulagate
