// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "daemon/kernel/steps.h"

namespace ulagate {

// The steps from `have` to `want`, in an order in which nothing that works now stops working: the firewall
// first, then additions, then removals (make before break). Only what carries our marks is ever removed.
// Empty when there is nothing to do. Some steps become possible only after others (a route over an interface
// that is not there yet is not wanted yet), so apply, read back and plan again until it is empty.
std::vector<Step> plan(const Wanted& want, const Have& have);

}  // namespace ulagate
