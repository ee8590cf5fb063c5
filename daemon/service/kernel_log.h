// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/kernel/reconciler.h"

namespace ulagate {

// Writes into the log what was done to the kernel, and what could not be done.
class KernelLog {
public:
    void tell(const Reconciler::Report& report) const;

    // While routine(true), what succeeds is worth a debug line only: a peer that is removed and added again,
    // say.
    void routine(bool on) { routine_ = on; }
    [[nodiscard]] bool routine() const { return routine_; }

private:
    bool routine_ = false;
};

}  // namespace ulagate
