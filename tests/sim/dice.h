// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ulagate::sim {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// All chance of one world: the same seed, the same day.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    // Both ends included.
    std::int64_t number(std::int64_t low, std::int64_t high) {
        const auto choices = static_cast<std::uint64_t>(high - low) + 1;
        return low + static_cast<std::int64_t>(draw() % choices);
    }
    std::size_t below(std::size_t end) { return static_cast<std::size_t>(draw() % end); }
    bool chance(unsigned percent) { return draw() % 100 < percent; }
    Duration between(Duration low, Duration high) { return Duration{number(low.count(), high.count())}; }
    template <class T>
    const T& one_of(const std::vector<T>& choices) {
        return choices[below(choices.size())];
    }

private:
    // SplitMix64: a day draws tens of millions, and the standard's engines cost more than what they decide.
    std::uint64_t draw() {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
        return mixed ^ (mixed >> 31U);
    }

    std::uint64_t state_;
};

}  // namespace ulagate::sim
