// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <utility>

#include "daemon/service/context.h"
#include "daemon/service/parts.h"
#include "daemon/service/result_checks.h"
#include "daemon/service/shutdown.h"

namespace ulagate {

// Has the result looked at, tells the parts what keeps the overlay from working, and says in the log what is
// new and what is over.
class Health {
public:
    Health(const Context& context, Parts& parts, const Shutdown& shutdown, ResultChecks::Means means)
        : context_(context), parts_(parts), shutdown_(shutdown), checks_(context, std::move(means)) {}

    // Each second.
    void look_at_tables();
    void look_at_passages();
    void check_forwarding();
    void check_forwarding_at_once() { checks_.check_forwarding_at_once(); }
    void report();

private:
    void on_change();

    Context context_;
    Parts& parts_;
    const Shutdown& shutdown_;
    ResultChecks checks_;
};

}  // namespace ulagate
