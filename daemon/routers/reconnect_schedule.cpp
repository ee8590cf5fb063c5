// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/reconnect_schedule.h"

#include <algorithm>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// 300 a second: ten thousand routers in half a minute.
constexpr std::size_t kAtOnce = 30;
constexpr auto kEvery = 100ms;
constexpr auto kGiveUp = 30s;

}  // namespace

std::size_t ReconnectSchedule::update(const std::vector<Silent>& routers, TimePoint now) {
    std::map<wg::PublicKey, WallTime> silent;
    for (const Silent& router : routers) silent.emplace(router.key, router.last_handshake);
    for (const auto& [key, last] : known_) {
        if (silent.contains(key)) continue;
        waiting_.erase({last, key});
        reconnecting_.erase(key);
    }
    std::erase_if(known_, [&](const auto& entry) { return !silent.contains(entry.first); });
    std::size_t found = 0;
    for (const auto& [key, last] : silent) {
        if (!known_.try_emplace(key, last).second) continue;
        if (waiting_.empty()) next_ = std::max(next_, now);
        waiting_.insert({last, key});
        ++found;
    }
    return found;
}

std::vector<wg::PublicKey> ReconnectSchedule::take(TimePoint now) {
    std::erase_if(reconnecting_, [&](const auto& entry) { return now >= entry.second + kGiveUp; });
    std::vector<wg::PublicKey> out;
    if (waiting_.empty() || now < next_) return out;
    next_ = now + kEvery;
    while (out.size() < kAtOnce && !waiting_.empty()) {
        const wg::PublicKey key = waiting_.begin()->second;
        waiting_.erase(waiting_.begin());
        reconnecting_.emplace(key, now);
        out.push_back(key);
    }
    return out;
}

std::set<wg::PublicKey> ReconnectSchedule::reconnecting() const {
    std::set<wg::PublicKey> out;
    for (const auto& [key, since] : reconnecting_) out.insert(out.end(), key);
    return out;
}

std::optional<ReconnectSchedule::TimePoint> ReconnectSchedule::deadline() const {
    std::optional<TimePoint> first;
    if (!waiting_.empty()) first = next_;
    for (const auto& [key, since] : reconnecting_)
        first = std::min(first.value_or(since + kGiveUp), since + kGiveUp);
    return first;
}

}  // namespace ulagate
