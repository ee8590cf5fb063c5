// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <chrono>

namespace ulagate {

// How long an Active router that stops goes on forwarding for its successor, at most. A Backup waits for its
// skew time, which is nearly an interval where its priority is low (RFC 9568 section 6.1), and then has to
// claim the site at a relay. Whoever stops us has less patience than the longest interval: the firmware's
// first process 10 s, systemd 90 s.
constexpr std::chrono::milliseconds hand_over_limit(std::chrono::milliseconds longest_interval) {
    using namespace std::chrono_literals;
    return std::min<std::chrono::milliseconds>(2s + longest_interval, 8s);
}

}  // namespace ulagate
