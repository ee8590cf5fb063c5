// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/host.h"

#include <algorithm>
#include <span>
#include <utility>

#include "ra/message.h"
#include "vrrp/neighbor.h"

namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::byte kNeighborAdvertisement{136};
constexpr std::byte kSourceLinkAddress{1};

// The defaults of RFC 4861 section 10.
constexpr Duration kReachable = 30s;
constexpr Duration kDelayFirstProbe = 5s;
constexpr unsigned kMaxNeighborSolicitations = 3;
constexpr Duration kRouterSolicitationInterval = 4s;
constexpr unsigned kMaxRouterSolicitations = 3;

constexpr std::uint64_t kMaxWaiting = 100;

constexpr net::Ipv6Address kAllRouters{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

}  // namespace

void Host::boot(TimePoint now) {
    route_until_.reset();
    state_ = State::none;
    link_address_.reset();
    waiting_ = 0;
    neighbor_timer_ = TimePoint::max();
    router_tries_ = 0;
    router_timer_ = now + setup_.dice->between(0s, 1s);
    next_packet_ = now + setup_.dice->between(0s, setup_.period);
}

// The next packet wakes us only if it makes a difference: when the next hop is not known, or is to be
// doubted.
TimePoint Host::wake() const {
    const TimePoint timer = std::min(neighbor_timer_, router_timer_);
    if (!has_route(next_packet_) || state_ == State::delay || state_ == State::probe) return timer;
    TimePoint packet = next_packet_;
    if (state_ == State::reachable && packet < reachable_until_) {
        const Duration wait = reachable_until_ - packet + setup_.period - Duration{1};
        packet += wait / setup_.period * setup_.period;
    }
    return std::min(timer, packet);
}

void Host::run(TimePoint now) {
    count_packets(now);
    if (now >= neighbor_timer_) on_neighbor_timer(now);
    if (now >= router_timer_) solicit_router(now);
    if (now >= next_packet_) {
        send_packet(now);
        next_packet_ += setup_.period;
    }
}

void Host::look_again(TimePoint now) {
    count_packets(now);
    carried_ = link_address_ && setup_.carries(*link_address_);
}

// Those before `end`, which all change nothing.
void Host::count_packets(TimePoint end) {
    if (route_until_) count_packets(std::min(end, *route_until_), carried_);
    count_packets(end, false);
}

void Host::count_packets(TimePoint end, bool arrive) {
    if (next_packet_ >= end) return;
    const auto packets = (end - next_packet_ - Duration{1}) / setup_.period + 1;
    const TimePoint first = next_packet_;
    next_packet_ += packets * setup_.period;
    flow_.sent += static_cast<std::uint64_t>(packets);
    if (arrive) return arrived(first);
    lost(static_cast<std::uint64_t>(packets), first, next_packet_ - setup_.period);
}

void Host::receive(const Frame& frame, TimePoint now) {
    if (frame.to ? *frame.to != setup_.mac
                 : !frame.destination.is_multicast() && frame.destination != setup_.address)
        return;
    count_packets(now);
    if (frame.source != setup_.router && frame.bytes.front() == kRouterAdvertisement) return;
    if (frame.bytes.front() == kRouterAdvertisement) hear_router(frame, now);
    if (frame.bytes.front() == kNeighborAdvertisement) hear_neighbor(frame, now);
}

void Host::hear_router(const Frame& frame, TimePoint now) {
    const auto parsed = ra::parse_router_advertisement(frame.bytes, {frame.source, frame.destination, 255});
    if (!parsed) return;
    router_timer_ = TimePoint::max();
    for (const ra::Option& option : parsed->options) {
        if (const auto* route = std::get_if<ra::RouteInformation>(&option)) {
            route_until_ = now + route->lifetime;
        } else if (const auto* source = std::get_if<ra::SourceLinkLayerAddress>(&option)) {
            // RFC 4861 section 6.3.4: another address than the cached one makes the entry stale.
            if (source->address != link_address_) learn(source->address, State::stale, now);
        }
    }
}

