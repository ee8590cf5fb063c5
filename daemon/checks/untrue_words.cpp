// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/untrue_words.h"

#include <fmt/format.h>

namespace ulagate {

using wg::control::Disbelieved;
using wg::control::Ownership;
using wg::control::SiteMirror;

std::vector<Obstacle> untrue_words(const std::string& relay, const std::vector<Disbelieved>& said) {
    std::vector<Obstacle> out;
    for (const Disbelieved& each : said) {
        if (each.what == Disbelieved::What::sites) {
            out.emplace_back().sentence = fmt::format(
                "relay {} says that more than {} prefixes are connected to it: its list is ignored, so sites "
                "that are connected to no other relay are unreachable; check that machine, which is broken "
                "or hostile",
                relay, SiteMirror::kMostSites);
        } else {
            out.emplace_back().sentence = fmt::format(
                "relay {} names an epoch that no router can have reached: it is ignored, so a fail-over at "
                "this relay may take 3 s; check that machine and the other routers of this site, one of "
                "which is broken or hostile",
                relay);
        }
    }
    return out;
}

std::vector<Obstacle> untrue_words(const std::vector<Ownership::Complaint>& complaints) {
    using What = Ownership::Complaint::What;
    std::vector<Obstacle> out;
    for (const auto& each : complaints) {
        const std::string router = each.router ? net::to_string(*each.router) : "";
        if (each.what == What::foreign_prefix) {
            out.emplace_back().sentence = fmt::format(
                "router {} of site {} claims {}, which does not belong to its site: refused; if it should "
                "have the prefix, add it to the [[site]] here, otherwise check that machine",
                router, each.site, net::to_string(each.prefix));
        } else if (each.what == What::epoch) {
            out.emplace_back().sentence = fmt::format(
                "router {} of site {} claims with an epoch that no router can have reached: it counts as 0; "
                "check that machine, whose state is broken or which is hostile",
                router, each.site);
        } else {
            out.emplace_back().sentence = fmt::format(
                "the routers of site {} take {} from each other again and again: this relay follows at most "
                "every 2 s; check which routers compete for the virtual address on that LAN",
                each.site, net::to_string(each.prefix));
        }
    }
    return out;
}

}  // namespace ulagate
