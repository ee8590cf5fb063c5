// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/replies.h"

#include <algorithm>
#include <iterator>

namespace ulagate::ra {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxWaiting = 64;
constexpr std::size_t kMaxKnown = 256;
// A host asks at most every 4 s (RTR_SOLICITATION_INTERVAL), so no honest one meets this limit.
constexpr Replies::Duration kPerHostMinimum = seconds{1};
constexpr RateLimit kTotal{milliseconds{20}, 50};
// After a flood: who is answered sooner may belong to it.
constexpr Replies::Duration kQuietAfter = seconds{10};

}  // namespace

bool Replies::is_known(const net::Ipv6Address& host) const {
    return std::find(quiet_.rbegin(), quiet_.rend(), host) != quiet_.rend();
}

bool Replies::has(const net::Ipv6Address& host) const {
    if (strangers_.waiting.contains(host) || known_.waiting.contains(host)) return true;
    return closed_ && !is_known(host);
}

bool Replies::add(const net::Ipv6Address& host, TimePoint now, Duration delay) {
    if (has(host)) return true;  // the delay counts from its first solicitation
    Queue& queue = is_known(host) ? known_ : strangers_;
    if (queue.waiting.size() == kMaxWaiting) {
        overflow(queue, now);
        return false;
    }
    queue.waiting.emplace(host, answerable_from(host, now) + delay);
    return true;
}

Replies::Due Replies::due(TimePoint now) {
    Due due;
    take_due(known_, now, due);
    take_due(strangers_, now, due);
    return due;
}

void Replies::take_due(Queue& queue, TimePoint now, Due& due) {
    for (auto it = queue.waiting.begin(); it != queue.waiting.end();) {
        if (now < it->second) {
            ++it;
            continue;
        }
        if (!queue.total.take(now, kTotal)) {
            overflow(queue, now);
            due.too_many = true;
            return;
        }
        answer(it->first, now);
        due.hosts.push_back(it->first);
        it = queue.waiting.erase(it);
    }
}

void Replies::overflow(Queue& queue, TimePoint now) {
    queue.waiting.clear();
    closed_ = true;
    quiet_from_ = now + kQuietAfter;
}

void Replies::answer(const net::Ipv6Address& host, TimePoint now) {
    while (!answered_.empty() && answered_.front().when + kPerHostMinimum <= now) answered_.pop_front();
    answered_.push_back({host, now});
    const auto known = std::find(quiet_.begin(), quiet_.end(), host);
    if (known != quiet_.end()) {
        std::rotate(known, std::next(known), quiet_.end());
    } else if (now >= quiet_from_) {
        if (quiet_.size() == kMaxKnown) quiet_.pop_front();
        quiet_.push_back(host);
    }
}

Replies::TimePoint Replies::answerable_from(const net::Ipv6Address& host, TimePoint now) const {
    // From the back: its latest answer counts. The token buckets keep this short (two bursts each).
    const auto it = std::find_if(answered_.rbegin(), answered_.rend(),
                                 [&](const Answered& answered) { return answered.host == host; });
    return it == answered_.rend() ? now : std::max(now, it->when + kPerHostMinimum);
}

std::optional<Replies::TimePoint> Replies::deadline() const {
    std::optional<TimePoint> first;
    for (const Queue* queue : {&known_, &strangers_}) {
        for (const auto& [host, due] : queue->waiting) first = std::min(first.value_or(due), due);
    }
    return first;
}

void Replies::clear() {
    strangers_.waiting.clear();
    known_.waiting.clear();
    closed_ = false;
}

void Replies::forget(const net::Ipv6Address& host) { std::erase(quiet_, host); }

}  // namespace ulagate::ra
