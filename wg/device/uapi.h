// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/result.h"
#include "wg/device/device.h"

namespace ulagate::wg {

// The text protocol that wireguard-go and its relatives speak on a unix socket. Pure: text in, values out.

inline constexpr std::string_view kUapiGet = "get=1\n\n";

// A whole set request. Holds secrets when the change does: wipe() it after sending.
std::string to_uapi(const DeviceChange& change);

// The answer to a get request. Keys that we do not know are skipped; a known key with a value that makes no
// sense is an error, and so is an answer without its final errno. The private key in the answer becomes the
// public key and is not kept; the caller wipes the text.
Result<Device> parse_uapi_device(std::string_view text);

// The answer to a set request: the error that the device reports, if any.
Result<void> parse_uapi_status(std::string_view text);

}  // namespace ulagate::wg
