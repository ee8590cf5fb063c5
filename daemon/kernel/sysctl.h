// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/base/result.h"

// Kernel settings under /proc/sys, of the network namespace that the program runs in.
namespace ulagate {

// "net/ipv6/conf/eth0/accept_ra": with slashes, because an interface name may contain dots. Without the line
// break at the end. std::errc::no_such_file_or_directory when the interface is not there (any more).
Result<std::string> read_sysctl(const std::string& path);
Result<void> write_sysctl(const std::string& path, const std::string& value);

}  // namespace ulagate
