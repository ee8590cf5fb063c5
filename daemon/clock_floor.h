// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ulagate {

// The time that this router's clock has certainly reached before: kept on disk, so that a machine without a
// battery clock knows after a power cut that it lives in the past. WireGuard's handshakes carry the time, and
// a relay ignores one that is older than the last it saw from us, without a word. Pure.
class ClockFloor {
public:
    using Time = std::chrono::sys_seconds;
    using TimePoint = std::chrono::steady_clock::time_point;

    // `text`: what the file held, "1795255267\n". False when that is no time; then there is no floor.
    bool load(std::string_view text);
    // What the clock says. `synchronised`: and the kernel was told that it is right (it is then believed,
    // also when it goes back).
    void update(Time clock, bool synchronised);
    // The clock is behind the floor, and nobody vouches for it.
    [[nodiscard]] bool behind() const { return behind_; }
    // Somebody has told the kernel that the clock is right.
    [[nodiscard]] bool vouched_for() const { return synchronised_; }
    // Both times and what to do, while it is behind; `file` is where the floor is kept.
    [[nodiscard]] std::string trouble(std::string_view file) const;

    // What to write now: at most every ten minutes, to spare a memory card; at once when the floor on disk
    // has turned out too high. `stopping`: the last chance. Never less than what is there unless
    // synchronised.
    std::optional<std::string> take_write(TimePoint now, bool stopping);

private:
    std::optional<Time> floor_;
    std::optional<Time> on_disk_;
    Time clock_{};
    std::optional<TimePoint> written_at_;
    bool behind_ = false;
    bool synchronised_ = false;
};

}  // namespace ulagate
