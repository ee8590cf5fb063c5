// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ulagate {

// Text that came from outside (a file, a packet, another process), made safe for a log line or a terminal:
// in quotes, control and non-ASCII bytes as \xNN, cut after `max` bytes.
std::string quote(std::string_view text, std::size_t max = 64);

// Takes the text up to the next separator, and that, off the front of `text`.
std::string_view take_word(std::string_view& text, char separator = ' ');

// "100ms", "30s", "5m", "4h", "1d"; a whole number and one unit, not negative. Nothing for anything else.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// The largest unit that expresses it exactly: 1800000 ms -> "30m".
std::string to_string(std::chrono::milliseconds duration);

// For people, rounded: "3.2 s", "4 min 10 s", "2 d 3 h".
std::string human_duration(std::chrono::milliseconds duration);

}  // namespace ulagate
