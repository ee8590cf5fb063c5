// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace ulagate::appliance {

// The command `prepare`, once at boot. `words`: what stands behind the command's name. Returns the exit code.
int prepare(const std::vector<std::string>& words);

}  // namespace ulagate::appliance
