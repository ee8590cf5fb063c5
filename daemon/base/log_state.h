// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

#include "daemon/base/log.h"

namespace ulagate::log {

// As write_limited(), for what says in which of a few states something is. It may go to and fro every second,
// so all that is said of one `subject` at one place shares a few lines (Limit::kBurstOfStates), whatever the
// state and the level.
void write_state(Level level, std::string_view place, std::string_view subject, std::string_view text);

// The subject of all that is said of whether a relay's tunnel works: its place is the relay.
inline constexpr const char* kTunnel = "tunnel";

template <class... Args>
void state(Level level, std::string_view place, std::string_view subject, fmt::format_string<Args...> format,
           Args&&... args) {
    if (enabled(level)) write_state(level, place, subject, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace ulagate::log
