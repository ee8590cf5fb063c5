// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "daemon/config_sections.h"
#include "daemon/config_values.h"

namespace ulagate {

std::string_view name(Role role) { return role == Role::edge ? "edge" : "relay"; }

namespace config_file {
namespace {

const OneOf<Role> kRoles{{"edge", Role::edge}, {"relay", Role::relay}};

// A table that only the other role has.
void refuse_other_role(TableReader& file, std::string_view key, std::string_view as_written, Role owner,
                       Role ours) {
    file.refuse(key, fmt::format(R"({} belongs to role "{}"; this file says role = "{}")", as_written,
                                 name(owner), name(ours)));
}

net::Ipv6Prefix read_overlay(TableReader& file, Facts& facts) {
    auto overlay = file.table("overlay");
    if (!overlay) {
        if (!file.has("overlay")) file.findings().error(0, "overlay", "is missing; add an [overlay] table");
        return {};
    }
    facts.overlay = overlay->require("prefix", "fd12:3456:789a::/48", parse_overlay);
    overlay->finish();
    return facts.overlay ? facts.overlay->value : net::Ipv6Prefix{};
}

TunnelConfig read_tunnel(TableReader& file, std::optional<Role> role, Facts& facts) {
    const OneOf<wg::BackendChoice> backends{{"auto", wg::BackendChoice::automatic},
                                            {"kernel", wg::BackendChoice::kernel},
                                            {"userspace", wg::BackendChoice::userspace}};
    TunnelConfig out;
    auto tunnel = file.table("tunnel");
    if (!tunnel) {
        if (!file.has("tunnel")) file.findings().error(0, "tunnel", "is missing; add a [tunnel] table");
        return out;
    }
    if (const auto address = tunnel->require("address", "fd99::1", parse_host_address)) {
        out.address = address->value;
        facts.addresses.push_back(*address);
    }
    if (const auto file_name = tunnel->require("private_key", "/etc/ulagate/tunnel.key", parse_key_file)) {
        out.private_key_file = file_name->value;
    }
    // A relay listens on one port a slot, from listen_port on.
    const auto last_port = static_cast<std::uint16_t>(role == Role::relay ? 65535 - (kMaxSlots - 1) : 65535);
    out.listen_port = tunnel->integer<std::uint16_t>("listen_port", 51820, 1, last_port).value;
    const auto mtu = tunnel->integer<std::uint16_t>("mtu", 0, 1280, 65455);
    if (mtu.given()) out.mtu = mtu.value;
    out.backend = tunnel->optional("backend", "auto", backends).value;
    tunnel->finish();
    return out;
}

std::vector<firewall::Service> read_services(TableReader& table, std::string_view key,
                                             const std::vector<std::string_view>& fallback) {
    std::vector<firewall::Service> out;
    for (const auto& service : table.list(key, fallback, parse_service)) {
        if (std::find(out.begin(), out.end(), service.value) != out.end()) {
            warn(table.findings(), service, "lists a service twice; remove one");
            continue;
        }
        out.push_back(service.value);
    }
    return out;
}

FirewallConfig read_firewall(TableReader& file, std::optional<Role> role) {
    static const toml::table kNothing;
    const OneOf<firewall::Mode> modes{{"appliance", firewall::Mode::appliance},
                                      {"shared", firewall::Mode::shared},
                                      {"off", firewall::Mode::off}};
    FirewallConfig out;
    auto table = file.table("firewall");
    if (!table) table.emplace(kNothing, "firewall", 0, file.findings());
    out.mode = table->optional("mode", "appliance", modes).value;
    out.input = read_services(*table, "input", {"tcp/22"});
    if (role == Role::relay) {
        out.forward = read_services(*table, "forward", {"icmpv6", "udp/58000-60000"});
    } else if (role == Role::edge) {
        refuse_other_role(*table, "forward", "firewall.forward", Role::relay, Role::edge);
    } else {
        table->ignore("forward");
    }
    table->finish();
    return out;
}

std::string read_control_group(TableReader& file) {
    auto control = file.table("control");
    if (!control) return {};
    const auto group = control->text("group", "ulagate", parse_group);
    control->finish();
    return group.value;
}

void read_edge(TableReader& file, Config& config, Facts& facts) {
    if (file.holds_tables("site")) {
        refuse_other_role(file, "site", "[[site]]", Role::relay, Role::edge);
    } else if (const auto site = file.require("site", "a", Name{63})) {
        config.site = site->value;
    }
    refuse_other_role(file, "peer_relay", "[[peer_relay]]", Role::relay, Role::edge);
    config.lans = read_lans(file, {config.overlay, config.node}, facts);
    config.relays = read_relays(file, facts);
}

void read_relay_role(TableReader& file, Config& config, Facts& facts) {
    refuse_other_role(file, "lan", "[[lan]]", Role::edge, Role::relay);
    refuse_other_role(file, "relay", "[[relay]]", Role::edge, Role::relay);
    config.relays = read_peer_relays(file, config.tunnel, facts);
    if (file.has("site") && !file.holds_tables("site")) {
        refuse_other_role(file, "site", "site = \"...\"", Role::edge, Role::relay);
    } else {
        config.sites = read_sites(file, facts);
    }
}

Config read(const toml::table& root, Findings& findings) {
    TableReader file{root, "", 0, findings};
    Config config;
    Facts facts;
    std::optional<Role> role;
    if (const auto found = file.require("role", "edge", kRoles)) {
        role = found->value;
        config.role = *role;
    }
    if (const auto node = file.require("node", "a1", Name{63})) {
        config.node = node->value;
        facts.nodes.push_back(*node);
    }
    config.overlay = read_overlay(file, facts);
    config.tunnel = read_tunnel(file, role, facts);
    if (role == Role::edge) {
        read_edge(file, config, facts);
    } else if (role == Role::relay) {
        read_relay_role(file, config, facts);
    } else {  // Whose tables these are is not known, so nothing sensible can be said about them.
        for (const char* key : {"site", "lan", "relay", "peer_relay"}) file.ignore(key);
    }
    config.firewall = read_firewall(file, role);
    config.control_group = read_control_group(file);
    file.finish();
    check(facts, findings);
    return config;
}

// toml++ bounds the depth of nested values (256), but not of dotted keys: [a.a.a...] builds one table a dot
// and destroys them recursively, so a file of some 100 kB would overflow the stack. Only dots that can be
// part of a key count; a row of dots cannot.
std::optional<unsigned> line_with_too_many_dots(std::string_view text) {
    constexpr unsigned kMaxDots = 32;
    unsigned line = 1;
    unsigned dots = 0;
    bool comment = false;
    bool blank = true;
    char before = '\n';
    for (const char c : text) {
        if (c == '\n') {
            ++line;
            dots = 0;
            comment = false;
            blank = true;
        } else if (blank && c != ' ' && c != '\t') {
            blank = false;
            comment = c == '#';
        }
        if (c == '.' && before != '.' && !comment && ++dots > kMaxDots) return line;
        before = c;
    }
    return std::nullopt;
}

// What the parser says may hold text of the file.
std::string harmless(std::string_view text) {
    constexpr std::size_t kMax = 200;
    const std::string quoted = quote(text, kMax);
    return quoted.substr(1, quoted.rfind('"') - 1);
}

}  // namespace
}  // namespace config_file

Loaded load_config(std::string_view text) {
    using namespace config_file;
    constexpr std::size_t kMaxBytes = std::size_t{16} << 20U;
    Findings findings;
    std::optional<Config> config;
    if (text.size() > kMaxBytes) {
        findings.error(0, "", "is larger than 16 MiB, which no configuration is; is this the right file?");
    } else if (const auto line = line_with_too_many_dots(text)) {
        findings.error(*line, "", "has more than 32 dots, which no key has; spread it over several lines");
    } else {
        try {
            config = read(toml::parse(text), findings);
        } catch (const toml::parse_error& error) {
            findings.error(static_cast<unsigned>(error.source().begin.line), "",
                           fmt::format("this is not TOML: {}", harmless(error.description())));
        }
    }
    if (findings.has_errors()) config.reset();
    return {std::move(config), std::move(findings).take()};
}

}  // namespace ulagate
