// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/config/config.h"

namespace ulagate {

// What a configuration would do, without the kernel. Links and the egress to the relays are assumed: every
// LAN up, no tunnel measured yet (MTU 1420), nothing of ours there.

// The Router Advertisement of each LAN, field by field.
std::string show_ra(const Config& config);
// The ruleset, as nft would be given it.
std::string show_firewall(const Config& config);
// The steps of a first start, in order.
std::string show_plan(const Config& config);

}  // namespace ulagate
