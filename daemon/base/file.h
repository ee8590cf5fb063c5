// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/base/result.h"

namespace ulagate {

// The whole file; an error when it is longer than `max_bytes` (a configuration is never a gigabyte).
Result<std::string> read_file(const std::string& path, std::size_t max_bytes);

// Replaces the file so that a reader, or the next boot after a power cut, sees the old content or the new one
// and nothing between (temporary file in the same folder, fsync, rename, fsync of the folder).
Result<void> write_file_atomically(const std::string& path, std::string_view content, mode_t mode);

}  // namespace ulagate
