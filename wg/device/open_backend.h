// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "wg/device/backend.h"

namespace ulagate::wg {

// `automatic` takes the kernel's WireGuard where there is one, and wireguard-go otherwise.
Result<std::unique_ptr<Backend>> open_backend(BackendChoice choice);

}  // namespace ulagate::wg
