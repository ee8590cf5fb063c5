// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "firewall/checkpoints.h"

namespace ulagate {

// What the counters of the firewall's checkpoints mean: whether what comes in by a passage gets out of it,
// and where it is lost if it does not. Probes settle it; where none can be made, real traffic does. Pure.
class PassageCheck {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    // Packets since the table was made, by Checkpoint.
    using Counts = std::array<std::uint64_t, std::size(firewall::kCheckpoints)>;

    enum class Lost {
        before_routing,  // a prerouting filter, or something before: then nothing came
        by_routing,      // not forwarded at all, or by another route
        behind,          // a filter behind that: forward and postrouting, or input
    };
    struct Finding {
        Lost where = Lost::behind;
        std::uint64_t packets = 0;  // that came and did not leave
        bool operator==(const Finding&) const = default;
    };

    // The counters of now, about once a second. Counters that went back are those of a new table.
    void note(const firewall::Passage& passage, const Counts& counts, TimePoint now);
    // All is unknown again.
    void forget() { passages_.clear(); }

    // nullopt: what comes gets out, or nothing comes. `probed`: probes were sent all the while; without ours,
    // what looks like some is a stranger's, who may well send what our own rules drop.
    [[nodiscard]] std::optional<Finding> finding(const firewall::Passage& passage, bool probed = true) const;
    // Real traffic came, and none left, whatever probes say.
    [[nodiscard]] bool loses_traffic(const firewall::Passage& passage) const;

private:
    struct Sample {
        TimePoint when;
        Counts counts{};
    };
    struct State {
        std::deque<Sample> samples;      // at least over the window, the oldest first
        bool ever_came = false;          // a probe of ours
        std::optional<Finding> traffic;  // by real traffic alone
        TimePoint traffic_until;
    };
    // Probes have come by some passage lately, so that they do where nothing is in their way.
    [[nodiscard]] bool any_came() const;
    [[nodiscard]] static std::optional<Finding> judge(firewall::Passage::Kind kind, const Counts& grown);
    std::map<firewall::Passage, State> passages_;
};

}  // namespace ulagate
