// SPDX-License-Identifier: GPL-2.0-or-later
// Which addresses a router of a LAN holds there, and what it does when somebody else claims one of them.
#include <algorithm>
#include <iterator>
#include <vector>

#include "daemon/lan/router.h"

namespace ulagate {

void LanRouter::follow_addresses(const Addresses& addresses) {
    const auto kept = config_.vrrp ? virtual_addresses(config_) : std::vector<AddressKey>{};
    const auto add = [&](const std::string& link, bool is_virtual) {
        for (auto it = addresses.lower_bound({link, {}}); it != addresses.end() && it->first.link == link;
             ++it) {
            const AddressState& state = it->second;
            const bool virtual_one = std::find(kept.begin(), kept.end(), it->first) != kept.end();
            if (virtual_one == is_virtual && !state.tentative && !state.duplicate && held_.size() < kMostHeld)
                held_.push_back({it->first.address.address, virtual_one});
        }
    };
    held_.clear();
    add(sending_interface(), true);
    add(config_.interface, false);
}

std::vector<net::Ipv6Address> LanRouter::held_addresses() const {
    std::vector<net::Ipv6Address> out;
    std::transform(held_.begin(), held_.end(), std::back_inserter(out),
                   [](const Held& each) { return each.address; });
    return out;
}

// Hosts are told again, which costs the link what the claim did. A host that has taken the address for no
// router's drops its routes through it (RFC 4861 section 7.2.5), and only an advertisement brings them back.
void LanRouter::on_claim(const ra::NeighborAdvertisement& advertisement, const ra::PacketInfo& info,
                         TimePoint now, LanActions& out) {
    if (!info.link_source || !self_) return;
    const net::MacAddress mac = advertisement.target_link_layer_address.value_or(*info.link_source);
    if (own_macs_.contains(mac)) return;  // what a router of the same virtual MAC says
    const auto held = std::find_if(held_.begin(), held_.end(),
                                   [&](const Held& each) { return each.address == advertisement.target; });
    if (held == held_.end()) return;
    const bool from_own = !held->is_virtual;
    if (!from_own && (!source_ || leaving())) return;  // another router's, now or soon
    const auto link_address = from_own ? mac_ : source_->link_address;
    if (!link_address || !claims_.heard({advertisement.target, mac, *info.link_source}, now)) return;
    out.emplace_back(SendNeighbor{advertisement.target, *link_address, from_own});
    if (source_ && source_->address == advertisement.target && !advertisement.router) advertiser_.remind(now);
}

}  // namespace ulagate
