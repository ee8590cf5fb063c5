// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/config/keys.h"
#include "daemon/config/reader.h"

namespace ulagate::config_file {

// What [lan.ra] needs from the rest of the file.
struct RaParseContext {
    net::Ipv6Prefix prefix;               // of the LAN
    net::Ipv6Prefix overlay;              // where the route leads
    std::uint64_t router_identifier = 0;  // of the router's own address in the prefix
    bool gateway = false;                 // hosts have their internet from here
};

// The rows of [lan.ra].
std::vector<KeyText> ra_keys();

// [lan.ra] of a LAN into `out`; the defaults where there is none. Gives whether it advertises.
Located<bool> read_ra(TableReader& lan, const RaParseContext& context, LanConfig& out);

}  // namespace ulagate::config_file
