// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

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
    // Who says something about the clock.
    struct Sources {
        bool synchronised = false;  // a time service has told the kernel that it is right
        // What it is at the relays, by what they said inside their tunnels; the latest of them. nullopt: none
        // has said anything yet.
        std::optional<Time> relays;
        bool relays_speak = true;  // there is one that could (a plain relay cannot)
    };
    // What the clock says. A synchronised one is believed, also when it goes back. What relays say ends a
    // floor that was never right, and keeps a clock that is far ahead of theirs from becoming one; more than
    // a year ahead of all that was known is believed of two who say so.
    void update(Time clock, const Sources& sources);
    void update(Time clock, bool synchronised) { update(clock, Sources{synchronised, std::nullopt, false}); }
    // Far behind, and nobody sets the clock: a tunnel may be tried now and then. A relay that has never seen
    // the later time answers, and can say what time it is.
    [[nodiscard]] bool may_try(TimePoint now);
    // Why the floor was given up, once: for the log.
    [[nodiscard]] std::optional<std::string> take_correction() { return std::exchange(correction_, {}); }
    // The clock is behind the floor, and nobody vouches for it.
    [[nodiscard]] bool behind() const { return behind_; }
    // Somebody has told the kernel that the clock is right.
    [[nodiscard]] bool vouched_for() const { return synchronised_; }
    // It may be behind the last time that a relay saw, without anybody having noticed: nothing was on disk,
    // or the last life may have ended as long after that as it is written down.
    [[nodiscard]] bool may_be_behind() const;
    // Both times and what to do, while it is behind; `file` is where the floor is kept.
    [[nodiscard]] std::string problem(std::string_view file) const;

    // What to write now: at most every ten minutes, to spare a memory card; at once when the floor on disk
    // has turned out too high. `stopping`: the last chance. Never less than what is there unless
    // synchronised.
    std::optional<std::string> take_write(TimePoint now, bool stopping);

private:
    std::optional<Time> floor_;
    std::optional<Time> on_disk_;
    std::optional<Time> loaded_;
    Time clock_{};
    std::optional<TimePoint> written_at_;
    bool behind_ = false;
    bool synchronised_ = false;
    std::optional<TimePoint> behind_since_;
    std::optional<std::string> correction_;
};

}  // namespace ulagate
