// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <optional>

#include "tests/sim/wire.h"

namespace ulagate::sim {

// What became of the packets of one host.
struct Flow {
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;
    Duration longest_gap{0};  // from a packet that was lost to the next that was not
};

// A host as Linux is one: it learns the route into the overlay from Router Advertisements, finds the MAC
// address of its next hop by Neighbor Discovery, doubts it after a while (RFC 4861 section 7.3), and sends
// packets all the time. A packet costs nothing while the one before it fared the same: those are counted when
// something changes.
class Host {
public:
    struct Setup {
        net::MacAddress mac;
        net::Ipv6Address address;
        net::Ipv6Address router;  // the virtual router's, the only next hop there can be
        Duration period{};        // between two packets
        std::function<void(Frame)> send;
        std::function<bool(const net::MacAddress&)> carries;  // a packet to it gets to the overlay
        Dice* dice = nullptr;
    };
    explicit Host(Setup setup) : setup_(std::move(setup)) {}

    // Knows nothing, and asks for routers (RFC 4861 section 6.3.7).
    void boot(TimePoint now);
    void receive(const Frame& frame, TimePoint now);
    void run(TimePoint now);
    [[nodiscard]] TimePoint wake() const;
    // Something about the routers or the wire is otherwise from now on.
    void look_again(TimePoint now);

    [[nodiscard]] const Flow& flow() const { return flow_; }
    void forget_flow() {
        flow_ = {};
        first_lost_.reset();
    }
    [[nodiscard]] bool has_route(TimePoint now) const { return route_until_ && now < *route_until_; }
    // Where its packets go now.
    [[nodiscard]] const std::optional<net::MacAddress>& next_hop() const { return link_address_; }
    [[nodiscard]] const net::MacAddress& mac() const { return setup_.mac; }

private:
    enum class State : std::uint8_t { none, incomplete, reachable, stale, delay, probe };

    void hear_router(const Frame& frame, TimePoint now);
    void hear_neighbor(const Frame& frame, TimePoint now);
    void learn(const net::MacAddress& mac, State state, TimePoint now);
    void send_packet(TimePoint now);
    void count_packets(TimePoint end);
    void count_packets(TimePoint end, bool arrive);
    void arrived(TimePoint first);
    void lost(std::uint64_t packets, TimePoint first, TimePoint last);
    void on_neighbor_timer(TimePoint now);
    void solicit_neighbor(TimePoint now);
    void solicit_router(TimePoint now);

    Setup setup_;
    Flow flow_;
    std::optional<TimePoint> first_lost_;
    std::optional<TimePoint> route_until_;
    State state_ = State::none;
    std::optional<net::MacAddress> link_address_;
    bool carried_ = false;  // what is sent there
    TimePoint reachable_until_;
    TimePoint neighbor_timer_ = TimePoint::max();
    TimePoint router_timer_ = TimePoint::max();
    TimePoint next_packet_;  // all before it are counted
    unsigned neighbor_tries_ = 0;
    unsigned router_tries_ = 0;
    std::uint64_t waiting_ = 0;  // packets, for the next hop's link-layer address
};

}  // namespace ulagate::sim
