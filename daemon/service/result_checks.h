// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "daemon/checks/forward_check.h"
#include "daemon/checks/full_tables.h"
#include "daemon/checks/passage_watch.h"
#include "daemon/service/context.h"

namespace ulagate {

// The checks that look at what results, and never at what we did: which route forwarded packets take, whether
// packets get through, whether tables of the kernel are full. They set their obstacles.
class ResultChecks {
public:
    struct Means {
        ForwardCheck::Ask forwarded;
        std::function<Result<TableUse>()> neighbours;
        std::function<std::optional<TableUse>()> connections;
        std::function<std::vector<Obstacle>(const PassageWatch::View&, Loop::TimePoint)> passages;
        std::function<bool()>
            forwards;  // relay: what one site sends to another gets through, as far as we know
    };
    ResultChecks(const Context& context, Means means) : context_(context), means_(std::move(means)) {}

    // All of these: about each second. True: there are other obstacles than before.
    bool look_at_passages(const PassageWatch::View& view);
    // Only when all of ours is in place, or cannot be: what is under way is not a finding. Every 5 s.
    bool check_forwarding(const std::vector<net::Ipv6Prefix>& active_prefixes);
    void look_at_tables();
    [[nodiscard]] bool forwards() const;
    // With the next call: something has changed.
    void check_forwarding_at_once() { forwarding_check_at_ = {}; }

private:
    Context context_;
    Means means_;
    ForwardCheck forward_check_;
    FullTables full_tables_;
    Loop::TimePoint forwarding_check_at_;
};

}  // namespace ulagate
