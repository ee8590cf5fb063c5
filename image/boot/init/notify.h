// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace ulagate::init {

// What a service says in one datagram of sd_notify(3), as far as it matters here.
struct Message {
    bool ready = false;
    bool alive = false;  // WATCHDOG=1
    bool stopping = false;
    bool operator==(const Message&) const = default;
};

Message parse_message(std::string_view datagram);

}  // namespace ulagate::init
