// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/turn_record.h"

#include <fmt/format.h>

#include <utility>

namespace ulagate {
namespace {

using std::chrono::microseconds;

constexpr std::chrono::minutes kMinute{1};
constexpr std::chrono::seconds kLineEvery{60};

double in_milliseconds(microseconds time) { return static_cast<double>(time.count()) / 1000; }

}  // namespace

void TurnRecord::begin(const char* name, const Reading& now) {
    if (frames_.empty()) current_ = {};
    frames_.push_back({name, now, {}});
}

bool TurnRecord::end(const Reading& now) {
    if (frames_.empty()) return false;
    const Frame frame = frames_.back();
    frames_.pop_back();
    const microseconds length = now.wall - frame.begun.wall;
    const microseconds alone = length - frame.parts;
    if (alone > current_.alone) {
        current_.alone = alone;
        current_.part = frame.name;
    }
    if (!frames_.empty()) {
        frames_.back().parts += length;
        return false;
    }
    current_.wall = length;
    current_.processor = now.processor - frame.begun.processor;
    current_.waits = now.waits - frame.begun.waits;
    current_.what = frame.name;
    if (now.wall >= minute_begun_ + kMinute) {
        const bool next = now.wall < minute_begun_ + 2 * kMinute;
        minute_before_ = next ? std::move(minute_) : Turn{};
        minute_ = {};
        minute_begun_ = now.wall;
    }
    if (length > minute_.wall) minute_ = current_;
    if (length > longest_.wall) longest_ = current_;
    if (length <= kLimit) return false;
    ++too_long_;
    ++untold_count_;
    if (length > untold_.wall) untold_ = current_;
    return true;
}

const TurnRecord::Turn& TurnRecord::longest_lately() const {
    return minute_.wall > minute_before_.wall ? minute_ : minute_before_;
}

std::optional<std::string> TurnRecord::take_line(microseconds wall) {
    if (untold_count_ == 0 || (told_at_ && wall < *told_at_ + kLineEvery)) return std::nullopt;
    told_at_ = wall;
    std::string line = to_string(std::exchange(untold_, {}));
    const std::uint64_t others = std::exchange(untold_count_, 0) - 1;
    if (others > 0) line += fmt::format("; {} more turns were over {} ms", others, kLimit.count());
    return line;
}

std::string to_string(const TurnRecord::Turn& turn) {
    return fmt::format(
        "the event loop was blocked for {:.0f} ms ({:.0f} ms of processor time, waited {} times) in {}, of "
        "that {:.0f} "
        "ms in {}",
        in_milliseconds(turn.wall), in_milliseconds(turn.processor), turn.waits, turn.what,
        in_milliseconds(turn.alone), turn.part);
}

}  // namespace ulagate
