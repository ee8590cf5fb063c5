// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/fast_path.h"

#include <utility>

namespace ulagate {

bool FastPath::write(const Step& step, const How& how) {
    Reconciler::Report report = how.known ? reconciler_.apply_as_known(step, loop_.now())
                                          : reconciler_.apply_ahead(step, loop_.now());
    const bool done = report.failed.empty();
    if (how.tell_later) {
        untold_.push_back({std::move(report), how.routine});
        return done;
    }
    tell(report, how.routine);
    return done;
}

void FastPath::tell(const Reconciler::Report& report, bool routine) {
    const bool before = log_.routine();
    if (routine) log_.routine(true);
    log_.tell(report);
    log_.routine(before);
}

void FastPath::tell() {
    for (const auto& [report, routine] : std::exchange(untold_, {})) tell(report, routine);
}

}  // namespace ulagate
