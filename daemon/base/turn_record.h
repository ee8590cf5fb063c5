// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ulagate {

// How long the loop's turns took, and in which part: while one lasts, no address is renewed, no advertisement
// sent and no packet answered. Only counts what it is told; no clock, no log.
class TurnRecord {
public:
    // From some start that does not matter.
    struct Reading {
        std::chrono::microseconds wall{0};
        std::chrono::microseconds processor{0};  // of this thread
        std::uint64_t waits = 0;                 // how often this thread gave the processor up by itself
    };
    struct Turn {
        std::chrono::microseconds wall{0};
        std::chrono::microseconds processor{0};
        std::uint64_t waits = 0;
        std::string what;                    // the handler
        std::string part;                    // of it, the one that took longest
        std::chrono::microseconds alone{0};  // what that part took, without parts of its own
    };
    // A turn that takes longer is late for somebody: an advertisement each 100 ms leaves this much room.
    static constexpr std::chrono::milliseconds kLimit{20};

    // Parts may have parts. The outermost is the turn.
    void begin(const char* name, const Reading& now);
    // True when a turn has ended that was longer than kLimit.
    bool end(const Reading& now);

    // Since the start.
    [[nodiscard]] const Turn& longest() const { return longest_; }
    [[nodiscard]] std::uint64_t too_long() const { return too_long_; }
    // In the last one to two minutes.
    [[nodiscard]] const Turn& longest_lately() const;
    // The worst of the turns over the limit since the last line, at most one line each ten seconds.
    std::optional<std::string> take_line(std::chrono::microseconds wall);

private:
    struct Frame {
        const char* name;
        Reading begun;
        std::chrono::microseconds parts{0};
    };
    std::vector<Frame> frames_;
    Turn current_;
    Turn longest_;
    Turn minute_;  // of the minute that began at minute_begun_
    Turn minute_before_;
    std::chrono::microseconds minute_begun_{0};
    std::uint64_t too_long_ = 0;
    Turn untold_;
    std::uint64_t untold_count_ = 0;
    std::optional<std::chrono::microseconds> told_at_;
};

// "the event loop was blocked for 143 ms (12 ms of processor time, waited once) in tick, of that 130 ms in
// kernel links"
std::string to_string(const TurnRecord::Turn& turn);

// A part of a turn, as long as it lives. Its name must live for ever.
class TurnPart {
public:
    explicit TurnPart(const char* name);
    TurnPart(const TurnPart&) = delete;
    TurnPart& operator=(const TurnPart&) = delete;
    TurnPart(TurnPart&&) = delete;
    TurnPart& operator=(TurnPart&&) = delete;
    ~TurnPart();
};

// Of this thread: the one that the loop runs in. As with the log, a record that had to be passed to every
// function would hide what they really need.
TurnRecord& turns();

}  // namespace ulagate
