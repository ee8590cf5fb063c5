// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "daemon/base/address.h"

namespace ulagate::appliance {

// The servers of one RDNSS option (RFC 8106 section 5.1), as the kernel hands it on; none when its lifetime
// is 0. Nothing when it is another option, or broken.
std::optional<std::vector<net::Ipv6Address>> rdnss_servers(std::span<const std::byte> option);

}  // namespace ulagate::appliance
