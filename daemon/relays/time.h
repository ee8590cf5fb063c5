// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ulagate {

// What time it is at the relays, for others on this machine: a file under /run that holds their clock and
// ours that nobody sets, of the same moment, so that it is true as long as the machine runs. "1795255267
// 1234\n"
struct RelayTime {
    using Time = std::chrono::sys_seconds;
    using TimePoint = std::chrono::steady_clock::time_point;

    Time relays;
    std::chrono::seconds at{0};  // of steady_clock

    static RelayTime of(Time relays, TimePoint now);
    [[nodiscard]] Time time(TimePoint now) const;
    [[nodiscard]] std::string text() const;
    static std::optional<RelayTime> parse(std::string_view text);
    bool operator==(const RelayTime&) const = default;
};

}  // namespace ulagate
