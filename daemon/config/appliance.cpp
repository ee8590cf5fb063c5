// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <map>

#include "daemon/config/appliance_values.h"
#include "daemon/config/sections.h"
#include "daemon/config/values.h"

namespace ulagate::config_file {
namespace {

using Band = WifiApConfig::Band;
using Security = WifiApConfig::Security;
using SshFrom = ApplianceConfig::SshFrom;

constexpr std::size_t kMaxTimeServers = 8;

// [appliance] as the file says it, as far as something else has to agree with it.
struct ApplianceSettings {
    Located<std::string> country;
    bool has_keys = false;
};

void read_ssh(TableReader& table, std::optional<Role> role, ApplianceConfig& out) {
    const OneOf<SshFrom> sources{
        {"lan", SshFrom::lan}, {"overlay", SshFrom::overlay}, {"anywhere", SshFrom::anywhere}};
    for (const auto& key : table.list_or_none("ssh_keys", "ssh-ed25519 AAAAC3Nz... name", parse_ssh_key)) {
        if (std::find(out.ssh_keys.begin(), out.ssh_keys.end(), key.value) != out.ssh_keys.end()) {
            warn(table.findings(), key, "lists a key twice; remove one");
            continue;
        }
        out.ssh_keys.push_back(key.value);
    }
    const auto from = table.optional("ssh_from", role == Role::relay ? "overlay" : "lan", sources);
    out.ssh_from = from.value;
    if (!from.given()) return;
    if (role == Role::relay && from.value == SshFrom::lan)
        complain(table.findings(), from,
                 R"("lan" allows no access, because a relay has no LANs; choose "overlay" or "anywhere")");
    if (!table.has("ssh_keys") || table.is_empty_list("ssh_keys"))
        warn(table.findings(), from,
             "has no effect without ssh_keys, because there are no passwords; add a key to them");
}

ApplianceSettings read_appliance_table(TableReader& file, std::optional<Role> role, ApplianceConfig& out) {
    static const toml::table kNothing;
    ApplianceSettings settings;
    auto table = file.table("appliance");
    if (!table) table.emplace(kNothing, "appliance", 0, file.findings());
    const auto hostname = table->text("hostname", "gateway", Name{63});
    if (hostname.given()) out.hostname = hostname.value;
    read_ssh(*table, role, out);
    for (const auto& server : table->list_or_none("time_servers", "pool.ntp.org", parse_server)) {
        out.time_servers.push_back(server.value);
        if (out.time_servers.size() == kMaxTimeServers + 1)
            complain(table->findings(), server,
                     fmt::format("has more than {}; four are enough", kMaxTimeServers));
    }
    settings.country = table->text("country", "DE", parse_country);
    out.country = settings.country.value;
    out.console_login = table->flag("console_login", false).value;
    table->finish();
    return settings;
}

// The 20 MHz channels of the band that access points use: 14 is Japan's and for 802.11b only.
bool has_channel(Band band, std::uint16_t channel) {
    if (band == Band::ghz_2_4) return channel >= 1 && channel <= 13;
    if (channel >= 149) return channel <= 165 && (channel - 149) % 4 == 0;
    return (channel >= 36 && channel <= 64 && channel % 4 == 0) ||
           (channel >= 100 && channel <= 144 && channel % 4 == 0);
}

void check_channel(const Located<Band>& band, const Located<std::uint16_t>& channel, Findings& findings) {
    if (!band.usable() || !channel.given()) return;
    if (!has_channel(band.value, channel.value)) {
        complain(
            findings, channel,
            band.value == Band::ghz_2_4
                ? fmt::format("{} is not one of the band \"2.4GHz\"; choose 1 to 13, best 1, 6 or 11, or "
                              "band = \"5GHz\"",
                              channel.value)
                : fmt::format("{} is not one of the band \"5GHz\"; choose 36, 40, 44, 48 or, where "
                              "allowed, a higher one, or band = \"2.4GHz\"",
                              channel.value));
        return;
    }
    if (band.value == Band::ghz_5 && channel.value >= 52 && channel.value <= 144) {
        warn(findings, channel,
             fmt::format("{} is shared with radar: the access point has to listen for minutes first, and "
                         "small radios cannot; choose 36, 40, 44 or 48",
                         channel.value));
    }
}

WifiApConfig read_wifi_ap(TableReader& ap, Facts& facts) {
    const OneOf<Security> securities{
        {"wpa2", Security::wpa2}, {"wpa2+wpa3", Security::wpa2_wpa3}, {"wpa3", Security::wpa3}};
    const OneOf<Band> bands{{"2.4GHz", Band::ghz_2_4}, {"5GHz", Band::ghz_5}};
    WifiApConfig out;
    if (const auto interface = ap.require("interface", "wlan0", parse_interface)) {
        out.interface = interface->value;
        facts.access_point = *interface;
    }
    if (const auto ssid = ap.require("ssid", "my site", parse_ssid)) out.ssid = ssid->value;
    if (const auto password = ap.require("password", "8 to 63 characters", parse_wifi_password))
        out.password = password->value;
    out.security = ap.optional("security", "wpa2", securities).value;
    const auto band = ap.optional("band", "2.4GHz", bands);
    const auto channel = ap.integer<std::uint16_t>("channel", 0, 1, 165);
    out.band = band.value;
    out.channel = channel.value;
    check_channel(band, channel, ap.findings());
    ap.finish();
    return out;
}

void check_country(const Located<std::string>& country, const ApplianceConfig& appliance,
                   Findings& findings) {
    if (country.given() || !country.usable()) return;
    const bool client = std::any_of(appliance.uplinks.begin(), appliance.uplinks.end(),
                                    [](const auto& uplink) { return uplink.wifi.has_value(); });
    if (!appliance.wifi_ap && !client) return;
    findings.error(country.line, country.key,
                   "is missing, but it decides what a radio may send; add country = \"DE\" (or where "
                   "this machine is) to [appliance]");
}

}  // namespace

std::optional<ApplianceConfig> read_appliance(TableReader& file, std::optional<Role> role,
                                              const std::string& node, Facts& facts) {
    const bool there = file.has("appliance") || file.has("uplink") || file.has("wifi_ap");
    ApplianceConfig out;
    out.hostname = node;
    const ApplianceSettings settings = read_appliance_table(file, role, out);
    out.uplinks = read_uplinks(file, facts);
    if (auto ap = file.table("wifi_ap")) out.wifi_ap = read_wifi_ap(*ap, facts);
    check_country(settings.country, out, file.findings());
    if (!there) return std::nullopt;
    return out;
}

}  // namespace ulagate::config_file
