// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

// The manual pages, as input for man: made when ulagate is built, from what --help prints
// (daemon/cli/usage.h) and from the commented reference files. Pure.
namespace ulagate::cli {

// ulagate(1). `number`: "0.2.0".
std::string man_of_commands(std::string_view number);

// ulagate.toml(5), from the texts of edge.toml and relay.toml.
//
// A block of comment lines with a key right behind it explains that key (and the keys that follow at once);
// one with a table behind it opens that table; another is a paragraph of its own. Lines that begin with "# "
// are a table that may be left out, in the same language. A table without a comment inside is an example.
std::string man_of_configuration(std::string_view number, std::string_view edge, std::string_view relay);

}  // namespace ulagate::cli
