// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/base/result.h"

namespace ulagate {

// What the kernel has refused, and when it is tried again: after half a second, and after twice as long each
// time up to half a minute. For whoever changes the kernel, the daemon and the firmware alike. Pure.
class Problems {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    struct Problem {
        std::string what;
        Error error;
        unsigned attempts = 0;
        TimePoint retry_at;
    };
    struct Failed {
        std::string what;
        Error error;
        bool first = false;  // not a repetition: worth a log line
        std::chrono::milliseconds retry_in{0};
    };

    // `subject` is the same for the same thing again and again; `what` is for people.
    Failed failed(const std::string& subject, std::string what, const Error& error, TimePoint now);
    void solved(const std::string& subject) { all_.erase(subject); }
    // What needs nothing any more is not a problem any more, whoever solved it.
    void keep_only(const std::set<std::string>& open);

    // Whether it is not to be tried yet.
    [[nodiscard]] bool waits(const std::string& subject, TimePoint now) const;
    // When the next one is due.
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    // Everything may be tried at once: something about the causes has changed.
    void retry_now();

    // By subject.
    [[nodiscard]] const std::map<std::string, Problem>& all() const { return all_; }

private:
    std::map<std::string, Problem> all_;
};

}  // namespace ulagate
