// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

// The commands of ulagate-appliance, each in a file of its own. They return the exit code.
namespace ulagate::appliance {

using Words = std::vector<std::string>;  // behind the command's name

int prepare(const Words& words);
int run(const Words& words);
int update(const Words& words);

// Not for people: what a DHCP client calls. `program` is the path that it was called by.
int lease_event(const std::string& program, const Words& words);

}  // namespace ulagate::appliance
