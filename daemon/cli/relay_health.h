// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/base/result.h"

namespace ulagate {

// Asks the running daemon whether any relay is not down. A plain relay on standby, while another router of
// the site is Active, counts as up.
Result<bool> any_relay_up(const std::string& socket_path);

}  // namespace ulagate
