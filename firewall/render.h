// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "firewall/model.h"

namespace ulagate::firewall {

// Name of our one table, family inet.
inline constexpr const char* kTable = "ulagate";

// The whole ruleset in nft's language, as one transaction that replaces our table and touches no other. For
// Mode::off a transaction that makes sure that we have no table.
std::string render(const Model& model);

}  // namespace ulagate::firewall
