// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "daemon/kernel/reconciler.h"
#include "daemon/loop/loop.h"
#include "daemon/service/kernel_log.h"

namespace ulagate {

// The one exception to the rule that only a plan writes to the kernel. A plan reads what is stale and
// compares everything, which takes milliseconds to tenths of a second; until some steps are done, packets are
// lost. Such a step is done here, ahead of the plan: a route that moves to another router or relay, the
// address of a router that becomes Active, a tunnel that has to send at once, a route to an endpoint that is
// about to be tried.
//
// Two rules keep this safe. The step is one that the next plan would make anyway: whoever calls has changed
// the fact that the plan follows from, in the same turn. And it goes through the reconciler, which notes what
// is to be read again, so that the next plan sees it, and what failed, so that it is tried again.
class FastPath {
public:
    FastPath(Reconciler& reconciler, KernelLog& log, const Loop& loop)
        : reconciler_(reconciler), log_(log), loop_(loop) {}

    struct How {
        bool routine = false;  // success is worth a debug line only
        // Nothing is read again: what the step makes of the kernel is known, and reading ten thousand peers
        // costs more than anything that is done to a few of them.
        bool known = false;
        bool tell_later = false;  // the log has to wait for tell(): something more urgent comes first
    };
    // False: it failed, and the plan will try again.
    bool write(const Step& step, const How& how);
    bool write(const Step& step) { return write(step, {}); }
    // What was written with tell_later.
    void tell();

private:
    Reconciler& reconciler_;
    KernelLog& log_;
    const Loop& loop_;
    struct Untold {
        Reconciler::Report report;
        bool routine;
    };
    void tell(const Reconciler::Report& report, bool routine);
    std::vector<Untold> untold_;
};

}  // namespace ulagate
