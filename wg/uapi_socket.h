// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "daemon/base/result.h"

namespace ulagate::wg {

// Sends one request to the unix socket at `path` and gives the whole answer, which may hold keys: wipe() it.
// std::errc::connection_refused or no_such_file_or_directory: nobody listens there. `patience` is for each
// step that makes no progress, the answer's first byte included.
Result<std::string> uapi_exchange(const std::string& path, std::string_view request,
                                  std::chrono::milliseconds patience);

// Does anybody listen at `path`? no_such_file_or_directory and connection_refused as above.
Result<void> uapi_probe(const std::string& path);

}  // namespace ulagate::wg
