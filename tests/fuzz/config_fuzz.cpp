// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "daemon/config/config.h"
#include "daemon/config/uplink.h"

// Any bytes as a configuration file: an answer, always the same, whose text is fit for a terminal; and what
// is accepted keeps the promises that the daemon builds on.
namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void check_vrrp(const ulagate::VrrpConfig& vrrp) {
    const ulagate::vrrp::Config& machine = vrrp.machine;
    require(machine.vrid != 0 && machine.priority != 0);
    require(machine.address.is_link_local());
    require(machine.interval.count() >= 1 && machine.interval.count() <= 4095);
    require(machine.preempt_delay.count() >= 0 && machine.start_delay.count() >= 0);
    require(vrrp.accept || machine.priority != 255);
    for (const auto& tracked : vrrp.tracked) require(!tracked.name.empty() && tracked.name.size() <= 15);
}

void check_uplink(const ulagate::UplinkConfig& uplink) {
    using Kind = ulagate::UplinkConfig::Kind;
    require(uplink.kind == Kind::usb || !uplink.interface.empty());
    require(uplink_interface(uplink).size() <= 15);
    require((uplink.kind == Kind::wifi) == uplink.wifi.has_value());
    require(!uplink.pppoe || (uplink.kind == Kind::ethernet && !uplink.fixed));
    require(!uplink.fixed || (!uplink.fixed->addresses.empty() && !uplink.fixed->gateways.empty()));
    if (!uplink.wifi) return;
    require(!uplink.wifi->ssid.empty() && uplink.wifi->ssid.size() <= 32 && !uplink.vlan);
    require(uplink.wifi->password.empty() || uplink.wifi->password.size() >= 8);
}

// What is written into other programs' files must not begin a line of its own there.
void check_appliance(const ulagate::ApplianceConfig& appliance) {
    require(appliance.uplinks.size() <= 16);
    for (const auto& uplink : appliance.uplinks) check_uplink(uplink);
    for (const auto& key : appliance.ssh_keys)
        for (const char c : key) require(c != '\n' && c != '\r' && c != '\0');
    if (!appliance.wifi_ap) return;
    const auto& ap = *appliance.wifi_ap;
    require(!appliance.country.empty() && !ap.ssid.empty() && ap.ssid.size() <= 32);
    require(ap.password.size() >= 8 && ap.password.size() <= 63 && ap.channel <= 165);
    for (const char c : ap.password) require(c >= ' ' && c <= '~');
    for (const char c : ap.ssid) require(c != '\n' && c != '\r' && c != '\0');
}

void check_config(const ulagate::Config& config) {
    if (config.appliance) check_appliance(*config.appliance);
    require(!config.node.empty() && config.node.size() <= 63);
    require(config.overlay.network() == config.overlay);
    require(!config.overlay.contains(config.tunnel.address));
    require(!config.tunnel.private_key_file.empty());
    require((config.role == ulagate::Role::edge) == !config.lans.empty());
    require((config.role == ulagate::Role::edge) == !config.relays.empty());
    for (const auto& lan : config.lans) {
        require(config.overlay.contains(lan.prefix) && lan.prefix.length == 64);
        require(lan.ra.min_interval * 4 <= lan.ra.max_interval * 3);
        require(lan.ra.advertisement.options.size() >= 2);
        if (lan.vrrp) check_vrrp(*lan.vrrp);
        require(!lan.gateway ||
                (!lan.vrrp && lan.gateway->ipv4.length >= 8 && lan.gateway->ipv4.length <= 29));
        require(!lan.gateway || lan.ra.advertisement.router_lifetime.count() != 0);
    }
    for (const auto& relay : config.relays) {
        require(!relay.name.empty() && relay.name.size() <= 11 && !relay.host.empty() && relay.port != 0);
        require(!config.overlay.contains(relay.address));
    }
    for (const auto& site : config.sites) {
        require(!site.prefixes.empty() && !site.routers.empty() && site.routers.size() <= 8);
        for (const auto& prefix : site.prefixes) require(config.overlay.contains(prefix));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libFuzzer's interface
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto loaded = ulagate::load_config(text);
    bool error = false;
    unsigned line = 0;
    for (const auto& finding : loaded.findings) {
        error = error || finding.severity == ulagate::Finding::Severity::error;
        require(finding.line >= line);
        line = finding.line;
        require(!finding.text.empty() && finding.text.size() < 1000);
        for (const char c : finding.text) require(c >= ' ' && c <= '~');
    }
    require(loaded.config.has_value() != error);
    if (loaded.config) check_config(*loaded.config);
    const auto again = ulagate::load_config(text);
    require(again.findings == loaded.findings && again.config == loaded.config);
    return 0;
}
