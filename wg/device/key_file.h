// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/base/result.h"
#include "wg/device/key.h"

namespace ulagate::wg {

// Reads a private key (one base64 line, as `wg genkey` writes it). Refused when anybody but the owner may
// read the file, or when the owner is neither root nor the user we run as: who can write the file chooses our
// identity.
Result<PrivateKey> load_private_key(const std::string& path);

// Creates `path` with mode 0600 and a new key; never overwrites a file that is there.
Result<PrivateKey> create_private_key(const std::string& path);

}  // namespace ulagate::wg
