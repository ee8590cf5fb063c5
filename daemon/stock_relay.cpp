// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/stock_relay.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// Two of WireGuard's own tries, 5 s apart (REKEY_TIMEOUT).
constexpr auto kPatience = 10s;
// A router that became Backup for this reason takes its peer away, and would else count as healthy at once:
// the site would swing between its routers every ten seconds.
constexpr auto kRemember = 5min;

}  // namespace

void StockRelay::update(bool used, bool session, TimePoint now) {
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

}  // namespace ulagate
