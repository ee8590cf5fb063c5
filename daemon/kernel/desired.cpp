// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/desired.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "vrrp/neighbor.h"

namespace ulagate {
namespace {

constexpr unsigned kMinimumMtu = 1280;  // RFC 8200 section 5: below it the kernel switches IPv6 off
constexpr unsigned kDefaultMtu = 1420;  // 1500 - 80, while the egress is not known
// WireGuard pads what it carries to such multiples, but not beyond its own interface's MTU. The other end has
// the default, most likely: it would make what just fits our path too large for it.
constexpr unsigned kPadding = 16;
constexpr unsigned kMaximumMtu = 65455;  // what a WireGuard packet can carry inside UDP over IPv6

// Outer IPv4 (20) or IPv6 (40), UDP (8) and WireGuard data header and tag (32).
unsigned overhead(bool ipv6) { return ipv6 ? 80 : 60; }

// Where packets are larger than the kernel believes to be possible, it sends fragments, so both count.
unsigned tunnel_mtu(const TunnelConfig& tunnel, const std::optional<Egress>& egress, bool ipv6,
                    const std::optional<unsigned>& measured = std::nullopt) {
    if (tunnel.mtu) return *tunnel.mtu;
    if (!egress) return kDefaultMtu;
    const unsigned packet = std::min(egress->mtu, measured.value_or(egress->mtu));
    unsigned room = packet > overhead(ipv6) ? packet - overhead(ipv6) : 0;
    if (room < kDefaultMtu) room -= room % kPadding;
    return std::clamp(room, kMinimumMtu, kMaximumMtu);
}

net::Ipv6Prefix host_route(const net::Ipv6Address& address) { return {address, 128}; }

bool is_ours(const std::string& link) { return link.starts_with(kLinkPrefix); }

bool has_gateway(const Config& config) {
    return std::any_of(config.lans.begin(), config.lans.end(),
                       [](const LanConfig& lan) { return lan.gateway.has_value(); });
}

// The kernel's table of IPv6 neighbours, which all links share: below the first size nothing is thrown out,
// above the last nothing is taken in. Only the machine's first network namespace has the settings.
constexpr std::pair<const char*, unsigned> kNeighbourTable[] = {
    {kNeighboursKept, 1024}, {kNeighboursAimedAt, 4096}, {kMostNeighbours, 8192}};

std::optional<unsigned> number_of(const Have& have, const char* path) {
    const auto now = have.sysctls.find(path);
    unsigned number = 0;
    if (now == have.sysctls.end() ||
        std::from_chars(now->second.data(), now->second.data() + now->second.size(), number).ec !=
            std::errc{}) {
        return std::nullopt;
    }
    return number;
}

// Never fewer than the machine has. nullopt: not ours to set here.
std::optional<unsigned> wanted_neighbours(const Have& have) {
    const auto now = number_of(have, kMostNeighbours);
    if (!now) return std::nullopt;
    return std::max(*now, kNeighbourTable[2].second);
}

void want_neighbour_table(Sysctls& wanted, const Have& have) {
    for (const auto& [path, size] : kNeighbourTable) {
        const auto now = number_of(have, path);
        if (now) wanted[path] = std::to_string(std::max(*now, size));
    }
}

// Whether the kernel acts on advertisements there because of its default, "unless this machine forwards"
// (accept_ra = 1): it did so before we made it forward.
bool lives_by_advertisements(const std::string& link, const Have& have) {
    const auto forwarded = [&](const std::string& name) -> std::optional<bool> {
        const std::string path = fmt::format("net/ipv6/conf/{}/forwarding", name);
        const auto changed = have.changed_sysctls.find(path);
        if (changed != have.changed_sysctls.end()) return changed->second.before == "1";
        return std::nullopt;
    };
    if (const auto before = forwarded(link)) return !*before;
    // It has come since: it would have been made like this.
    if (const auto before = forwarded("all")) return !*before;
    const auto now = have.sysctls.find(fmt::format("net/ipv6/conf/{}/forwarding", link));
    return now == have.sysctls.end() || now->second != "1";
}

// Where the machine's own uplink is, or may be: through advertisements that have yet to come, on
// an interface that was there before us. Not on a LAN that we serve, unless there is nothing else.
std::set<std::string> uplinks(const Config& config, const Facts& facts, const Have& have) {
    std::set<std::string> known;
    std::set<std::string> possible;
    std::set<std::string> served;
    for (const auto& [name, link] : have.links) {
        if (name == "lo" || is_ours(name)) continue;
        if (facts.uplinks.contains(name)) known.insert(name);
        const bool early = have.changed_sysctls.empty() ||
                           have.changed_sysctls.contains(fmt::format("net/ipv6/conf/{}/forwarding", name));
        const bool lan =
            std::any_of(config.lans.begin(), config.lans.end(),
                        [&name = name](const LanConfig& each) { return each.interface == name; });
        if (early) (lan ? served : possible).insert(name);
    }
    if (!known.empty()) return known;
    return possible.empty() ? served : possible;
}

// Forwarding on makes the kernel deaf to advertisements, and would kill the machine's own IPv6 uplink: there,
// and nowhere else, accept_ra = 2 ("even so"). What somebody has set to 0 stays; ours goes back where no
// uplink is.
void want_accept_ra(Sysctls& wanted, const Config& config, const Facts& facts, const Have& have) {
    const std::set<std::string> up = uplinks(config, facts, have);
    for (const auto& [name, link] : have.links) {
        if (name == "lo" || is_ours(name)) continue;
        const std::string path = fmt::format("net/ipv6/conf/{}/accept_ra", name);
        const auto now = have.sysctls.find(path);
        if (now == have.sysctls.end()) continue;
        const auto changed = have.changed_sysctls.find(path);
        const bool ours = changed != have.changed_sysctls.end() && now->second == "2";
        if (now->second == "1" && up.contains(name) && lives_by_advertisements(name, have))
            wanted[path] = "2";
        if (ours) wanted[path] = up.contains(name) ? "2" : changed->second.before;
    }
}

void want_settings_of_ours(Wanted& wanted, const Have& have) {
    for (const auto& [name, link] : have.links) {
        if (wanted.tunnels.contains(name) || wanted.macvlans.contains(name))
            wanted.sysctls.merge(settings_of_ours(name));
    }
}

Sysctls wanted_sysctls(const Config& config, const Facts& facts, const Have& have) {
    Sysctls wanted;
    wanted["net/ipv6/conf/all/forwarding"] = "1";
    // Forwarding from one router to another on the same interface, the kernel counts a redirect for each
    // packet, on the budget of ICMPv6 errors to that host (one a second): none would be left for "there is no
    // such site". The kernel counts in ticks and reads back what it rounded to; 20 ms are whole ticks at each
    // of its rates (100, 250, 300 and 1000 a second).
    if (config.role == Role::relay) wanted[kIcmpRateLimit] = "20";
    if (config.role == Role::edge && has_gateway(config)) {
        // The kernel asks the interface that a packet came from, and answers come from whichever uplink
        // works.
        wanted[kIpv4Forwarding] = "1";
        // Each of their first packets to the internet by IPv6 deserves its answer; see above.
        wanted[kIcmpRateLimit] = "20";
    }
    want_neighbour_table(wanted, have);
    for (const LanConfig& lan : config.lans) {
        if (have.links.contains(lan.interface)) {
            wanted[fmt::format("net/ipv6/conf/{}/forwarding", lan.interface)] = "1";
        }
    }
    want_accept_ra(wanted, config, facts, have);
    return wanted;
}

firewall::AccessScope ssh_scope(const ApplianceConfig& appliance) {
    if (appliance.ssh_keys.empty()) return firewall::AccessScope::nobody;
    switch (appliance.ssh_from) {
        case ApplianceConfig::SshFrom::overlay:
            return firewall::AccessScope::overlay;
        case ApplianceConfig::SshFrom::anywhere:
            return firewall::AccessScope::anywhere;
        case ApplianceConfig::SshFrom::lan:
            break;
    }
    return firewall::AccessScope::lans;
}

firewall::Model firewall_model(const Config& config, const Have& have) {
    firewall::Model model;
    static_cast<firewall::Options&>(model) = config.firewall;
    model.role = config.role == Role::edge ? firewall::Role::edge : firewall::Role::relay;
    model.overlay = config.overlay;
    for (const LanConfig& lan : config.lans) {
        firewall::Lan row{lan.interface, lan.prefix, lan.vrrp.has_value(), {}};
        if (lan.vrrp && !lan.vrrp->accept) row.closed = lan.vrrp->machine.address;
        if (lan.gateway) row.gateway = lan.gateway->ipv4;
        if (lan.vrrp && lan.ra.advertisement.router_lifetime.count() > 0)
            row.no_default = lan.vrrp->machine.address;
        model.lans.push_back(row);
        if (sending_interface(lan) == lan.interface) continue;
        row.interface = sending_interface(lan);
        model.lans.push_back(std::move(row));
    }
    if (config.appliance) {
        model.status_page = config.role == Role::edge;
        model.ssh = ssh_scope(*config.appliance);
    }
    for (const SiteConfig& site : config.sites)
        model.sites.insert(site.prefixes.begin(), site.prefixes.end());
    model.peers.insert(config.tunnel.address);
    for (const RelayConfig& relay : config.relays) model.peers.insert(relay.address);
    for (const SiteConfig& site : config.sites) {
        for (const RouterConfig& router : site.routers) model.peers.insert(router.address);
    }
    for (const auto& [name, link] : have.links) {
        if (link.bridge && link.mac) model.bridges.insert({name, *link.mac});
    }
    if (const auto size = wanted_neighbours(have)) model.neighbours = *size;
    return model;
}

bool is_local_rule(const Rule& rule) { return rule.plain && !rule.key.to && rule.key.table == kLocalTable; }

// Before everybody else's but that of the local table.
std::uint32_t rule_preference(const Rules& rules) {
    std::uint32_t first = kRulePreference + 1;
    for (const Rule& rule : rules) {
        if (!rule.ours() && !is_local_rule(rule)) first = std::min(first, rule.key.preference);
    }
    return std::max(first, kLowestRulePreference + 1) - 1;
}

// Our table holds nothing but prefixes that are ours to route, so all packets may ask it.
void want_rules(Wanted& wanted, const Config& config, const Have& have) {
    const std::uint32_t preference = rule_preference(have.rules);
    wanted.rules.insert({preference, kRouteTable});
    const bool local_first = std::any_of(have.rules.begin(), have.rules.end(), [&](const Rule& rule) {
        return is_local_rule(rule) && !rule.ours() && rule.key.preference < preference;
    });
    if (!local_first) wanted.rules.insert({preference - 1, kLocalTable, config.overlay});
}

void want_tunnel(Wanted& wanted, const std::string& interface, unsigned mtu, std::uint16_t port,
                 bool relay_to_relay = false) {
    wanted.tunnels[interface].mtu = mtu;
    wanted.firewall.tunnels.push_back({interface, port, static_cast<std::uint16_t>(mtu), relay_to_relay});
}

// The chosen relay; while that has no interface, the first that has one.
const RelayConfig* carrying_relay(const Config& config, const Facts& facts, const Have& have) {
    const RelayConfig* candidate = nullptr;
    for (const RelayConfig& relay : config.relays) {
        if (!have.links.contains(tunnel_interface(relay))) continue;
        if (relay.name == facts.default_relay) return &relay;
        if (candidate == nullptr) candidate = &relay;
    }
    return candidate;
}

// The same as one route for each site, in fewer entries: the overlay through the default relay, that of most
// of them, and a longer prefix for each site that takes another relay.
void want_overlay(Wanted& wanted, const Config& config, const Facts& facts, const Have& have) {
    if (const RelayConfig* relay = carrying_relay(config, facts, have)) {
        wanted.routes[{config.overlay, kRouteMetric}] = {tunnel_interface(*relay)};
    }
    if (config.relays.size() == 1) return;
    // Behind it one for each tunnel. A probe is bound to its tunnel, and the kernel sends it there only if
    // some route leads there; should the chosen interface vanish, the next one takes over by itself.
    std::uint32_t metric = kRouteMetric;
    for (const RelayConfig& relay : config.relays) {
        const std::string interface = tunnel_interface(relay);
        ++metric;
        if (!have.links.contains(interface)) continue;
        wanted.routes[{config.overlay, metric}] = {interface};
        for (const auto& [site, through] : facts.relay_of_site) {
            if (through == relay.name) wanted.routes[{site, kRouteMetric}] = {interface};
        }
    }
}

bool serves_the_site(const Config& config, const Facts& facts) {
    return std::any_of(config.lans.begin(), config.lans.end(), [&](const LanConfig& lan) {
        return !lan.vrrp || facts.active_lans.contains(lan.interface);
    });
}

void want_relays(Wanted& wanted, const Config& config, const Facts& facts, const Have& have) {
    for (std::size_t index = 0; index < config.relays.size(); ++index) {
        const RelayConfig& relay = config.relays[index];
        const auto known = facts.relays.find(relay.name);
        const RelayFacts now = known == facts.relays.end() ? RelayFacts{} : known->second;
        const std::uint16_t port = now.listen_port.value_or(relay_port(config, index));
        const bool ipv6 = now.endpoint && std::holds_alternative<net::Ipv6Address>(now.endpoint->address);
        const std::string interface = tunnel_interface(relay);
        const auto link = have.links.find(interface);
        // While the relay's name is not resolved (again), what was measured before a restart stays.
        // One that is not up yet has what it was made with, or is being given by wireguard-go.
        const bool keep = !config.tunnel.mtu && !now.egress && link != have.links.end() && link->second.up;
        if (now.endpoint_route && now.endpoint)
            wanted.endpoint_routes.emplace(now.endpoint->address, *now.endpoint_route);
        want_tunnel(wanted, interface,
                    keep ? link->second.mtu : tunnel_mtu(config.tunnel, now.egress, ipv6, now.path_mtu), port,
                    config.role == Role::relay);
        if (facts.private_key) {
            wg::DeviceConfig device{*facts.private_key, port, {}};
            // A peer without an endpoint would waste its first handshake, and WireGuard allows the next one
            // only 5 s later (REKEY_TIMEOUT). A peer that is there already, from before a restart, keeps the
            // endpoint it has.
            const bool there = find_peer(have, interface, relay.public_key) != nullptr;
            const bool may_begin = now.endpoint && !facts.clock_behind && !facts.handing_over;
            if ((may_begin || there) && may_use(config, facts, relay) && !now.renew_peer) {
                wg::PeerConfig& peer = device.peers[relay.public_key];
                peer.endpoint = now.endpoint;
                // The relay would answer to wherever the shared key was heard last.
                const bool quiet = relay.kind == RelayKind::plain && facts.handing_over;
                peer.keepalive_seconds = quiet ? std::uint16_t{0} : relay.keepalive_seconds;
                peer.allowed_ips = {config.overlay, host_route(relay.address)};
            }
            wanted.tunnels[interface].device = std::move(device);
        }
        // A route needs its interface, which this run may only be about to create.
        if (have.links.contains(interface)) {
            wanted.routes[{host_route(relay.address), kRouteMetric}] = {interface};
        }
    }
}

void want_lans(Wanted& wanted, const Config& config, const Facts& facts, const Have& have) {
    const std::uint64_t own = interface_identifier(config.node);
    for (const LanConfig& lan : config.lans) {
        const auto link = have.links.find(lan.interface);
        if (link == have.links.end() || !link->second.up) continue;
        const auto address = [&](const std::string& on, std::uint64_t identifier) {
            return AddressKey{on, {net::with_interface_identifier(lan.prefix, identifier), 64}};
        };
        wanted.addresses[address(lan.interface, own)] = {.check_duplicate = true};
        wanted.routes[{lan.prefix, kRouteMetric}] = {lan.interface};
        // <site>::1 belongs to whichever router is Active: no duplicate address detection, which would keep
        // it from working for a second at each hand-over.
        if (!lan.vrrp) {
            wanted.addresses[address(lan.interface, 1)] = {false, false};
            continue;
        }
        const bool active = facts.active_lans.contains(lan.interface);
        const std::string sending = sending_interface(lan);
        const auto speaker = have.links.find(sending);
        if (lan.vrrp->virtual_mac) {
            const bool stays = facts.handing_over && speaker != have.links.end() && speaker->second.up;
            wanted.macvlans[sending] = {lan.interface, vrrp::virtual_mac(lan.vrrp->machine.vrid),
                                        active || stays};
        }
        if (!active || speaker == have.links.end() || !speaker->second.up) continue;
        for (const AddressKey& held : virtual_addresses(lan)) wanted.addresses[held] = {.leased = true};
    }
}

// A router that was connected before our device was lost is where it was, behind a NAT mapping that is still
// open: traffic to it begins with a handshake that we send there.
void want_last_endpoint(wg::PeerConfig& peer, const wg::PublicKey& key, const Facts& facts, bool there) {
    const auto last = facts.last_endpoints.find(key);
    if (!there && last != facts.last_endpoints.end()) peer.endpoint = last->second;
    // A keepalive that is switched on is sent at once.
    if (facts.reconnecting.contains(key)) peer.keepalive_seconds = kReconnectKeepalive;
}

void want_router_tunnels(Wanted& wanted, const Config& config, const Facts& facts, const Have& have) {
    const std::size_t interfaces = router_index_count(config);
    const unsigned mtu = tunnel_mtu(config.tunnel, facts.uplink, true);
    for (std::size_t router_index = 0; router_index < interfaces; ++router_index) {
        const auto port = static_cast<std::uint16_t>(config.tunnel.listen_port + router_index);
        want_tunnel(wanted, router_interface(router_index), mtu, port);
        if (facts.private_key) {
            wanted.tunnels[router_interface(router_index)].device =
                wg::DeviceConfig{*facts.private_key, port, {}};
        }
    }
    for (const SiteConfig& site : config.sites) {
        for (std::size_t router_index = 0; router_index < site.routers.size(); ++router_index) {
            const RouterConfig& router = site.routers[router_index];
            const std::string interface = router_interface(router_index);
            auto& device = wanted.tunnels[interface].device;
            if (device && !facts.renew_peers.contains(router.public_key)) {
                wg::PeerConfig& peer = device->peers[router.public_key];
                peer.allowed_ips = {site.prefixes.begin(), site.prefixes.end()};
                peer.allowed_ips.insert(host_route(router.address));
                const bool there = find_peer(have, interface, router.public_key) != nullptr;
                want_last_endpoint(peer, router.public_key, facts, there);
            }
            if (have.links.contains(interface)) {
                wanted.routes[{host_route(router.address), kRouteMetric}] = {interface};
            }
        }
        for (const net::Ipv6Prefix& prefix : site.prefixes) {
            const auto owner = facts.owners.find(prefix);
            const bool known = owner != facts.owners.end() && owner->second < site.routers.size();
            const std::size_t router_index = known ? owner->second : default_router_index(site);
            if (have.links.contains(router_interface(router_index)))
                wanted.routes[{prefix, kRouteMetric}] = {router_interface(router_index)};
        }
    }
}

// Instead of the route to a router that is not there.
void want_transit(Wanted& wanted, const Config& config, const Facts& facts, const Have& have) {
    for (const RelayConfig& relay : config.relays) {
        const std::string interface = tunnel_interface(relay);
        if (!have.links.contains(interface)) continue;
        for (const auto& [site, name] : facts.transit) {
            const auto route = wanted.routes.find({site, kRouteMetric});
            if (name == relay.name && route != wanted.routes.end()) route->second = {interface};
        }
    }
}

}  // namespace

Sysctls settings_of_ours(const std::string& interface) {
    const std::string conf = fmt::format("net/ipv6/conf/{}/", interface);
    Sysctls out{{conf + "accept_ra", "0"}, {conf + "addr_gen_mode", "1"}, {conf + "disable_ipv6", "0"}};
    if (is_macvlan_name(interface)) {
        out[conf + "autoconf"] = "0";
        out[conf + "router_solicitations"] = "0";
    }
    return out;
}

std::vector<std::string> settings_of_others(const std::string& interface) {
    std::vector<std::string> out;
    for (const char* name : {"accept_ra", "addr_gen_mode", "disable_ipv6", "forwarding"})
        out.push_back(fmt::format("net/ipv6/conf/{}/{}", interface, name));
    return out;
}

std::string tunnel_interface(const RelayConfig& relay) { return kLinkPrefix + relay.name; }
std::size_t default_router_index(const SiteConfig& site) {
    const auto best = std::max_element(site.routers.begin(), site.routers.end(),
                                       [](const auto& a, const auto& b) { return a.priority < b.priority; });
    return static_cast<std::size_t>(best - site.routers.begin());
}

std::size_t router_index_count(const Config& config) {
    std::size_t interfaces = 1;
    for (const SiteConfig& site : config.sites) interfaces = std::max(interfaces, site.routers.size());
    return interfaces;
}
bool may_use(const Config& config, const Facts& facts, const RelayConfig& relay) {
    return relay.kind == RelayKind::ulagate || serves_the_site(config, facts) || facts.handing_over;
}
std::uint16_t relay_port(const Config& config, std::size_t index) {
    const std::size_t first = config.tunnel.listen_port + (config.role == Role::relay ? kMaxRouters : 0);
    return static_cast<std::uint16_t>(first + index);
}
std::string router_interface(std::size_t router_index) {
    return fmt::format("{}s{}", kLinkPrefix, router_index + 1);
}
std::string sending_interface(const LanConfig& lan) {
    if (!lan.vrrp || !lan.vrrp->virtual_mac) return lan.interface;
    return fmt::format("{}v{}", kLinkPrefix, lan.vrrp->machine.vrid);
}
std::vector<AddressKey> virtual_addresses(const LanConfig& lan) {
    const std::string sending = sending_interface(lan);
    return {{sending, {lan.vrrp->machine.address, 128}},
            {sending, {net::with_interface_identifier(lan.prefix, 1), 64}}};
}

Wanted desired(const Config& config, const Facts& facts, const Have& have) {
    Wanted wanted;
    wanted.firewall = firewall_model(config, have);
    wanted.sysctls = wanted_sysctls(config, facts, have);
    // On the loopback interface and not on the tunnels: an address on a tunnel would win as the source of our
    // ICMPv6 errors to remote hosts (RFC 6724 rule 5, prefer the outgoing interface), and the relays'
    // cryptokey routing accepts it from us, but the remote router's does not.
    wanted.addresses[{"lo", {config.tunnel.address, 128}}] = {false, false};
    wanted.routes[{config.overlay, kUnreachableMetric}] = {};
    want_rules(wanted, config, have);
    if (config.role == Role::edge) {
        want_lans(wanted, config, facts, have);
        want_relays(wanted, config, facts, have);
        want_overlay(wanted, config, facts, have);
    } else {
        want_router_tunnels(wanted, config, facts, have);
        want_relays(wanted, config, facts, have);
        want_transit(wanted, config, facts, have);
    }
    want_settings_of_ours(wanted, have);
    return wanted;
}

Wanted nothing_wanted(const Have& have) {
    Wanted wanted;
    wanted.firewall.mode = firewall::Mode::off;
    for (const auto& [path, change] : have.changed_sysctls) {
        const auto now = have.sysctls.find(path);
        const bool stands = now != have.sysctls.end() && (change.ours.empty() || now->second == change.ours);
        if (stands) wanted.sysctls[path] = change.before;
    }
    return wanted;
}

}  // namespace ulagate
