// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <ratio>

namespace ulagate::vrrp {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// The unit of intervals on the wire (RFC 9568 section 5.2.7). Timers are kept in Duration, which is finer.
using Centiseconds = std::chrono::duration<std::int32_t, std::centi>;

}  // namespace ulagate::vrrp
