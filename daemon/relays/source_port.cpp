// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/source_port.h"

#include <algorithm>

namespace ulagate {
namespace {

// RFC 6335 section 6: for whoever needs some port.
constexpr std::uint16_t kFirstDynamic = 49152;
constexpr unsigned kDynamic = 65536U - kFirstDynamic;
constexpr unsigned kMostTries = 64;

}  // namespace

// False: no port is to be had.
bool SourcePort::other(const IsFree& is_free, const Random& random) {
    for (unsigned i = 0; i < kMostTries; ++i) {
        const auto port = static_cast<std::uint16_t>(kFirstDynamic + random() % kDynamic);
        if (port == port_ || port == good_ || port == wish_ || !is_free(port)) continue;
        port_ = port;
        return true;
    }
    return false;
}

bool SourcePort::change(const IsFree& is_free, const Random& random, TimePoint now) {
    if (port_ != good_ && is_free(good_)) {
        const auto stay = kFirstStay * (1U << std::min(visits_ - 1, 10U));
        change_at_ = now + std::min<std::chrono::seconds>(stay, kLongestStay);
        port_ = good_;
        return true;
    }
    ++visits_;
    change_at_ = now + kVisit;
    return other(is_free, random);
}

bool SourcePort::update(const View& view, const IsFree& is_free, const Random& random, TimePoint now) {
    if (view.refused || (!view.settling && view.in_use != port_ && !is_free(port_))) {
        taken_ = taken_ || port_ == wish_;
        look_again_at_ = now + kLookAgain;
        return other(is_free, random);
    }
    if (view.alive || !view.sending) {
        dead_since_.reset();
        change_at_.reset();
        if (!view.alive || view.in_use != port_) return false;
        visits_ = 0;
        good_ = port_;
        if (!taken_ || now < look_again_at_) return false;
        look_again_at_ = now + kLookAgain;
        if (!is_free(wish_)) return false;
        taken_ = false;
        good_ = port_ = wish_;
        return true;
    }
    if (!dead_since_) {
        dead_since_ = now;
        change_at_ = now + kVain;
    }
    if (now < *change_at_) return false;
    if (visits_ == 0 && view.rounds < kVainRounds && now < *dead_since_ + kVainAtMost) {
        change_at_ = std::min<TimePoint>(now + std::chrono::seconds{1}, *dead_since_ + kVainAtMost);
        return false;
    }
    return change(is_free, random, now);
}

}  // namespace ulagate
