// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "firewall/elements.h"
#include "firewall/render.h"

namespace ulagate::firewall {
namespace {

using Elements = std::vector<std::string>;

Elements missing_in(const Elements& here, const Elements& there) {
    const std::set<std::string> known{here.begin(), here.end()};
    Elements missing;
    std::copy_if(there.begin(), there.end(), std::back_inserter(missing),
                 [&known](const std::string& element) { return !known.contains(element); });
    return missing;
}

std::string element_command(const char* verb, const std::string& set, const Elements& elements) {
    if (elements.empty()) return {};
    return fmt::format("{} element inet {} {} {{ {} }}\n", verb, kTable, set, fmt::join(elements, ", "));
}

}  // namespace

std::optional<std::string> render_update(const Model& from, const Model& to) {
    if (to.mode == Mode::off || all_64(to.sites) != all_64(from.sites)) return std::nullopt;
    // Without bridges there are no rules for them.
    if (to.bridges.empty() != from.bridges.empty()) return std::nullopt;
    Model same = from;
    same.sites = to.sites;
    same.peers = to.peers;
    same.bridges = to.bridges;
    if (same != to) return std::nullopt;
    auto before = changing_sets(from);
    const auto after = changing_sets(to);
    std::string commands;
    for (const auto& [set, elements] : after) {
        // Deletions first: a prefix may make room for parts of itself.
        commands += element_command("delete", set, missing_in(elements, before[set])) +
                    element_command("add", set, missing_in(before[set], elements));
    }
    return commands;
}

}  // namespace ulagate::firewall
