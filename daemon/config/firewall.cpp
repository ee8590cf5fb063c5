// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "daemon/config/keys.h"
#include "daemon/config/sections.h"
#include "daemon/config/values.h"

namespace ulagate::config_file {
namespace {

// Unless the file says otherwise.
const std::vector<std::string_view> kUsualInput{"tcp/22"};
const std::vector<std::string_view> kUsualForward{"icmpv6", "udp/58000-60000"};

const OneOf<firewall::Mode> kModes{{"appliance", firewall::Mode::appliance},
                                   {"shared", firewall::Mode::shared},
                                   {"off", firewall::Mode::off}};

// What of [firewall] depends on nothing else; what may be reached depends on the role and on the firmware.
struct FirewallSettings {
    Located<firewall::Mode> mode;
};

const std::tuple kKeys{
    TextKey{"mode", "appliance", kModes, &FirewallSettings::mode},
};

KeyText text_of(std::string_view key, const std::vector<std::string_view>& services) {
    return {fmt::format("{} = [\"{}\"]", key, fmt::join(services, "\", \"")), {}};
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

bool opens_ssh(const std::vector<firewall::Service>& services) {
    constexpr std::uint16_t kSsh = 22;
    return std::any_of(services.begin(), services.end(), [](const firewall::Service& service) {
        if (service.protocol == firewall::Service::Protocol::any) return true;
        if (service.protocol != firewall::Service::Protocol::tcp) return false;
        return service.last_port == 0 || (service.first_port <= kSsh && kSsh <= service.last_port);
    });
}

// Who reaches the ssh of the firmware is said by appliance.ssh_from.
void check_ssh(TableReader& table, std::optional<Role> role, const FirewallConfig& firewall,
               const ApplianceConfig& appliance) {
    using From = ApplianceConfig::SshFrom;
    // To whom `input` opens: on an edge to LANs and overlay, on a relay to all.
    const bool narrower =
        role == Role::relay ? appliance.ssh_from != From::anywhere : appliance.ssh_from == From::lan;
    if (!narrower || !table.has("input") || !opens_ssh(firewall.input)) return;
    table.findings().warning(table.line_of("input"), table.path_of("input"),
                             "opens ssh to more than appliance.ssh_from does; take it out of here");
}

// Without our rules a gateway is none.
void check_gateway_mode(const Located<firewall::Mode>& mode, const Facts& facts, Findings& findings) {
    if (facts.gateways.empty() || !mode.usable()) return;
    if (mode.value == firewall::Mode::off) {
        warn(findings, mode,
             fmt::format("with \"off\" nothing translates addresses for the LAN of line {} (gateway = true); "
                         "translate them by other means, or choose another mode",
                         facts.gateways.front().line));
    } else if (mode.value == firewall::Mode::shared) {
        warn(findings, mode,
             fmt::format("\"shared\" does not protect the LAN of line {} (gateway = true); filter there by "
                         "other means, or choose \"appliance\"",
                         facts.gateways.front().line));
    }
}

}  // namespace

std::vector<KeyText> firewall_keys(Role role) {
    std::vector<KeyText> all = texts_of(kKeys);
    all.push_back(text_of("input", kUsualInput));
    if (role == Role::relay) all.push_back(text_of("forward", kUsualForward));
    return all;
}

FirewallConfig read_firewall(TableReader& file, std::optional<Role> role,
                             const std::optional<ApplianceConfig>& appliance, const Facts& facts) {
    static const toml::table kNothing;
    FirewallConfig out;
    auto table = file.table("firewall");
    if (!table) table.emplace(kNothing, "firewall", 0, file.findings());
    FirewallSettings settings;
    read_keys(*table, kKeys, settings);
    out.mode = settings.mode.value;
    check_gateway_mode(settings.mode, facts, file.findings());
    const bool firmware_ssh = appliance && !appliance->ssh_keys.empty();
    out.input = read_services(*table, "input", firmware_ssh ? std::vector<std::string_view>{} : kUsualInput);
    if (firmware_ssh) check_ssh(*table, role, out, *appliance);
    if (role == Role::relay) {
        out.forward = read_services(*table, "forward", kUsualForward);
    } else if (role == Role::edge) {
        refuse_other_role(*table, "forward", "firewall.forward", Role::relay, Role::edge);
    } else {
        table->ignore("forward");
    }
    table->finish();
    return out;
}

}  // namespace ulagate::config_file
