// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ulagate {
namespace {

void judge_prefix(const std::string& site, const std::string& interface, const net::Ipv6Prefix& prefix,
                  const std::vector<RelayWord>& relays, std::vector<Obstacle>& out) {
    std::vector<std::string> without;
    bool known = false;
    for (const RelayWord& relay : relays) {
        const auto said = relay.knows.find(prefix);
        if (said == relay.knows.end()) continue;
        if (said->second) {
            known = true;
        } else {
            without.push_back(relay.name);
        }
    }
    if (without.empty()) return;
    const std::string text = net::to_string(prefix);
    const std::string who =
        fmt::format("{} {}", without.size() == 1 ? "relay" : "relays", fmt::join(without, ", "));
    const std::string mend = fmt::format(
        "; add it to the configuration there: [[site]] name = \"{}\", prefixes = [ …, \"{}\" ]", site, text);
    if (known) {
        out.push_back({fmt::format("{}: {} is not a prefix of this site at {}: its hosts cannot be reached "
                                   "through that relay{}",
                                   interface, text, who, mend),
                       false, "", interface});
    } else {
        out.push_back(
            {fmt::format("{}: {} is not a prefix of this site at {}: other sites cannot reach its hosts{}",
                         interface, text, who, mend),
             false, "", interface});
    }
}

}  // namespace

// None of them is worth a deduction: the other routers of the site hear the same from the same relays.
std::vector<Obstacle> relay_obstacles(const std::string& site,
                                      const std::map<std::string, net::Ipv6Prefix>& lans,
                                      const std::vector<RelayWord>& relays) {
    std::vector<Obstacle> out;
    for (const auto& [interface, prefix] : lans) judge_prefix(site, interface, prefix, relays, out);
    std::vector<std::string> hear_two;
    for (const RelayWord& relay : relays) {
        if (relay.in_two_places) hear_two.push_back(relay.name);
    }
    if (!hear_two.empty()) {
        const bool one = hear_two.size() == 1;
        out.push_back(
            {fmt::format("{} {} {} this router in two places at once: another machine has its key (a copied "
                         "card or file), or the uplink here changes every few seconds; packets to this "
                         "router reach only one of the two; give the other machine its own key, node name "
                         "and tunnel address, or switch it off",
                         one ? "relay" : "relays", fmt::join(hear_two, ", "), one ? "hears" : "hear"),
             false, "", ""});
    }
    for (const RelayWord& relay : relays) {
        if (relay.forwards) continue;
        out.push_back({fmt::format("relay {} reports that it does not forward between sites; run \"ulagate "
                                   "status\" there for the cause and the fix",
                                   relay.name),
                       false, "", ""});
    }
    return out;
}

}  // namespace ulagate
