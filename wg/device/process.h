// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace ulagate::wg {

// Kills each process of our network namespace that runs `binary` for `interface`, as wireguard-go's command
// line says; its interface and its socket go with it. The number of processes that were told to end.
// A process that nobody can talk to cannot be found by its socket: the one that listens there handed it on.
unsigned kill_processes(const std::string& binary, const std::string& interface);

}  // namespace ulagate::wg
