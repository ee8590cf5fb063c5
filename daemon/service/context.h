// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/base/file_writer.h"
#include "daemon/base/obstacles.h"
#include "daemon/config/config.h"
#include "daemon/kernel/reconciler.h"
#include "daemon/loop/loop.h"
#include "daemon/service/fast_path.h"
#include "daemon/service/paths.h"

namespace ulagate {

// What a part of the daemon asks of the reconcile turn, which belongs to the daemon.
class Turn {
public:
    Turn() = default;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Turn(Turn&&) = delete;
    Turn& operator=(Turn&&) = delete;
    virtual ~Turn() = default;

    // At once. Not from within a reconciliation.
    virtual void reconcile() = 0;
    // In the next turn of the loop; also from within a reconciliation.
    virtual void reconcile_next() = 0;
    // Within 20 ms to 2 s, together with what else happens meanwhile.
    virtual void reconcile_soon() = 0;
};

// What all parts of the daemon work with. A part owns its state, its timers and its facts; it reads the
// kernel's state, may write ahead of the plan, and contributes its facts to the plan. `config` is the running
// configuration: the object stays, its content changes, and each part's set_config() is called then.
struct Context {
    Loop& loop;
    const Config& config;
    const ServicePaths& paths;
    Reconciler& reconciler;
    FastPath& fast_path;
    KernelLog& kernel_log;
    Obstacles& obstacles;
    FileWriter& files;
    Turn& turn;
};

}  // namespace ulagate
