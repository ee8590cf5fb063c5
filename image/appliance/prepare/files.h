// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "image/appliance/prepare/policy.h"

namespace ulagate::appliance {

struct PrepareOptions {
    std::string disk;  // of the card, or an image of one; empty: look for it
    std::string root;  // in front of every path that is written; with one, no machine is touched
    std::chrono::milliseconds patience{10'000};
};

struct Prepared {
    std::vector<std::string> rescue;  // why the router cannot run; empty: it can
    std::vector<std::string> notes;   // what else somebody may want to know
    std::optional<Floor> floor;       // of the clock
    std::string hostname;
};

// Reads the card and writes what the daemon and the appliance need, below `root`: /etc/ulagate, /run/card,
// /run/appliance, /var/lib/ulagate.
Prepared prepare_files(const PrepareOptions& options);

}  // namespace ulagate::appliance
