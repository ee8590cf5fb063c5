// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/base/obstacles.h"
#include "daemon/kernel/rtnl/state.h"

namespace ulagate {

// Whether a table of the kernel's that all traffic needs is full: then nothing of ours is wrong, and still
// hosts are not reached. Pure.
class FullTables {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // nullopt: that table cannot be read, or is not there. For about every second.
    std::vector<Obstacle> judge(const std::optional<TableUse>& neighbours,
                                const std::optional<TableUse>& connections, TimePoint now);

private:
    std::optional<std::uint64_t> refused_;  // when we last looked
    std::optional<TimePoint> neighbours_full_;
    std::optional<TimePoint> connections_full_;
};

}  // namespace ulagate
