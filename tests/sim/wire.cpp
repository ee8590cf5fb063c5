// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/wire.h"

#include <algorithm>
#include <utility>

#include "vrrp/packet.h"

namespace ulagate::sim {
namespace {

constexpr std::byte kNeighborAdvertisement{136};

bool is_virtual(const net::MacAddress& mac) { return mac.bytes[0] == 0 && mac.bytes[2] == 0x5e; }

}  // namespace

Wire::Wire(Dice& dice, std::size_t routers, std::size_t stations)
    : dice_(dice), routers_(routers), stations_(stations) {
    plugged_.fill(true);
}

void Wire::plug(Station station, bool in) {
    plugged_.at(station) = in;
    if (!in) virtual_mac_seen_.at(station).reset();
}

bool Wire::whole() const {
    return std::all_of(segment_.begin(), segment_.begin() + static_cast<std::ptrdiff_t>(stations_),
                       [](unsigned segment) { return segment == 0; });
}

void Wire::send(Station from, Frame frame, TimePoint now) {
    if (!plugged_.at(from)) return;
    if (is_virtual(frame.from)) {
        virtual_mac_seen_.at(from) = now;
        if (virtual_mac_newest_ != from) ++virtual_version_;
        virtual_mac_newest_ = from;
    }
    // Nobody else looks at them.
    const bool for_routers = frame.protocol == vrrp::kProtocol;
    const bool for_hosts = !for_routers && frame.bytes.at(0) == kNeighborAdvertisement;
    const auto shared = std::make_shared<const Frame>(std::move(frame));
    for (Station to = for_hosts ? routers_ : 0; to < (for_routers ? routers_ : stations_); ++to) {
        if (to == from || !joined(from, to)) continue;
        if (shared->to && is_virtual(*shared->to) && !forwards_virtual(from, to)) continue;
        const bool repeated = shared->to && quality_.repeats_unicast;
        if (!repeated && loses((for_routers ? vrrp_lost_ : icmpv6_lost_)[from][to])) continue;
        TimePoint at = now + dice_.between(quality_.min_delay, quality_.max_delay);
        TimePoint& last = last_arrival_[from][to];
        if (!quality_.reorders) at = std::max(at, last);
        last = std::max(at, last);
        in_flight_.push({at, number_++, from, to, shared});
    }
}

bool Wire::loses(unsigned& run) {
    const bool lost = quality_.loss > 0 && run < quality_.loss_run && dice_.chance(quality_.loss);
    run = lost ? run + 1 : 0;
    return lost;
}

bool Wire::forwards_virtual(Station from, Station to) const {
    std::optional<Station> best;
    for (Station port = 0; port < routers_; ++port) {
        if (!joined(from, port) || !virtual_mac_seen_.at(port)) continue;
        if (!best || *virtual_mac_seen_.at(port) > *virtual_mac_seen_.at(*best)) best = port;
    }
    return !best || *best == to;  // an unknown one is flooded
}

Wire::Delivery Wire::take() {
    Delivery delivery = in_flight_.top();
    in_flight_.pop();
    return delivery;
}

}  // namespace ulagate::sim
