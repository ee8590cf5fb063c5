// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

namespace ulagate::appliance {

// When the state goes to the card: soon when there is a file that was not there before (a key, an identity),
// otherwise at most once a minute, and every ten minutes for the clock's sake. Pure.
class SavePolicy {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // What was there at start is on the card already.
    SavePolicy(std::set<std::string> known, TimePoint now);
    // A file has been written or removed.
    void on_change(const std::string& file, TimePoint now);
    void on_saved(TimePoint now);
    [[nodiscard]] TimePoint deadline() const { return deadline_; }

private:
    std::set<std::string> known_;
    TimePoint saved_at_;
    TimePoint deadline_;
};

// How far ahead of the clock the state says that it is: until the next save is due, any time up to there may
// be used in a handshake, and a start after a power cut must not be before it.
inline constexpr std::chrono::minutes kClockLease{11};

}  // namespace ulagate::appliance
