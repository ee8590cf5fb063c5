// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/kernel/rtnl/state.h"
#include "image/appliance/uplinks/links.h"

namespace ulagate::appliance {

// What /sys/class/net tells of the links beside what rtnetlink does: of which kind they are, and by which
// driver.
LinkTable read_links(const Links& links);

}  // namespace ulagate::appliance
