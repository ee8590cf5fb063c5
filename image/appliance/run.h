// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace ulagate::appliance {

// The command `run`: the manager, until SIGTERM. `words`: what stands behind the command's name. Returns the
// exit code.
int run(const std::vector<std::string>& words);

}  // namespace ulagate::appliance
