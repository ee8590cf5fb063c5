// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "daemon/base/obstacles.h"
#include "daemon/lan/router.h"

namespace ulagate {

// Judges a LAN by what is heard there and by what the relays say, whatever this router believes of itself:
// who is Active beside it, who is and is none of the site's routers, who uses its VRID for something else. It
// only says so. Pure.
class LanCheck {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    // What one relay that answers says about the LAN's prefix.
    struct RelayWord {
        bool nobody_claims = false;  // no router of the site has, since when it was last ours
        bool operator==(const RelayWord&) const = default;
    };
    // All of now. To be asked again and again: some of it has to last to be true.
    std::vector<Obstacle> find(const LanRouter& router, const std::vector<RelayWord>& relays, TimePoint now);

private:
    // By interface: since when it has been so.
    std::map<std::string, TimePoint> unclaimed_;
    std::map<std::string, TimePoint> equal_;
    std::map<std::string, TimePoint> unheld_;
    std::map<std::string, TimePoint> failing_;
};

}  // namespace ulagate
