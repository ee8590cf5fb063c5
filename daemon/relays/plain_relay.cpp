// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/plain_relay.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// Two of WireGuard's own tries, 5 s apart (REKEY_TIMEOUT).
constexpr auto kPatience = 10s;
// A router that became Backup for this reason takes its peer away, and would else count as healthy at once:
// the site would swing between its routers every ten seconds.
constexpr auto kRemember = 5min;
// Each after twice the time: the last of seven after 3.2 s, when the lease of a dead router's address is
// over.
constexpr auto kFirstReminder = 50ms;
constexpr unsigned kReminders = 7;

}  // namespace

void PlainRelay::update(bool used, bool session, TimePoint now) {
    if (used != used_) {
        used_ = used;
        reminders_ = 0;
        remind_at_ = used ? std::optional{now + kFirstReminder} : std::nullopt;
    }
    if (session) {
        silent_since_.reset();
        unreachable_until_ = {};
    } else if (!used) {
        silent_since_.reset();
    } else if (!silent_since_) {
        silent_since_ = now;
    } else if (now - *silent_since_ > kPatience) {
        unreachable_until_ = now + kRemember;
    }
}

bool PlainRelay::take_reminder(TimePoint now) {
    if (!remind_at_ || now < *remind_at_) return false;
    ++reminders_;
    remind_at_.reset();
    if (reminders_ < kReminders) remind_at_ = now + kFirstReminder * (1U << (reminders_ - 1));
    return true;
}

}  // namespace ulagate
