// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace ulagate::sim {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// All chance of one world: the same seed, the same day.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}

    // Both ends included.
    std::int64_t number(std::int64_t low, std::int64_t high) {
        const auto choices = static_cast<std::uint64_t>(high - low) + 1;
        return low + static_cast<std::int64_t>(engine_() % choices);
    }
    std::size_t below(std::size_t end) { return static_cast<std::size_t>(engine_() % end); }
    bool chance(unsigned percent) { return engine_() % 100 < percent; }
    Duration between(Duration low, Duration high) { return Duration{number(low.count(), high.count())}; }
    template <class T>
    const T& one_of(const std::vector<T>& choices) {
        return choices[below(choices.size())];
    }

private:
    std::mt19937_64 engine_;
};

}  // namespace ulagate::sim
