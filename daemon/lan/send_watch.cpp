// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/send_watch.h"

#include <algorithm>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kMuteAfter = 3;
constexpr auto kMuteFor = 1s;
constexpr auto kFirstTryAfter = 1s;
constexpr auto kLastTry = 64s;
// Who has been heard for so long is mute for the first time again.
constexpr auto kHeardFor = 5min;

}  // namespace

void SendWatch::sent(Voice voice, TimePoint now) {
    kinds_.at(static_cast<std::size_t>(voice)) = {};
    if (mute() && !fails(Voice::vrrp) && !fails(Voice::icmpv6)) recover(now);
}

void SendWatch::failed(Voice voice, const std::string& error, TimePoint now) {
    Kind& kind = kinds_.at(static_cast<std::size_t>(voice));
    if (kind.in_a_row++ == 0) kind.since = now;
    kind.error = error;
    if (mute() || kind.in_a_row < kMuteAfter || now - kind.since < kMuteFor) return;
    const bool again = recovered_at_ != TimePoint::min() && now - recovered_at_ < kHeardFor;
    wait_ = again ? std::min<Duration>(2 * wait_, kLastTry) : kFirstTryAfter;
    try_at_ = now + wait_;
}

void SendWatch::forget() {
    kinds_ = {};
    try_at_.reset();
}

const std::string& SendWatch::error() const {
    return fails(Voice::vrrp) ? of(Voice::vrrp).error : of(Voice::icmpv6).error;
}

void SendWatch::tried(TimePoint now) {
    if (mute()) try_at_ = now + wait_;
}

void SendWatch::give_chance(TimePoint now) {
    kinds_ = {};
    recover(now);
}

void SendWatch::recover(TimePoint now) {
    try_at_.reset();
    recovered_at_ = now;
}

}  // namespace ulagate
