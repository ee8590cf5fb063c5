// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "daemon/config/sections.h"
#include "daemon/config/values.h"

namespace ulagate {

std::string_view name(Role role) { return role == Role::edge ? "edge" : "relay"; }

namespace config_file {
namespace {

const OneOf<Role> kRoles{{"edge", Role::edge}, {"relay", Role::relay}};

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
    // A relay listens on one port for each router index, from listen_port on.
    const auto last_port =
        static_cast<std::uint16_t>(role == Role::relay ? 65535 - (kMaxRouters - 1) : 65535);
    out.listen_port = tunnel->integer<std::uint16_t>("listen_port", 51820, 1, last_port).value;
    const auto mtu = tunnel->integer<std::uint16_t>("mtu", 0, 1280, 65455);
    if (mtu.given()) out.mtu = mtu.value;
    out.backend = tunnel->optional("backend", "auto", backends).value;
    tunnel->finish();
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
    config.appliance = read_appliance(file, role, config.node, facts);
    if (role == Role::edge) {
        read_edge(file, config, facts);
    } else if (role == Role::relay) {
        read_relay_role(file, config, facts);
    } else {  // Whose tables these are is not known, so nothing sensible can be said about them.
        for (const char* key : {"site", "lan", "relay", "peer_relay"}) file.ignore(key);
    }
    config.firewall = read_firewall(file, role, config.appliance, facts);
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

// Of a line with a password, and of the one below it, where an open quote is noticed, nothing is shown.
bool is_secret(std::string_view text, unsigned line) {
    unsigned here = 1;
    while (!text.empty()) {
        const std::string_view row = text.substr(0, text.find('\n'));
        if ((here == line || here + 1 == line) && row.find("password") != std::string_view::npos) return true;
        if (here == line || row.size() == text.size()) return false;
        text.remove_prefix(row.size() + 1);
        ++here;
    }
    return false;
}

std::string syntax_error(std::string_view text, unsigned line, std::string_view description) {
    if (is_secret(text, line))
        return "this is not TOML: something is wrong near a password; write it in quotes, like password = "
               "\"...\"";
    return fmt::format("this is not TOML: {}", harmless(description));
}

}  // namespace

void refuse_other_role(TableReader& file, std::string_view key, std::string_view as_written, Role owner,
                       Role ours) {
    file.refuse(key, fmt::format(R"({} belongs to role "{}"; this file says role = "{}")", as_written,
                                 name(owner), name(ours)));
}
}  // namespace config_file

Loaded load_config(std::string_view text) {
    using namespace config_file;
    constexpr std::size_t kMaxBytes = std::size_t{16} << 20U;
    Findings findings;
    std::optional<Config> config;
    if (text.size() > kMaxBytes) {
        findings.error(0, "", "is larger than 16 MiB; is this the right file?");
    } else if (const auto line = line_with_too_many_dots(text)) {
        findings.error(*line, "",
                       "contains more than 32 dots, more than any key; spread it over several lines");
    } else {
        try {
            config = read(toml::parse(text), findings);
        } catch (const toml::parse_error& error) {
            const auto row = static_cast<unsigned>(error.source().begin.line);
            findings.error(row, "", syntax_error(text, row, error.description()));
        }
    }
    if (findings.has_errors()) config.reset();
    return {std::move(config), std::move(findings).take()};
}

}  // namespace ulagate
