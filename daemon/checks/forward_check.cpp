// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/forward_check.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "daemon/kernel/desired.h"

namespace ulagate {
namespace {

constexpr std::size_t kMostInTurn = 32;        // prefixes in a call
constexpr std::size_t kMostActive = 32;        // sites with traffic, too
constexpr std::size_t kMostSentences = 5;      // of a kind
constexpr std::uint64_t kHost = 0xdeadbeef17;  // an interface identifier that nobody has

net::Ipv6Address host_of(const net::Ipv6Prefix& prefix) {
    if (prefix.length > 64) return prefix.address;
    return net::with_interface_identifier({prefix.network().address, 64}, kHost);
}

// In the overlay, and in no site that has a route of its own.
net::Ipv6Address anywhere(const net::Ipv6Prefix& overlay, const Routes& routes) {
    net::Ipv6Address out = overlay.network().address;
    for (unsigned bit = overlay.length; bit < 64; ++bit) {
        out.bytes.at(bit / 8) = static_cast<std::uint8_t>(out.bytes.at(bit / 8) | 0x80U >> bit % 8);
    }
    const auto taken = [&] { return routes.contains({{net::Ipv6Prefix{out, 64}.network()}, kRouteMetric}); };
    for (unsigned tries = 0; tries < 256 && taken(); ++tries) --out.bytes.at(7);
    return host_of({out, 64});
}

std::string type_of(const Forwarded& answer) {
    switch (answer.type) {
        case RTN_LOCAL:
            return "local ";
        case RTN_UNREACHABLE:
            return "unreachable ";
        case RTN_BLACKHOLE:
            return "blackhole ";
        case RTN_PROHIBIT:
            return "prohibit ";
        case RTN_THROW:
            return "throw ";
        case RTN_ANYCAST:
            return "anycast ";
        default:
            return {};
    }
}

// As `ip -6 route` takes it.
std::string route_text(const Forwarded& answer) {
    const bool whole = answer.route.destination.length == 0;
    std::string text = type_of(answer) + (whole ? "default" : net::to_string(answer.route.destination));
    if (answer.gateway) text += " via " + net::to_string(*answer.gateway);
    if (!answer.link.empty()) text += " dev " + answer.link;
    text += fmt::format(" metric {}", answer.route.metric);
    if (answer.route.table == kLocalTable) return text + " table local";
    return answer.route.table == kMainTable ? text : text + fmt::format(" table {}", answer.route.table);
}

bool may_match(const Rule& rule, const Forwarding& packet) {
    if (rule.inverted) return true;
    return (rule.iif.empty() || rule.iif == packet.from) &&
           (!rule.from || rule.from->contains(packet.source)) &&
           (!rule.key.to || rule.key.to->contains(packet.destination));
}

// Of those that are asked before ours, the first that can have decided.
const Rule* rule_before_ours(const Rules& rules, const Forwarding& packet, const Forwarded& answer) {
    for (const Rule& rule : rules) {
        if (rule.ours() && rule.plain && rule.key.table == kRouteTable) break;
        if (rule.ours() || !may_match(rule, packet)) continue;
        const bool decides = answer.error != 0                  ? rule.kind == Rule::Kind::drop
                             : rule.kind == Rule::Kind::look_up ? rule.key.table == answer.route.table
                                                                : rule.kind == Rule::Kind::jump;
        if (decides) return &rule;
    }
    return nullptr;
}

bool is_address(const Forwarded& answer) {
    return answer.route.table == kLocalTable && (answer.type == RTN_LOCAL || answer.type == RTN_ANYCAST) &&
           answer.protocol == RTPROT_KERNEL;
}

std::string protocol_text(std::uint8_t protocol) {
    return protocol == RTPROT_KERNEL || protocol == RTPROT_BOOT ? std::string{}
                                                                : fmt::format(" proto {}", protocol);
}

}  // namespace

// Hosts' packets to the overlay, to other LANs of the site, and what comes from the relays for them.
void ForwardCheck::ask_of_lans(const Config& config, const Have& have, std::vector<Question>& out) const {
    const auto overlay = have.routes.find({config.overlay, kRouteMetric});
    const bool overlay_works = overlay != have.routes.end() && overlay->second.link;
    const net::Ipv6Address remote = anywhere(config.overlay, have.routes);
    for (const LanConfig& lan : config.lans) {
        const net::Ipv6Address host = host_of(lan.prefix);
        std::set<std::string> ears{lan.interface, sending_interface(lan)};
        for (const std::string& ear : ears) {
            if (!have.links.contains(ear)) continue;
            if (overlay_works) out.push_back({{ear, host, remote}, *overlay->second.link, lan.interface});
            for (const LanConfig& other : config.lans) {
                const auto route = have.routes.find({other.prefix, kRouteMetric});
                if (other.interface == lan.interface || route == have.routes.end()) continue;
                out.push_back({{ear, host, host_of(other.prefix)}, other.interface, lan.interface});
            }
        }
        if (!have.routes.contains({lan.prefix, kRouteMetric})) continue;
        for (const RelayConfig& relay : config.relays) {
            if (have.links.contains(tunnel_interface(relay)))
                out.push_back({{tunnel_interface(relay), remote, host}, lan.interface, lan.interface});
        }
    }
}

// From each of its interfaces, to whoever has his turn.
void ForwardCheck::ask_of_relay(const Have& have, std::vector<Question>& out) const {
    const auto found = next_ ? have.routes.find(*next_) : have.routes.end();
    if (found == have.routes.end() || !found->second.link) return;
    for (const auto& [name, link] : have.links) {
        if (!is_tunnel_name(name)) continue;
        out.push_back({{name, anywhere(found->first.destination, {}), host_of(found->first.destination)},
                       *found->second.link,
                       {}});
    }
}

// The next prefixes with a route of their own that is not the LANs'.
std::vector<RouteKey> ForwardCheck::take_turn(const Config& config, const Have& have) {
    std::vector<RouteKey> out;
    auto at = next_ ? have.routes.lower_bound(*next_) : have.routes.begin();
    for (std::size_t looked = 0; looked < kMostInTurn; ++looked, ++at) {
        if (at == have.routes.end()) {
            next_.reset();
            ++turn_;
            return out;
        }
        const RouteKey& key = at->first;
        const bool site = key.table == kRouteTable && key.metric == kRouteMetric && at->second.link &&
                          config.overlay.contains(key.destination) && key.destination != config.overlay;
        if (site && is_tunnel_name(*at->second.link)) out.push_back(key);
    }
    next_ = at == have.routes.end() ? std::nullopt : std::optional{at->first};
    if (!next_) ++turn_;
    return out;
}

std::vector<ForwardCheck::Question> ForwardCheck::questions(
    const Config& config, const Have& have, const std::vector<net::Ipv6Prefix>& active_prefixes) {
    std::vector<Question> out;
    std::vector<std::pair<net::Ipv6Prefix, std::string>> sites;
    const auto overlay = have.routes.find({config.overlay, kRouteMetric});
    if (config.role == Role::edge) {
        ask_of_lans(config, have, out);
        for (const net::Ipv6Prefix& site : active_prefixes) {
            if (sites.size() == kMostActive || overlay == have.routes.end() || !overlay->second.link) break;
            if (!have.routes.contains({site, kRouteMetric})) sites.emplace_back(site, *overlay->second.link);
        }
    } else {
        ask_of_relay(have, out);
    }
    for (const RouteKey& key : take_turn(config, have))
        sites.emplace_back(key.destination, *have.routes.at(key).link);
    for (const auto& [site, link] : sites) {
        for (const LanConfig& lan : config.lans) {
            if (have.links.contains(lan.interface))
                out.push_back({{lan.interface, host_of(lan.prefix), host_of(site)}, link, lan.interface});
        }
        if (config.role == Role::relay && have.links.contains(router_interface(0)))
            out.push_back(
                {{router_interface(0), anywhere(config.overlay, have.routes), host_of(site)}, link, {}});
    }
    return out;
}

std::optional<ForwardCheck::Cause> ForwardCheck::judge(const Question& question, const Forwarded& answer,
                                                       const Rules& rules) {
    const bool goes =
        answer.error == 0 && answer.type == RTN_UNICAST && answer.link == question.to && !answer.gateway;
    // What of ours is wrong is set right by the reconciliation, or is a problem of its own.
    const bool ours =
        answer.error == 0 && answer.protocol == kRouteProtocol && answer.route.table == kRouteTable;
    if (goes || ours) return std::nullopt;
    const Rule* rule = rule_before_ours(rules, question.packet, answer);
    if (answer.error == 0 && is_address(answer)) {
        return Cause{fmt::format("{} is an address of this machine, on {}",
                                 net::to_string(answer.route.destination.address), answer.link),
                     fmt::format("ip -6 address del {} dev {}",
                                 net::to_string(answer.route.destination.address), answer.link),
                     "an address of this machine takes the overlay's traffic"};
    }
    const bool in_ours = answer.error == 0 && answer.route.table == kRouteTable;
    if (rule != nullptr && !in_ours && !(rule->plain && rule->key.table == kLocalTable)) {
        const std::string does = rule->kind == Rule::Kind::drop
                                     ? "drops them"
                                     : "is evaluated before ours and finds the route " + route_text(answer);
        return Cause{fmt::format("rule {} ({}) {}", rule->key.preference, rule->text, does),
                     fmt::format("ip -6 rule del pref {} {}", rule->key.preference, rule->text),
                     "a foreign rule takes the overlay's traffic"};
    }
    if (answer.error != 0) {
        return Cause{fmt::format("the kernel has no route for them ({})", std::strerror(answer.error)),
                     "ip -6 rule", "the overlay's traffic has no route"};
    }
    return Cause{
        fmt::format("the route {}{} is not ours", route_text(answer), protocol_text(answer.protocol)),
        "ip -6 route del " + route_text(answer) + protocol_text(answer.protocol),
        "a foreign route takes the overlay's traffic"};
}

std::vector<Obstacle> ForwardCheck::told() const {
    struct Group {
        const Found* first = nullptr;
        std::set<std::string> lans;
        std::size_t count = 0;
    };
    std::map<std::string, Group> groups;  // by what is to be done
    for (const auto& [packet, found] : found_) {
        Group& group = groups[found.cause.mend];
        if (group.first == nullptr) group.first = &found;
        group.lans.insert(found.question.lan);
        ++group.count;
    }
    std::vector<Obstacle> out;
    for (const auto& [mend, group] : groups) {
        if (out.size() == kMostSentences) break;
        const Found& found = *group.first;
        Obstacle obstacle;
        obstacle.sentence = fmt::format(
            "packets from {} to {}{} do not go to {}{}: {}; to fix it: {}", found.question.packet.from,
            net::to_string(net::Ipv6Prefix{found.question.packet.destination, 64}.network()),
            group.count > 1 ? " and others" : "", found.question.to,
            found.answer.link.empty() || found.answer.error != 0 ? "" : " but to " + found.answer.link,
            found.cause.what, found.cause.mend);
        obstacle.cuts = true;
        obstacle.reason = found.cause.reason;
        if (group.lans.size() == 1) obstacle.lan = *group.lans.begin();
        out.push_back(std::move(obstacle));
    }
    return out;
}

std::vector<Obstacle> ForwardCheck::look(const Config& config, const Have& have,
                                         const std::vector<net::Ipv6Prefix>& active_prefixes,
                                         const Ask& ask) {
    for (Question& question : questions(config, have, active_prefixes)) {
        const auto answer = ask(question.packet);
        const auto cause = answer ? judge(question, *answer, have.rules) : std::nullopt;
        if (cause) {
            const Forwarding packet = question.packet;
            found_.insert_or_assign(packet, Found{std::move(question), *answer, *cause, turn_});
        } else {
            found_.erase(question.packet);
        }
    }
    // What has not been asked about for a whole turn is in use no more.
    std::erase_if(found_, [&](const auto& entry) { return turn_ - entry.second.turn > 1; });
    return told();
}

std::vector<Obstacle> misplaced_addresses(const Config& config, const Have& have) {
    std::vector<Obstacle> out;
    for (const auto& [key, state] : have.addresses) {
        if (out.size() == kMostSentences) break;
        if (state.ours || !config.overlay.contains(key.address.address)) continue;
        const bool served = std::any_of(
            config.lans.begin(), config.lans.end(),
            [&key = key](const LanConfig& lan) { return lan.prefix.contains(key.address.address); });
        if (served) continue;
        const std::string text = net::to_string(key.address);
        out.push_back({fmt::format("{} on {} is an address in the overlay, but in no LAN that this machine "
                                   "serves: packets to it stay here; to fix it: ip -6 address del {} dev {}",
                                   text, key.link, text, key.link),
                       false,
                       {},
                       {}});
    }
    return out;
}

std::vector<Obstacle> loopback_problem(const Config& config, const Have& have) {
    const auto off = have.sysctls.find("net/ipv6/conf/lo/disable_ipv6");
    if (off == have.sysctls.end() || off->second == "0") return {};
    return {{fmt::format("IPv6 is switched off on lo, which holds the tunnel address {}: no relay can be "
                         "reached; to fix it: sysctl -w net.ipv6.conf.lo.disable_ipv6=0",
                         net::to_string(config.tunnel.address)),
             true,
             "IPv6 is switched off",
             {}}};
}

}  // namespace ulagate
