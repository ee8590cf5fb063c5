// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace ulagate::appliance {

// Not for people: what a DHCP client calls. `program` is the path that it was called by, `words` what stands
// behind it. Returns the exit code.
int lease_event(const std::string& program, const std::vector<std::string>& words);

}  // namespace ulagate::appliance
