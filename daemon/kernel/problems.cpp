// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/problems.h"

#include <algorithm>
#include <utility>

namespace ulagate {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstRetry{500};
constexpr milliseconds kLongestRetry{30'000};

milliseconds retry_delay(unsigned attempts) {
    const unsigned doublings = std::min(attempts - 1, 6U);
    return std::min(kFirstRetry * (1U << doublings), kLongestRetry);
}

}  // namespace

Problems::Failed Problems::failed(const std::string& subject, std::string what, const Error& error,
                                  TimePoint now) {
    Problem& problem = all_[subject];
    const bool first = problem.attempts == 0 || problem.error.text() != error.text();
    ++problem.attempts;
    problem.what = std::move(what);
    problem.error = error;
    const milliseconds delay = retry_delay(problem.attempts);
    problem.retry_at = now + delay;
    return {problem.what, problem.error, first, delay};
}

void Problems::keep_only(const std::set<std::string>& open) {
    std::erase_if(all_, [&](const auto& entry) { return !open.contains(entry.first); });
}

bool Problems::waits(const std::string& subject, TimePoint now) const {
    const auto found = all_.find(subject);
    return found != all_.end() && now < found->second.retry_at;
}

std::optional<Problems::TimePoint> Problems::deadline() const {
    std::optional<TimePoint> next;
    for (const auto& [subject, problem] : all_) {
        if (!next || problem.retry_at < *next) next = problem.retry_at;
    }
    return next;
}

void Problems::retry_now() {
    for (auto& [subject, problem] : all_) problem.retry_at = TimePoint{};
}

}  // namespace ulagate
