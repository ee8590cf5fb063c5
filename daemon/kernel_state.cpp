// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel_state.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace ulagate {

bool is_macvlan_name(const std::string& link) {
    const std::string prefix = std::string{kLinkPrefix} + "v";
    return link.starts_with(prefix) && link.size() > prefix.size() &&
           std::all_of(link.begin() + static_cast<std::ptrdiff_t>(prefix.size()), link.end(),
                       [](unsigned char c) { return std::isdigit(c) != 0; });
}

bool is_tunnel_name(const std::string& link) {
    return link.starts_with(kLinkPrefix) && !is_macvlan_name(link);
}

}  // namespace ulagate
