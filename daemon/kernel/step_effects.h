// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/kernel/steps.h"

// What the reconciliation has to know of each kind of step. Pure. A kind that is missing does not compile.
namespace ulagate {

// Which parts of what we know of the kernel may be out of date.
struct Stale {
    bool links = false;
    bool addresses = false;
    bool routes = false;
    bool rules = false;
    bool tunnels = false;
    bool firewall = false;
    bool sysctls = false;

    static Stale all();
    Stale& operator|=(const Stale& other);
    [[nodiscard]] bool any() const {
        return links || addresses || routes || rules || tunnels || firewall || sysctls;
    }
    bool operator==(const Stale&) const = default;
};

// What may differ after the step, done or failed, and is to be read again.
Stale touched_by(const Step& step);

// Whether the step puts back something that was in place (`was`) and is still wanted the same (`wanted`).
bool restores(const Step& step, const Wanted& was, const Wanted& wanted);

// The interface that has to be up before the step can succeed; empty when there is none.
std::string needs_link(const Step& step);

}  // namespace ulagate
