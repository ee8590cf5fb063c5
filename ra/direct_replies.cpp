// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/direct_replies.h"

#include <algorithm>
#include <span>

namespace ulagate::ra {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RateLimit kPerSender{milliseconds{100}, 32};
constexpr RateLimit kTotalInFlood{microseconds{50}, 2000};
// A host asks at most every 4 s (RTR_SOLICITATION_INTERVAL), so no honest one meets this limit.
constexpr DirectReplies::Duration kPerHostInFlood = seconds{1};
// Earlier rather than later than drawn: the delay has an upper bound (MAX_RA_DELAY_TIME).
constexpr DirectReplies::Duration kTogether = milliseconds{5};

std::uint64_t number(std::span<const std::uint8_t> bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = (value << 8U) | byte;
    return value;
}

// The part of a fingerprint that does not say where it is.
std::uint32_t name(std::uint64_t fingerprint) { return static_cast<std::uint32_t>(fingerprint >> 32U); }

}  // namespace

DirectReplies::DirectReplies(std::uint64_t seed)
    : seed_(seed),
      senders_{std::vector<TokenBucket>(kSenders), std::vector<TokenBucket>(kSenders)},
      recent_(kRecent) {
    waiting_.reserve(kMaxWaiting);
}

// The finalizer of SplitMix64, keyed.
std::uint64_t DirectReplies::hash(std::uint64_t value) const {
    value += seed_;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

std::uint64_t DirectReplies::fingerprint(const Neighbor& host) const {
    const std::span address{host.address.bytes};
    return hash(hash(hash(number(address.first(8))) ^ number(address.last(8))) ^
                number(host.link_address.bytes));
}

// Where it is, or else the place of whoever is longest past.
DirectReplies::Recent& DirectReplies::recent(std::uint64_t fingerprint) {
    const std::span places{&recent_.at(fingerprint % (kRecent / kWays) * kWays), kWays};
    const auto found = std::find_if(places.begin(), places.end(),
                                    [&](const Recent& r) { return r.host == name(fingerprint); });
    if (found != places.end()) return *found;
    return *std::min_element(places.begin(), places.end(),
                             [](const Recent& a, const Recent& b) { return a.due < b.due; });
}

bool DirectReplies::take_from_sender(const net::MacAddress& sender, TimePoint now) {
    std::uint64_t key = number(sender.bytes);
    bool taken = false;
    for (auto& row : senders_) {
        key = hash(key);
        if (row.at(key % kSenders).take(now, kPerSender)) taken = true;
    }
    return taken;
}

bool DirectReplies::add(const Neighbor& host, TimePoint now, Duration delay) {
    const std::uint64_t key = fingerprint(host);
    Recent& known = recent(key);
    TimePoint due = now + delay;
    if (known.host == name(key)) {
        const bool ahead = known.due > now;
        if (ahead && known.round == round_) return true;  // the delay counts from its first solicitation
        if (!ahead) due = std::max(due, known.due + kPerHostInFlood + kTogether);
    }
    if (waiting_.size() == kMaxWaiting || !take_from_sender(host.link_address, now)) return false;
    known = {name(key), round_, due};
    waiting_.push_back({due, host});
    std::push_heap(waiting_.begin(), waiting_.end(), later);
    return true;
}

DirectReplies::Due DirectReplies::due(TimePoint now) {
    Due due;
    while (!waiting_.empty() && waiting_.front().due <= now + kTogether) {
        if (total_.take(now, kTotalInFlood)) {
            due.hosts.push_back(waiting_.front().host);
        } else {
            due.too_many = true;
        }
        std::pop_heap(waiting_.begin(), waiting_.end(), later);
        waiting_.pop_back();
    }
    return due;
}

std::optional<DirectReplies::TimePoint> DirectReplies::deadline() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.front().due;
}

void DirectReplies::clear() {
    waiting_.clear();
    ++round_;
}

}  // namespace ulagate::ra
