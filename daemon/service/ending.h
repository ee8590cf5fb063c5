// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>

#include "daemon/service/context.h"
#include "daemon/service/host.h"
#include "daemon/service/parts.h"
#include "daemon/service/shutdown.h"

namespace ulagate {

// Brings the daemon to its end, as Shutdown says.
class Ending {
public:
    Ending(const Context& context, Host& host, Parts& parts, Shutdown& shutdown);

    // A clean stop: the virtual addresses are given up, and this router goes on forwarding until the relays
    // know the one that takes over. No packet is lost meanwhile, but for those that a plain relay sends too
    // late.
    void hand_over();
    // The site leaves. `answer`: an error, or "" when it is done.
    void withdraw(std::function<void(const std::string&)> answer);
    // Something has changed that it may have waited for.
    void go_on();

private:
    void take_down();

    Context context_;
    Host& host_;
    Parts& parts_;
    Shutdown& shutdown_;
    std::function<void(const std::string&)> withdrawn_;
    Loop::TimePoint started_;
    Alarm next_;
    Alarm exit_;
};

}  // namespace ulagate
