// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "daemon/base/result.h"

namespace ulagate::card {

// Fills `out` from an open device or file; an error also when it ends before that. `name` is for the error.
Result<void> read_at(int fd, const std::string& name, std::uint64_t offset, std::span<std::byte> out);

}  // namespace ulagate::card
