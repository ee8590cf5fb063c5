// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "daemon/base/result.h"

namespace ulagate {

// Asks the running daemon. Blocks until it answers, at most half a minute. An answer {"error": ...} is an
// Error.
Result<boost::json::value> ask_daemon(const std::string& socket_path, const std::string& command);

}  // namespace ulagate
