// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace ulagate::log {

// syslog(3) numbers, so that journald understands the "<N>" in front of a line.
enum class Level { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

// Lines above this level are not written. Set once, at start.
void set_level(Level level);
bool enabled(Level level);

// One line to standard error: "<6>lan0 ra: advertising from fe80::5eed". Under systemd (JOURNAL_STREAM is
// set) with the level number in front, on a terminal with the time instead. A line break inside the text is
// written as a space, so that nothing from outside can forge a line. Never waits: what cannot be written now
// is lost, and the next line that can be is preceded by one with their number.
void write(Level level, std::string_view place, std::string_view text);

// The same within the limits of its kind (log_limit.h): what has no room is counted, and told later. Debug
// lines were asked for and have no limit.
void write_limited(Level level, std::string_view place, std::string_view format, std::string_view text);
// To be called each second or so: what was left out and has room now.
void tell_left_out();
// At the end: what was left out and not told.
void tell_rest();

template <class... Args>
void line(Level level, std::string_view place, fmt::format_string<Args...> format, Args&&... args) {
    if (!enabled(level)) return;
    const fmt::string_view kind = format;
    write_limited(level, place, {kind.data(), kind.size()}, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(std::string_view place, fmt::format_string<Args...> format, Args&&... args) {
    line(Level::error, place, format, std::forward<Args>(args)...);
}
template <class... Args>
void warning(std::string_view place, fmt::format_string<Args...> format, Args&&... args) {
    line(Level::warning, place, format, std::forward<Args>(args)...);
}
template <class... Args>
void notice(std::string_view place, fmt::format_string<Args...> format, Args&&... args) {
    line(Level::notice, place, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(std::string_view place, fmt::format_string<Args...> format, Args&&... args) {
    line(Level::info, place, format, std::forward<Args>(args)...);
}
template <class... Args>
void debug(std::string_view place, fmt::format_string<Args...> format, Args&&... args) {
    line(Level::debug, place, format, std::forward<Args>(args)...);
}

}  // namespace ulagate::log
