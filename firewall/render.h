// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "firewall/model.h"

namespace ulagate::firewall {

// Name of our one table, family inet.
inline constexpr const char* kTable = "ulagate";

// UDP port of the overlay control protocol; accepted from tunnels only, with hop limit 255.
inline constexpr std::uint16_t kControlPort = 51819;
// UDP port of the probes between the routers of two sites.
inline constexpr std::uint16_t kProbePort = 51818;

// On an edge router with several tunnels, the set of remote /64s that hosts of ours had traffic with in the
// last 10 seconds. More of them than it has room for are not in it.
inline constexpr const char* kActivePrefixesSet = "busy";

// The whole ruleset in nft's language, as one transaction that replaces our table and touches no other. For
// Mode::off a transaction that makes sure that we have no table.
// Interface names must be printable and free of quotes, backslashes, '*' and spaces; another one is a bug of
// the caller and throws std::invalid_argument.
std::string render(const Model& model);

// The way from one ruleset to the next without a full replacement, so that it costs the same with ten sites
// and with ten thousand and keeps counters: only `add element` and `delete element`. Possible when the models
// differ in nothing but `sites`, `peers` and which `bridges` there are; nothing otherwise. Empty text = the
// rulesets are equal.
std::optional<std::string> render_update(const Model& from, const Model& to);

}  // namespace ulagate::firewall
