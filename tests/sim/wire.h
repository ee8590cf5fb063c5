// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "daemon/base/address.h"
#include "tests/sim/dice.h"

namespace ulagate::sim {

using Station = std::size_t;  // a port of the switch
inline constexpr std::size_t kMaxRouters = 5;
inline constexpr std::size_t kMaxStations = 8;  // the routers first, then the hosts

inline constexpr std::uint8_t kIcmpv6 = 58;
inline constexpr std::byte kRouterAdvertisement{134};
inline constexpr std::byte kNeighborSolicitation{135};
inline constexpr Duration kRetransTimer = std::chrono::seconds{1};  // RFC 4861 section 10

// An Ethernet frame with an IPv6 packet, as far as anybody here looks into it.
struct Frame {
    net::MacAddress from;
    std::optional<net::MacAddress> to;  // nullopt: multicast
    net::Ipv6Address source;
    net::Ipv6Address destination;
    std::uint8_t protocol = 0;
    std::vector<std::byte> bytes;  // behind the IPv6 header
};

// The LAN: a switch, and a cable to each station. Frames get lost, take their time and overtake each other;
// the switch can fall apart into segments.
class Wire {
public:
    explicit Wire(Dice& dice, std::size_t routers, std::size_t stations);

    struct Quality {
        unsigned loss = 0;             // percent
        bool repeats_unicast = false;  // as Wi-Fi does: only multicast gets lost
        unsigned loss_run = 0;  // so many of a protocol in a row may be lost between two stations, not more
        Duration min_delay = std::chrono::microseconds{50};
        Duration max_delay = std::chrono::microseconds{300};
        bool reorders = true;
    };
    void set_quality(const Quality& quality) { quality_ = quality; }
    [[nodiscard]] const Quality& quality() const { return quality_; }
    void plug(Station station, bool in);
    [[nodiscard]] bool plugged(Station station) const { return plugged_.at(station); }
    // Stations with the same number hear each other.
    void set_segment(Station station, unsigned segment) { segment_.at(station) = segment; }
    [[nodiscard]] unsigned segment(Station station) const { return segment_.at(station); }
    [[nodiscard]] bool whole() const;
    [[nodiscard]] bool joined(Station a, Station b) const {
        return plugged_[a] && plugged_[b] && segment_[a] == segment_[b];
    }

    void send(Station from, Frame frame, TimePoint now);
    // Whether the switch sends frames for the virtual MAC from `from` to `to`: where it saw that MAC last.
    [[nodiscard]] bool forwards_virtual(Station from, Station to) const;
    // Another number whenever that may be otherwise while all cables stay as they are.
    [[nodiscard]] unsigned virtual_version() const { return virtual_version_; }

    struct Delivery {
        TimePoint at;
        std::uint64_t number = 0;
        Station from = 0;
        Station to = 0;
        std::shared_ptr<const Frame> frame;
    };
    [[nodiscard]] TimePoint next() const {
        return in_flight_.empty() ? TimePoint::max() : in_flight_.top().at;
    }
    Delivery take();

private:
    struct Later {
        bool operator()(const Delivery& a, const Delivery& b) const {
            return a.at != b.at ? a.at > b.at : a.number > b.number;
        }
    };
    using LossRuns = std::array<std::array<unsigned, kMaxStations>, kMaxStations>;
    bool loses(unsigned& run);

    Dice& dice_;
    std::size_t routers_;
    std::size_t stations_;
    Quality quality_;
    std::array<bool, kMaxStations> plugged_{};
    std::array<unsigned, kMaxStations> segment_{};
    std::array<std::array<TimePoint, kMaxStations>, kMaxStations> last_arrival_{};
    LossRuns vrrp_lost_{};  // in a row, by sender and receiver
    LossRuns icmpv6_lost_{};
    std::array<std::optional<TimePoint>, kMaxStations> virtual_mac_seen_{};
    std::optional<Station> virtual_mac_newest_;
    unsigned virtual_version_ = 0;
    std::priority_queue<Delivery, std::vector<Delivery>, Later> in_flight_;
    std::uint64_t number_ = 0;
};

}  // namespace ulagate::sim
