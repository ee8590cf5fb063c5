// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/token_bucket.h"

namespace ulagate::appliance {

// When a program that has ended is started again: after 1 s, and after twice as long each time up to a
// minute; who ran for a minute begins with 1 s again.
class Backoff {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    void on_start(TimePoint now) { started_ = now; }
    // When to start again.
    TimePoint on_end(TimePoint now);
    // In a row, up to now: none for who has run for a minute.
    [[nodiscard]] unsigned failures(bool running, TimePoint now) const;

private:
    TimePoint started_{};
    unsigned failures_ = 0;
};

// What a program says, cut into lines of bounded length, and not more lines than a log can take: a burst,
// then one each few seconds; what is left out is counted.
class OutputLines {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // The lines that are complete now. All of them are for whoever listens; `log` says how many of them may
    // be logged.
    struct Taken {
        std::vector<std::string> lines;
        std::vector<std::string> log;
    };
    Taken take(std::string_view bytes, TimePoint now);

private:
    std::string rest_;
    bool overlong_ = false;
    Budget log_{40, std::chrono::seconds{2}};
    std::size_t left_out_ = 0;
};

// What programs say at each turn: a DHCP client each second while nobody answers. No news.
bool is_chatter(std::string_view line);

}  // namespace ulagate::appliance
