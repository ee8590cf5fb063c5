// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "image/appliance/clock/sntp_packet.h"

namespace ulagate::appliance {

// What time servers say about our clock.
struct ClockSample {
    std::chrono::nanoseconds offset{0};  // to be added to our clock
    std::chrono::nanoseconds delay{0};   // of the way there and back
    net::IpAddress server;
    std::size_t answers = 1;   // of which this one is the middle
    std::size_t agreeing = 1;  // of these, with this one among them
    bool operator==(const ClockSample&) const = default;
};

// Asks time servers, a few at a time, and takes the middle of their answers: one that lies does not move it.
// Often until one has answered, then every quarter of an hour. Time, randomness and packets are arguments.
class SntpClient {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Random = std::function<std::uint64_t()>;
    struct Now {
        TimePoint steady;
        WallTime wall;
    };
    struct Question {
        net::IpAddress server;
        std::vector<std::byte> packet;
    };

    explicit SntpClient(Random random) : random_(std::move(random)) {}

    // In order of preference. The same list again is not news.
    void set_servers(const std::vector<net::IpAddress>& servers, TimePoint now);
    // The uplink has changed, so what failed may work now.
    void on_network_change(TimePoint now);

    // Ends a round whose time is over, or begins one. A sample at most once a round.
    struct Turn {
        std::vector<Question> questions;
        std::optional<ClockSample> sample;
    };
    Turn on_deadline(Now now);
    // An answer; what is not one is ignored, and the reason returned.
    Result<Turn> on_packet(const net::IpAddress& from, std::span<const std::byte> packet, Now now);
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }

private:
    struct Asked {
        NtpTime cookie;
        Now sent;
        std::optional<ClockSample> answer;
        bool done = false;
    };
    std::vector<Question> begin_round(Now now);
    std::optional<ClockSample> end_round(TimePoint now);
    [[nodiscard]] bool all_done() const;

    Random random_;
    std::vector<net::IpAddress> servers_;
    std::set<net::IpAddress> refused_;  // kiss-o'-death: not asked again while the list is the same
    std::size_t next_ = 0;              // where the next round begins in the list
    std::map<net::IpAddress, Asked> round_;
    bool in_round_ = false;
    std::optional<TimePoint> deadline_;
    unsigned failures_ = 0;
    unsigned successes_ = 0;
};

}  // namespace ulagate::appliance