// RFC 4861 section 7.2.5
void Host::hear_neighbor(const Frame& frame, TimePoint now) {
    constexpr std::size_t kFlags = 4;
    constexpr std::size_t kTarget = 8;
    constexpr std::size_t kLinkAddress = 26;
    if (frame.bytes.size() < kLinkAddress + 6 || state_ == State::none) return;
    const std::span bytes{frame.bytes};
    const auto same = [](std::byte a, std::uint8_t b) { return std::to_integer<std::uint8_t>(a) == b; };
    if (!std::equal(setup_.router.bytes.begin(), setup_.router.bytes.end(), bytes.begin() + kTarget,
                    [&](std::uint8_t a, std::byte b) { return same(b, a); }))
        return;
    net::MacAddress mac;
    std::transform(bytes.begin() + kLinkAddress, bytes.begin() + kLinkAddress + 6, mac.bytes.begin(),
                   std::to_integer<std::uint8_t>);
    const auto flags = std::to_integer<unsigned>(frame.bytes.at(kFlags));
    const bool router = (flags & 0x80U) != 0;
    const bool solicited = (flags & 0x40U) != 0;
    const bool override = (flags & 0x20U) != 0;
    if (!router) route_until_.reset();
    if (state_ == State::incomplete) {
        learn(mac, solicited ? State::reachable : State::stale, now);
    } else if (mac != link_address_ && !override) {
        if (state_ == State::reachable) learn(*link_address_, State::stale, now);
    } else if (solicited) {
        learn(mac, State::reachable, now);
    } else if (mac != link_address_) {
        learn(mac, State::stale, now);
    }
}

void Host::learn(const net::MacAddress& mac, State state, TimePoint now) {
    link_address_ = mac;
    carried_ = setup_.carries(mac);
    state_ = state;
    neighbor_timer_ = TimePoint::max();
    reachable_until_ = now + setup_.dice->between(kReachable / 2, kReachable * 3 / 2);
    const std::uint64_t waiting = std::exchange(waiting_, 0);
    if (waiting > 0 && carried_) arrived(now);
    if (waiting > 0 && !carried_) lost(waiting, now, now);
}

void Host::send_packet(TimePoint now) {
    ++flow_.sent;
    if (!has_route(now)) return lost(1, now, now);
    if (state_ == State::none) {
        state_ = State::incomplete;
        neighbor_tries_ = 0;
        solicit_neighbor(now);
    }
    if (state_ == State::incomplete) {
        if (waiting_ == kMaxWaiting) return lost(1, now, now);
        ++waiting_;
        return;
    }
    if (state_ == State::reachable && now >= reachable_until_) state_ = State::stale;
    if (state_ == State::stale) {
        state_ = State::delay;
        neighbor_timer_ = now + kDelayFirstProbe;
    }
    if (carried_) return arrived(now);
    lost(1, now, now);
}

void Host::arrived(TimePoint first) {
    if (first_lost_) flow_.longest_gap = std::max(flow_.longest_gap, first - *first_lost_);
    first_lost_.reset();
}

void Host::lost(std::uint64_t packets, TimePoint first, TimePoint last) {
    flow_.lost += packets;
    if (!first_lost_) first_lost_ = first;
    flow_.longest_gap = std::max(flow_.longest_gap, last - *first_lost_);
}

void Host::on_neighbor_timer(TimePoint now) {
    if (state_ == State::delay) {
        state_ = State::probe;
        neighbor_tries_ = 0;
    }
    if (neighbor_tries_ < kMaxNeighborSolicitations) return solicit_neighbor(now);
    neighbor_timer_ = TimePoint::max();
    state_ = State::none;
    link_address_.reset();
    if (const std::uint64_t waiting = std::exchange(waiting_, 0); waiting > 0) lost(waiting, now, now);
}

// RFC 4861 section 4.3: to the known link-layer address to see whether it is still right, to all to find it.
void Host::solicit_neighbor(TimePoint now) {
    ++neighbor_tries_;
    neighbor_timer_ = now + kRetransTimer;
    Frame frame{setup_.mac, {}, setup_.address, setup_.router, kIcmpv6, {}};
    if (state_ == State::probe) frame.to = link_address_;
    frame.bytes.assign(8, std::byte{0});
    frame.bytes.front() = kNeighborSolicitation;
    for (const std::uint8_t byte : setup_.router.bytes) frame.bytes.push_back(std::byte{byte});
    frame.bytes.push_back(kSourceLinkAddress);
    frame.bytes.push_back(std::byte{1});
    for (const std::uint8_t byte : setup_.mac.bytes) frame.bytes.push_back(std::byte{byte});
    setup_.send(std::move(frame));
}

void Host::solicit_router(TimePoint now) {
    ++router_tries_;
    router_timer_ =
        router_tries_ < kMaxRouterSolicitations ? now + kRouterSolicitationInterval : TimePoint::max();
    setup_.send({setup_.mac,
                 {},
                 setup_.address,
                 kAllRouters,
                 kIcmpv6,
                 ra::build(ra::RouterSolicitation{setup_.mac})});
}

}  // namespace ulagate::sim
