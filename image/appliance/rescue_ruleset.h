// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace ulagate::appliance {

// What keeps strangers out while there is no router, and so no firewall of its own: the status page and ssh
// are for neighbours, by sources that no internet provider forwards. An nft script; a table of ours only.
std::string rescue_ruleset(std::uint16_t page_port);

}  // namespace ulagate::appliance
