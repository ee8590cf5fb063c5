// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/fights.h"

#include <fmt/format.h>

#include <algorithm>

namespace ulagate {
namespace {

// "route fd12::/48 metric 128" -> "route"
std::string kind_of(const std::string& subject) { return subject.substr(0, subject.find(' ')); }

}  // namespace

bool Fights::restored(const std::string& subject, TimePoint now) {
    Loss& loss = losses_[subject];
    if (loss.times > 0 && now - loss.last >= kCalm) loss = {};
    ++loss.times;
    loss.last = now;
    if (loss.times >= kAtOnce) {
        const unsigned doublings = std::min(loss.times - kAtOnce, 10U);
        loss.wait_until = now + std::min(kFirstWait * (1U << doublings), kLongestWait);
        fought_over_.emplace(kind_of(subject), subject);
    }
    return loss.times < kWorthALine;
}

Fights::TimePoint Fights::may_restore_at(const std::string& subject) const {
    const auto known = losses_.find(subject);
    return known == losses_.end() ? TimePoint{} : known->second.wait_until;
}

void Fights::forget_calm(TimePoint now) {
    std::erase_if(losses_, [now](const auto& entry) { return now - entry.second.last >= kCalm; });
    std::erase_if(fought_over_, [this](const auto& fight) {
        return std::none_of(losses_.begin(), losses_.end(), [&](const auto& entry) {
            return entry.second.times >= kAtOnce && kind_of(entry.first) == fight.first;
        });
    });
}

std::vector<Obstacle> Fights::obstacles() const {
    std::vector<Obstacle> out;
    for (const auto& [kind, subject] : fought_over_) {
        out.push_back(
            {fmt::format("a fight: another program repeatedly removes or changes state of ulagate ({}), "
                         "which is therefore restored only every {} s; find that program (a "
                         "network manager, a firewall, a script) and exclude this state from it",
                         subject, kLongestWait.count() / 1000),
             false,
             {},
             {}});
    }
    return out;
}

}  // namespace ulagate
