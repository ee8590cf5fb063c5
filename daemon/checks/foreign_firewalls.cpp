// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/foreign_firewalls.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "wg/control/message.h"

namespace ulagate {
namespace {

using firewall::Chain;
using Kind = Need::Kind;

constexpr std::size_t kMostSuspects = 3;

std::string ports(const Need& need, char between) {
    if (need.first_port == need.last_port) return fmt::to_string(need.first_port);
    return fmt::format("{}{}{}", need.first_port, between, need.last_port);
}

// For ip6tables and what speaks like it.
std::string xtables_match(const Need& need) {
    switch (need.kind) {
        case Kind::forward:
            return fmt::format("-d {}", net::to_string(need.overlay));
        case Kind::within_lan:
            return fmt::format("-i {0} -o {0}", need.lan);
        case Kind::vrrp:
            return fmt::format("-i {} -p 112", need.lan);
        case Kind::wireguard:
            return fmt::format("-p udp --dport {}", ports(need, ':'));
        case Kind::control:
            return fmt::format("-i ulg-+ -p udp --dport {}", wg::control::kPort);
        case Kind::resolution:
            return fmt::format("-i {} -p icmpv6 --icmpv6-type neighbour-solicitation", need.lan);
    }
    return {};
}

std::string nft_match(const Need& need, const std::string& hook) {
    switch (need.kind) {
        case Kind::forward:
            return fmt::format("ip6 daddr {}", net::to_string(need.overlay));
        case Kind::within_lan:
            return fmt::format("iifname {0} oifname {0}", need.lan);
        case Kind::vrrp:
            return fmt::format("iifname {} meta l4proto 112", need.lan);
        case Kind::wireguard:
            return fmt::format("udp dport {}", ports(need, '-'));
        case Kind::control:
            return fmt::format("iifname \"ulg-*\" udp dport {}", wg::control::kPort);
        case Kind::resolution:
            if (hook == "output" || hook == "postrouting")
                return fmt::format("oifname {} icmpv6 type nd-neighbor-advert", need.lan);
            return fmt::format("iifname {} icmpv6 type nd-neighbor-solicit", need.lan);
    }
    return {};
}

bool passes_through(const Need& need) { return need.kind == Kind::forward || need.kind == Kind::within_lan; }

const char* xtables_chain(const Need& need) {
    if (need.before_routing) return "PREROUTING";
    return passes_through(need) ? "FORWARD" : "INPUT";
}

// What ip6tables is given, without its "-j ACCEPT". Its table filter has no PREROUTING.
std::vector<std::string> xtables_rules(const Need& need, const std::string& table = "filter") {
    const bool raw = need.before_routing && table == "filter";
    const std::string in = raw ? "-t raw " : table == "filter" ? "" : fmt::format("-t {} ", table);
    std::vector<std::string> rules{fmt::format("{}-I {} {}", in, xtables_chain(need), xtables_match(need))};
    if (need.kind == Kind::resolution && !need.before_routing)
        rules.push_back(
            fmt::format("{}-I OUTPUT -o {} -p icmpv6 --icmpv6-type neighbour-advertisement", in, need.lan));
    return rules;
}

std::string xtables_line(const std::string& program, const std::vector<std::string>& rules) {
    std::string line;
    for (const std::string& rule : rules)
        line += fmt::format("{}{} {} -j ACCEPT", line.empty() ? "" : " && ", program, rule);
    return line;
}

std::string ufw_line(const Need& need) {
    switch (need.kind) {
        case Kind::forward:
            return fmt::format("ufw route allow to {}", net::to_string(need.overlay));
        case Kind::within_lan:
            return fmt::format("ufw route allow in on {0} out on {0}", need.lan);
        case Kind::vrrp:
            return fmt::format("ufw allow in on {} proto vrrp from fe80::/10", need.lan);
        case Kind::wireguard:
            return fmt::format("ufw allow {}/udp", ports(need, ':'));
        case Kind::control: {
            std::vector<std::string> lines;
            for (const std::string& tunnel : need.tunnels)
                lines.push_back(
                    fmt::format("ufw allow in on {} to any port {} proto udp", tunnel, wg::control::kPort));
            return fmt::format("{}", fmt::join(lines, " && "));
        }
        case Kind::resolution:  // it has rules of its own that let that in
            return xtables_line("ip6tables", xtables_rules(need));
    }
    return {};
}

std::string firewalld_line(const Need& need) {
    constexpr const char* kCommand = "firewall-cmd --permanent";
    std::string what;
    switch (need.kind) {
        case Kind::forward:
            what = fmt::format(
                "{0} --new-policy ulagate && {0} --policy ulagate --add-ingress-zone ANY && "
                "{0} --policy ulagate --add-egress-zone ANY && {0} --policy ulagate "
                "--add-rich-rule 'rule family=ipv6 destination address={1} accept'",
                kCommand, net::to_string(need.overlay));
            break;
        case Kind::within_lan:
            what = fmt::format("{} --zone=$(firewall-cmd --get-zone-of-interface={}) --add-forward", kCommand,
                               need.lan);
            break;
        case Kind::vrrp:
            what = fmt::format(
                "{} --add-rich-rule 'rule family=ipv6 source address=fe80::/10 protocol value=vrrp "
                "accept'",
                kCommand);
            break;
        case Kind::wireguard:
            what = fmt::format("{} --add-port={}/udp", kCommand, ports(need, '-'));
            break;
        case Kind::control:
            for (const std::string& tunnel : need.tunnels) {
                what += fmt::format("{}{} --zone=trusted --add-interface={}", what.empty() ? "" : " && ",
                                    kCommand, tunnel);
            }
            break;
        case Kind::resolution:
            what =
                fmt::format("{} --zone=$(firewall-cmd --get-zone-of-interface={}) --add-protocol=ipv6-icmp",
                            kCommand, need.lan);
            break;
    }
    return what + " && firewall-cmd --reload";
}

// Of several hooks of a kind it runs the last one only: all rules are in one script.
std::string foomuuri_line(const Need& need) {
    return fmt::format(
        "echo 'nft insert rule inet foomuuri {} {} accept' >>/etc/foomuuri/ulagate.sh && printf 'hook {{\\n  "
        "post_start sh /etc/foomuuri/ulagate.sh\\n}}\\n' >/etc/foomuuri/ulagate.conf && foomuuri reload",
        passes_through(need) ? "forward" : "input", nft_match(need, "input"));
}

std::string ferm_line(const Need& need, const std::string& table) {
    std::string match;
    switch (need.kind) {
        case Kind::forward:
            match = fmt::format("daddr {}", net::to_string(need.overlay));
            break;
        case Kind::within_lan:
            match = fmt::format("interface {0} outerface {0}", need.lan);
            break;
        case Kind::vrrp:
            match = fmt::format("interface {} proto 112", need.lan);
            break;
        case Kind::wireguard:
            match = fmt::format("proto udp dport {}", ports(need, ':'));
            break;
        case Kind::control:
            match = fmt::format("interface ulg-+ proto udp dport {}", wg::control::kPort);
            break;
        case Kind::resolution:
            // Both ways in one: chain (INPUT OUTPUT).
            return fmt::format(
                "echo 'domain ip6 table {} chain {} proto icmpv6 ACCEPT;' >>/etc/ferm/ferm.conf && ferm "
                "/etc/ferm/ferm.conf",
                table, need.before_routing ? "PREROUTING" : "(INPUT OUTPUT)");
    }
    return fmt::format(
        "echo 'domain ip6 table {} chain {} {} ACCEPT;' >>/etc/ferm/ferm.conf && ferm "
        "/etc/ferm/ferm.conf",
        table, xtables_chain(need), match);
}

// It filters what this machine sends as well, and Neighbor Discovery.
std::string firehol_line(const Need& need) {
    std::vector<std::string> rules = xtables_rules(need);
    if (need.before_routing) {
        // It filters nothing else there.
    } else if (need.kind == Kind::forward) {
        rules.insert(rules.end(), {"-I INPUT -p icmpv6", "-I OUTPUT -p icmpv6"});
    } else if (need.kind == Kind::vrrp) {
        rules.push_back(fmt::format("-I OUTPUT -o {} -p 112", need.lan));
    } else if (need.kind == Kind::wireguard) {
        rules.push_back(fmt::format("-I OUTPUT -p udp --sport {}", ports(need, ':')));
    } else if (need.kind == Kind::control) {
        rules.push_back(fmt::format("-I OUTPUT -o ulg-+ -p udp --sport {}", wg::control::kPort));
    }
    return fmt::format("printf 'ip6tables %s -j ACCEPT\\n' '{}' >>/etc/firehol/firehol.conf && firehol start",
                       fmt::join(rules, "' '"));
}

std::string shorewall_line(const Need& need) {
    return fmt::format("echo '{}' >>/etc/shorewall6/start && shorewall6 restart",
                       xtables_line("run_iptables", xtables_rules(need)));
}

// What chains of the table that ip6tables writes to say about who does.
void judge_ip6_filter(const std::vector<Chain>& chains, const Need& need, std::vector<Suspect>& out) {
    const auto any = [&](auto matches) { return std::any_of(chains.begin(), chains.end(), matches); };
    const auto named = [&](const char* start) {
        return any([start](const Chain& chain) { return chain.name.starts_with(start); });
    };
    const std::size_t before = out.size();
    if (named("ufw6-")) out.push_back({"ufw", ufw_line(need)});
    const bool shorewall = named("shorewall") || named("sfilter") || named("smurfs") || named("logflags");
    if (shorewall) out.push_back({"Shorewall6", shorewall_line(need)});
    if (named("DOCKER") && passes_through(need)) {
        out.push_back(
            {"Docker", fmt::format("ip6tables -I {} {} -j ACCEPT",
                                   named("DOCKER-USER") ? "DOCKER-USER" : "FORWARD", xtables_match(need))});
    }
    if (out.size() > before) return;
    out.push_back({"rules made with ip6tables (nftables' table ip6 filter)",
                   xtables_line("ip6tables", xtables_rules(need))});
}

// The tables of ip6tables-legacy that such a packet meets, the likely ones first.
std::vector<std::string> legacy_tables_of(const ForeignFilters& filters, const Need& need) {
    const std::vector<std::string> all = need.before_routing
                                             ? std::vector<std::string>{"raw", "mangle"}
                                             : std::vector<std::string>{"filter", "mangle", "security"};
    std::vector<std::string> there;
    std::copy_if(all.begin(), all.end(), std::back_inserter(there),
                 [&](const std::string& table) { return filters.legacy.contains(table); });
    return there;
}

void judge_legacy(const ForeignFilters& filters, const Need& need, std::vector<Suspect>& out) {
    const std::vector<std::string> tables = legacy_tables_of(filters, need);
    if (tables.empty()) return;
    const auto starts = [&](const char* start) {
        return std::any_of(filters.legacy_chains.begin(), filters.legacy_chains.end(),
                           [start](const std::string& chain) { return chain.starts_with(start); });
    };
    if (starts("in_") && starts("out_")) return out.push_back({"FireHOL", firehol_line(need)});
    if (filters.ferm) return out.push_back({"ferm", ferm_line(need, tables.front())});
    for (const std::string& table : tables) {
        out.push_back(
            {fmt::format("rules made with ip6tables-legacy in table {}, which nft does not show", table),
             xtables_line("ip6tables-legacy", xtables_rules(need, table))});
    }
}

// ip6tables has no DROP in its table nat.
bool is_of_nat(const Chain& chain) {
    return chain.family == "ip6" && chain.table == "nat" && !chain.policy_drop;
}

// Who writes ip6tables' filter writes these tables too, and filters there.
bool is_beside_ip6_filter(const Chain& chain) {
    return chain.family == "ip6" && !chain.policy_drop &&
           (chain.table == "mangle" || chain.table == "raw" || chain.table == "security");
}

bool stands_in_the_way(const Chain& chain, const Need& need) {
    const bool sees_ipv6 = chain.family == "inet" || chain.family == "ip6" || chain.family == "netdev" ||
                           (chain.family == "bridge" && need.kind == Kind::within_lan);
    if (chain.hook.empty() || !sees_ipv6 || is_of_nat(chain)) return false;
    if (need.before_routing) return chain.hook == "prerouting" || chain.hook == "ingress";
    if (passes_through(need)) return chain.hook == "forward" || chain.hook == "postrouting";
    const bool answers = need.kind == Kind::resolution;
    return chain.hook == "input" || (answers && (chain.hook == "output" || chain.hook == "postrouting"));
}

}  // namespace

std::vector<Suspect> suspects(const ForeignFilters& filters, const Need& need) {
    // By table; a chain that drops what it does not know is the likelier one.
    std::vector<std::pair<std::string, std::string>> tables;
    std::vector<Chain> stands;
    for (const Chain& chain : filters.chains) {
        if (stands_in_the_way(chain, need)) stands.push_back(chain);
    }
    std::stable_sort(stands.begin(), stands.end(),
                     [](const Chain& a, const Chain& b) { return a.policy_drop && !b.policy_drop; });
    const bool ip6_filter_drops =
        !need.before_routing && std::any_of(stands.begin(), stands.end(), [](const Chain& chain) {
            return chain.family == "ip6" && chain.table == "filter" && chain.policy_drop;
        });
    std::vector<Suspect> likely;
    std::vector<Suspect> others;
    for (const Chain& base : stands) {
        if (ip6_filter_drops && is_beside_ip6_filter(base)) continue;
        const std::pair table{base.family, base.table};
        if (std::find(tables.begin(), tables.end(), table) != tables.end()) continue;
        tables.push_back(table);
        if (base.table == "firewalld_policy_drop" && base.hook == "prerouting") {
            likely.push_back({"firewalld in panic mode", "firewall-cmd --panic-off"});
        } else if (base.table == "firewalld" || base.table == "firewalld_policy_drop") {
            // The second one, behind prerouting, is there while it loads its rules.
            const Suspect firewalld{"firewalld", firewalld_line(need)};
            if (std::find(likely.begin(), likely.end(), firewalld) == likely.end())
                likely.push_back(firewalld);
        } else if (base.table == "foomuuri") {
            likely.push_back({"foomuuri", foomuuri_line(need)});
        } else if (base.family == "ip6" && base.table == "filter" && !need.before_routing) {
            std::vector<Chain> chains;
            std::copy_if(filters.chains.begin(), filters.chains.end(), std::back_inserter(chains),
                         [](const Chain& chain) { return chain.family == "ip6" && chain.table == "filter"; });
            judge_ip6_filter(chains, need, base.policy_drop ? likely : others);
        } else {
            (base.policy_drop ? likely : others)
                .push_back(
                    {fmt::format("chain {} of nftables' table {} {}", base.name, base.family, base.table),
                     fmt::format("nft insert rule {} {} {} {} accept", base.family, base.table, base.name,
                                 nft_match(need, base.hook))});
        }
    }
    judge_legacy(filters, need, likely);
    likely.insert(likely.end(), others.begin(), others.end());
    if (likely.size() > kMostSuspects) likely.resize(kMostSuspects);
    return likely;
}

}  // namespace ulagate
