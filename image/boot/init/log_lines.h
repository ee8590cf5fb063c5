// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/token_bucket.h"

namespace ulagate::init {

// One line of a service.
struct LogLine {
    int level = 5;  // syslog(3)
    std::string text;
    bool operator==(const LogLine&) const = default;
};

// What a service writes, cut into lines: "<6>text". A line without a level is of a program that does not know
// ours, or its last words: notice. Never holds more than one line of limited length. Pure.
class LineCutter {
public:
    static constexpr std::size_t kMaxLine = 800;  // what a record of the kernel's log holds
    std::vector<LogLine> feed(std::string_view bytes);

private:
    std::string rest_;
};

// How much of a service's lines may go to the kernel's log, and so to a slow serial console. Pure.
class LogAllowance {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr unsigned kBurst = 100;
    static constexpr std::chrono::milliseconds kEach{200};

    // Whether this line may go there. `skipped`: how many could not since the last that could.
    bool take(TimePoint now, unsigned& skipped);

private:
    Budget budget_{kBurst, kEach};
    unsigned skipped_ = 0;
};

}  // namespace ulagate::init
