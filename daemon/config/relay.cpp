// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "daemon/config/sections.h"
#include "daemon/config/values.h"

namespace ulagate::config_file {
namespace {

constexpr std::string_view kExampleKey = "the 44 characters that `ulagate keygen` prints there";

// What all relays have, whoever talks to them.
RelayConfig read_relay_itself(TableReader& relay, Facts& facts) {
    constexpr std::size_t kMaxName = 11;  // "ulg-" and it are the name of an interface: 15 bytes
    RelayConfig out;
    if (const auto name = relay.require("name", "r1", Name{kMaxName})) {
        out.name = name->value;
        facts.names.push_back(*name);
    }
    if (const auto address = relay.require("address", "fd99::1", parse_host_address)) {
        out.address = address->value;
        facts.addresses.push_back(*address);
    }
    if (const auto key = relay.require("public_key", kExampleKey, parse_peer_key)) {
        out.public_key = key->value;
        facts.public_keys.push_back(*key);
    }
    if (const auto endpoint = relay.require("endpoint", "relay.example.net:51820", parse_relay_endpoint)) {
        out.host = endpoint->value.host;
        out.port = endpoint->value.port;
        if (endpoint->value.address) {
            if (const auto* v6 = std::get_if<net::Ipv6Address>(&*endpoint->value.address)) {
                facts.endpoints.push_back({*v6, endpoint->key, endpoint->line});
            }
        }
    }
    return out;
}

RelayConfig read_relay(TableReader& relay, Facts& facts) {
    const OneOf<RelayKind> kinds{{"ulagate", RelayKind::ulagate}, {"plain", RelayKind::plain}};
    RelayConfig out = read_relay_itself(relay, facts);
    out.keepalive_seconds = relay.optional("keepalive", "25s", parse_keepalive).value;
    out.kind = relay.optional("kind", "ulagate", kinds).value;
    relay.finish();
    return out;
}

// The tunnels to the first routers of all sites are "ulg-s1", to the second ones "ulg-s2", ...
bool is_router_interface_name(const std::string& name) {
    return name.size() == 2 && name[0] == 's' && name[1] >= '1' &&
           name[1] <= static_cast<char>('0' + kMaxRouters);
}

RouterConfig read_router(TableReader& router, std::vector<Located<std::uint8_t>>& priorities, Facts& facts) {
    RouterConfig out;
    if (const auto node = router.require("node", "a1", Name{63})) {
        out.node = node->value;
        facts.nodes.push_back(*node);
    }
    if (const auto address = router.require("address", "fd99::a1", parse_host_address)) {
        out.address = address->value;
        facts.addresses.push_back(*address);
    }
    if (const auto key = router.require("public_key", kExampleKey, parse_peer_key)) {
        out.public_key = key->value;
        facts.public_keys.push_back(*key);
    }
    const auto priority = router.integer<std::uint8_t>("priority", 100, 1, 254);
    if (priority.usable()) priorities.push_back(priority);
    out.priority = priority.value;
    router.finish();
    return out;
}

Result<net::Ipv6Prefix> parse_site_prefix(std::string_view text) {
    auto prefix = parse_network(text);
    if (prefix && prefix->length > 64) {
        return fail(fmt::format("{} is longer than a /64, but SLAAC needs a /64; choose a /64 or shorter",
                                to_string(*prefix)));
    }
    return prefix;
}

SiteConfig read_site(TableReader& site, Facts& facts) {
    SiteConfig out;
    if (const auto name = site.require("name", "a", Name{63})) {
        out.name = name->value;
        facts.names.push_back(*name);
    }
    const std::string_view example = "[\"fd12:3456:789a:a::/64\"]";
    if (!site.has("prefixes")) {
        site.missing("prefixes", example);
    } else {
        const auto prefixes = site.list("prefixes", {"fd12:3456:789a:a::/64"}, parse_site_prefix);
        for (const auto& prefix : prefixes) out.prefixes.push_back(prefix.value);
        facts.prefixes.insert(facts.prefixes.end(), prefixes.begin(), prefixes.end());
        if (site.is_empty_list("prefixes")) {
            site.findings().error(site.line_of("prefixes"), site.path_of("prefixes"),
                                  fmt::format("is empty; list the site's prefixes, like {}", example));
        }
    }
    if (!site.has("router") || site.is_empty_list("router")) {
        site.findings().error(site.line(), site.path_of("router"),
                              "is missing; add a [[site.router]] table for each router of the site");
    }
    std::vector<Located<std::uint8_t>> priorities;
    auto routers = site.tables("router");
    for (auto& router : routers) out.routers.push_back(read_router(router, priorities, facts));
    check_priorities(std::move(priorities), site.findings());
    if (routers.size() > kMaxRouters) {
        site.findings().error(
            routers.at(kMaxRouters).line(), site.path_of("router"),
            fmt::format("a site has at most {} routers, because a relay has a port for each; "
                        "remove {}",
                        kMaxRouters, routers.size() - kMaxRouters));
    }
    site.finish();
    return out;
}

}  // namespace

std::vector<RelayConfig> read_relays(TableReader& file, Facts& facts) {
    std::vector<RelayConfig> out;
    if (!file.has("relay") || file.is_empty_list("relay")) {
        file.findings().error(0, "relay", "is missing; add a [[relay]] table for each relay of the overlay");
    }
    for (auto& relay : file.tables("relay")) out.push_back(read_relay(relay, facts));
    return out;
}

std::vector<RelayConfig> read_peer_relays(TableReader& file, const TunnelConfig& tunnel, Facts& facts) {
    constexpr std::size_t kLastPort = 65535;
    std::vector<RelayConfig> out;
    for (auto& relay : file.tables("peer_relay")) {
        out.push_back(read_relay_itself(relay, facts));
        relay.finish();
        const std::size_t port = tunnel.listen_port + kMaxRouters + out.size() - 1;
        if (is_router_interface_name(out.back().name)) {
            file.findings().error(relay.line_of("name"), relay.path_of("name"),
                                  fmt::format("\"{0}\" makes the interface \"ulg-{0}\", which is the name of "
                                              "a tunnel to routers; choose another name",
                                              out.back().name));
        }
        if (out.size() == kMaxPeerRelays + 1) {
            file.findings().error(
                relay.line(), file.path_of("peer_relay"),
                fmt::format("a relay can have tunnels to at most {} others", kMaxPeerRelays));
        } else if (port > kLastPort) {
            file.findings().error(
                relay.line(), file.path_of("peer_relay"),
                fmt::format("its tunnel would need port {}; lower tunnel.listen_port", port));
        }
    }
    return out;
}

std::vector<SiteConfig> read_sites(TableReader& file, Facts& facts) {
    std::vector<SiteConfig> out;
    if (!file.has("site") || file.is_empty_list("site")) {
        file.findings().warning(0, "site",
                                "there is no [[site]], so nothing can cross this relay; add [[site]] tables");
    }
    for (auto& site : file.tables("site")) out.push_back(read_site(site, facts));
    return out;
}

}  // namespace ulagate::config_file
