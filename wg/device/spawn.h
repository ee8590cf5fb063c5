// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/base/result.h"

namespace ulagate::wg {

// Runs `wireguard-go <interface>` until it has put itself into the background. What stays running has a
// session of its own, no file of ours, and nothing to say to our terminal or journal.
Result<void> start_wireguard_go(const std::string& binary, const std::string& interface);

}  // namespace ulagate::wg
