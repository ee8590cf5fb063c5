// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/config/appliance.h"

namespace ulagate {

// The interface that its packets leave by: "eth1", "eth1.7". Empty: whichever is plugged in.
std::string uplink_interface(const UplinkConfig& uplink);

}  // namespace ulagate
