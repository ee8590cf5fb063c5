// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/base/result.h"

namespace ulagate {

// Asks the running daemon: is there a relay that is not down? One on standby (a plain relay, and another
// router of the site is Active) is as it should be.
Result<bool> relay_in_reach(const std::string& socket_path);

}  // namespace ulagate
