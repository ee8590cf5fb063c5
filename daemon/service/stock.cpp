// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon does for relays that have WireGuard only.
#include <chrono>

#include "daemon/service/service.h"

namespace ulagate {

void Service::remind_stock_relays() {
    for (auto& [name, stock] : stock_relays_) {
        if (stock.take_reminder(std::chrono::steady_clock::now())) contacts_.at(name).way.send_now();
    }
    reconcile();
}

}  // namespace ulagate
