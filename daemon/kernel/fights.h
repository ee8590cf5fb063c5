// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "daemon/base/obstacles.h"

namespace ulagate {

// What of ours somebody else keeps removing or changing. The first times it is put back at once: most of what
// is lost is lost by an accident, and each tenth of a second counts. Whoever does it again and again would
// otherwise keep both of us busy for ever, so we wait a little longer each time, name what is fought over,
// and begin anew once it has been left alone for a while. Pure.
class Fights {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // So many times what is lost is put back at once.
    static constexpr unsigned kAtOnce = 5;
    // Two of these lines are written; the fight itself is another.
    static constexpr unsigned kWorthALine = 3;
    static constexpr std::chrono::milliseconds kFirstWait{125};
    static constexpr std::chrono::milliseconds kLongestWait{2000};
    // Left alone for so long, it is over.
    static constexpr std::chrono::seconds kCalm{30};

    // We have put it back; `subject` as in daemon/kernel/steps.h. Returns whether that is worth a line of its
    // own.
    bool restored(const std::string& subject, TimePoint now);
    // When it may be put back; in the past, unless it is fought over.
    [[nodiscard]] TimePoint may_restore_at(const std::string& subject) const;
    // Forgets what has been left alone.
    void forget_calm(TimePoint now);
    // One for each kind of thing that is fought over, whatever happens to the others of its kind meanwhile.
    [[nodiscard]] std::vector<Obstacle> obstacles() const;

private:
    struct Loss {
        unsigned times = 0;
        TimePoint last;
        TimePoint wait_until;
    };
    std::map<std::string, Loss> losses_;              // by subject
    std::map<std::string, std::string> fought_over_;  // by kind, the subject that was the first
};

}  // namespace ulagate
