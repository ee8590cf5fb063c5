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
                "relay {} says that more than {} prefixes are connected to it: its list is not "
                "believed, so that sites which only it has are not reached; look at that "
                "machine, it lies or is broken",
                relay, SiteMirror::kMostSites);
        } else {
            out.emplace_back().sentence = fmt::format(
                "relay {} names an epoch that no router can have come to: it is not believed, "
                "so that at this relay a fail-over may take 3 s; look at that machine and at "
                "the other routers of this site, one of them lies or is broken",
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
                "router {} of site {} claims {}, which is not its site's: refused; if it should "
                "have it, add the prefix to the [[site]] here, else look at that machine",
                router, each.site, net::to_string(each.prefix));
        } else if (each.what == What::epoch) {
            out.emplace_back().sentence = fmt::format(
                "router {} of site {} claims with an epoch that no router can have come to: it "
                "counts as 0; look at that machine, it lies or its state is broken",
                router, each.site);
        } else {
            out.emplace_back().sentence = fmt::format(
                "the routers of site {} take {} from each other again and again: it follows "
                "every 2 s at most; look at who fights for the virtual address on that LAN",
                each.site, net::to_string(each.prefix));
        }
    }
    return out;
}

}  // namespace ulagate
