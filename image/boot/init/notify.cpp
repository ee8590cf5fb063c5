// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/notify.h"

namespace ulagate::init {

Message parse_message(std::string_view datagram) {
    Message message;
    while (!datagram.empty()) {
        const auto end = datagram.find('\n');
        const std::string_view line = datagram.substr(0, end);
        if (line == "READY=1") message.ready = true;
        if (line == "WATCHDOG=1") message.alive = true;
        if (line == "STOPPING=1") message.stopping = true;
        if (end == std::string_view::npos) break;
        datagram.remove_prefix(end + 1);
    }
    return message;
}

}  // namespace ulagate::init
