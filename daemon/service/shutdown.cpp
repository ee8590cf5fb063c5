// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/shutdown.h"

#include <algorithm>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// How often it is looked whether a stage is over.
constexpr auto kLookHandOver = 20ms;
constexpr auto kLookWithdraw = 50ms;
constexpr auto kLookTakeDown = 20ms;
constexpr auto kAnswerLeaves = 100ms;

}  // namespace

bool Shutdown::hand_over(std::chrono::milliseconds limit, bool forwards, TimePoint now) {
    if (stopping() || hand_over_until_) return false;
    hand_over_until_ = now + limit;
    forwards_ = forwards;
    return true;
}

bool Shutdown::withdraw(TimePoint now) {
    if (withdraw_until_) return false;
    withdraw_until_ = now + kWithdrawLimit;
    return true;
}

bool Shutdown::take_down(const Left& left, TimePoint now) {
    if (stopping()) return false;
    const bool handed_over = hand_over_until_ && (left.handed_over || now >= *hand_over_until_);
    const bool withdrawn = withdraw_until_ && (left.silent || now >= *withdraw_until_);
    if (!handed_over && !withdrawn) return false;
    take_down_until_ = now + kTakeDownLimit;
    return true;
}

bool Shutdown::done(bool under_way, TimePoint now) {
    if (!stopping() || exit_at_ || (under_way && now < *take_down_until_)) return false;
    exit_at_ = now + (withdraw_until_ ? kAnswerLeaves : 0ms);
    return true;
}

std::optional<Shutdown::TimePoint> Shutdown::deadline(TimePoint now) const {
    if (exit_at_) return std::nullopt;
    if (stopping()) return now + kLookTakeDown;
    if (hand_over_until_) return now + kLookHandOver;
    if (withdraw_until_) return now + kLookWithdraw;
    return std::nullopt;
}

}  // namespace ulagate
