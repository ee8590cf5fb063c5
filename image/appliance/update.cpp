// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdlib>

#include "image/appliance/commands.h"

namespace ulagate::appliance {

int update(const Words& words) { return words.empty() ? EXIT_FAILURE : EXIT_FAILURE; }

}  // namespace ulagate::appliance
