// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/kernel/steps.h"

namespace ulagate {

// What `have` would be after the step: how `show plan` looks ahead, and what tests use as a kernel.
void simulate(Have& have, const Step& step);

}  // namespace ulagate
