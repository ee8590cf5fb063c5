// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <vector>

#include "firewall/elements.h"
#include "firewall/render.h"

namespace ulagate::firewall {
namespace {

std::vector<net::Ipv6Prefix> missing_in(const std::vector<net::Ipv6Prefix>& here,
                                        const std::vector<net::Ipv6Prefix>& there) {
    std::vector<net::Ipv6Prefix> missing;
    std::set_difference(there.begin(), there.end(), here.begin(), here.end(), std::back_inserter(missing));
    return missing;
}

std::string element_command(const char* verb, const std::vector<net::Ipv6Prefix>& prefixes, bool masked) {
    if (prefixes.empty()) return {};
    const auto elements = prefix_elements({prefixes.begin(), prefixes.end()}, masked);
    return fmt::format("{} element inet {} sites {{ {} }}\n", verb, kTable, fmt::join(elements, ", "));
}

}  // namespace

std::optional<std::string> render_update(const Model& from, const Model& to) {
    const bool masked = all_64(to.sites);
    if (to.mode == Mode::off || masked != all_64(from.sites)) return std::nullopt;
    Model same = from;
    same.sites = to.sites;
    if (same != to) return std::nullopt;
    if (to.role == Role::edge) return std::string{};
    const std::vector<net::Ipv6Prefix> before = without_overlaps(from.sites);
    const std::vector<net::Ipv6Prefix> after = without_overlaps(to.sites);
    // Deletions first: a prefix may make room for parts of itself.
    return element_command("delete", missing_in(after, before), masked) +
           element_command("add", missing_in(before, after), masked);
}

}  // namespace ulagate::firewall
