// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "wg/control/message.h"

namespace ulagate::wg::control {

// The last probes of one path, and what follows from them: whether it lives, how long a round trip takes, how
// many were lost. When to send is for others to decide.
class ProbeHistory {
public:
    static constexpr unsigned kMissesUntilDown = 3;
    static constexpr std::size_t kSamples = 32;

    // A probe leaves now. True: with it the path has gone down; that many in a row had no answer.
    bool on_sent(std::uint64_t id, TimePoint now);
    // Its answer. False: none of ours, or the second one.
    bool on_answer(std::uint64_t id, TimePoint now);
    // The path is not alive any more, for a reason of its own.
    void set_down() { alive_ = false; }
    void clear();  // but for the round trip times

    [[nodiscard]] bool alive() const { return alive_; }  // since an answer, until too many are missing
    [[nodiscard]] unsigned misses() const { return misses_; }
    [[nodiscard]] bool awaits_answer() const { return !heard_; }
    [[nodiscard]] std::optional<Duration> last_round_trip() const { return last_; }
    [[nodiscard]] std::optional<Duration> round_trip() const { return smoothed_; }  // RFC 6298 section 2

    struct Loss {
        unsigned probes = 0;  // of the last ones, those old enough to judge
        unsigned lost = 0;
        bool operator==(const Loss&) const = default;
    };
    [[nodiscard]] Loss loss(TimePoint now) const;
    // Of the same probes, the oldest first; nullopt: no answer.
    [[nodiscard]] std::vector<std::optional<Duration>> round_trips(TimePoint now) const;

private:
    struct Sample {
        std::uint64_t id = 0;
        TimePoint sent;
        std::optional<Duration> round_trip;
    };
    static bool judged(const Sample& sample, TimePoint now);

    std::deque<Sample> samples_;
    bool alive_ = false;
    bool heard_ = true;  // since the last one was sent; before the first one nothing is missed
    unsigned misses_ = 0;
    std::optional<Duration> last_;
    std::optional<Duration> smoothed_;
};

}  // namespace ulagate::wg::control
