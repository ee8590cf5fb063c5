// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clients/wifi_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "daemon/base/text.h"

namespace ulagate::appliance {
namespace {

using Security = WifiApConfig::Security;
using Band = WifiApConfig::Band;

constexpr std::size_t kMaxSsid = 32;
constexpr std::size_t kMinPassword = 8;
constexpr std::size_t kMaxPassword = 63;

Result<std::string> hex_ssid(std::string_view ssid) {
    if (ssid.empty() || ssid.size() > kMaxSsid) {
        return fail("Wi-Fi: a network name has 1 to 32 bytes: " + quote(ssid));
    }
    std::string out;
    for (const char c : ssid)
        fmt::format_to(std::back_inserter(out), "{:02x}",
                       static_cast<unsigned>(static_cast<unsigned char>(c)));
    return out;
}

Result<std::string> passphrase(std::string_view password) {
    const bool printable =
        std::all_of(password.begin(), password.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
    if (!printable || password.size() < kMinPassword || password.size() > kMaxPassword) {
        return fail("Wi-Fi: a password has 8 to 63 printable ASCII characters");
    }
    return std::string(password);
}

bool is_country(std::string_view country) {
    return country.size() == 2 &&
           std::all_of(country.begin(), country.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string security_lines(const WifiApConfig& ap, const std::string& password) {
    // sae_pwe=2: both ways of WPA3's key derivation; older phones know only the first. The radios of the Pi
    // stop their access point when protected management frames are offered with WPA2, so only WPA3 brings
    // them.
    switch (ap.security) {
        case Security::wpa2:
            return fmt::format("wpa_key_mgmt=WPA-PSK\nieee80211w=0\nwpa_passphrase={}\n", password);
        case Security::wpa2_wpa3:
            return fmt::format(
                "wpa_key_mgmt=WPA-PSK SAE\nieee80211w=1\nsae_require_mfp=1\nsae_pwe=2\n"
                "wpa_passphrase={}\n",
                password);
        case Security::wpa3:
            return fmt::format(
                "wpa_key_mgmt=SAE\nieee80211w=2\nsae_require_mfp=1\nsae_pwe=2\nwpa_passphrase={}\n",
                password);
    }
    return {};
}

}  // namespace

Result<std::string> hostapd_conf(const WifiApConfig& ap, const std::string& country) {
    const auto ssid = hex_ssid(ap.ssid);
    if (!ssid) return tl::unexpected{ssid.error()};
    const auto password = passphrase(ap.password);
    if (!password) return tl::unexpected{password.error()};
    if (!country.empty() && !is_country(country)) return fail("Wi-Fi: no country: " + quote(country));
    const bool fast = ap.band == Band::ghz_5;
    if (fast && country.empty()) {
        return fail("Wi-Fi: at 5 GHz the rules differ from country to country: set [appliance] country");
    }
    const std::uint16_t usual = fast ? 36 : 6;
    std::string out =
        fmt::format("interface={}\ndriver=nl80211\nssid2={}\nutf8_ssid=1\n", ap.interface, *ssid);
    if (!country.empty()) out += fmt::format("country_code={}\nieee80211d=1\n", country);
    // Between 52 and 144 there may be radar, which the radio has to watch for.
    const std::uint16_t channel = ap.channel == 0 ? usual : ap.channel;
    if (channel >= 52 && channel <= 144) out += "ieee80211h=1\n";
    out += fmt::format("hw_mode={}\nchannel={}\nieee80211n=1\n", fast ? "a" : "g", channel);
    if (fast) out += "ieee80211ac=1\n";
    // Clients may talk to each other, as on a cable. Those that vanish are noticed.
    out += "wmm_enabled=1\nauth_algs=1\nignore_broadcast_ssid=0\nap_isolate=0\ndisassoc_low_ack=1\n";
    out += "wpa=2\nrsn_pairwise=CCMP\n" + security_lines(ap, *password);
    return out;
}

Result<std::string> wpa_supplicant_conf(const std::vector<UplinkConfig::Wifi>& networks,
                                        const std::string& country) {
    if (!country.empty() && !is_country(country)) return fail("Wi-Fi: no country: " + quote(country));
    std::string out;
    if (!country.empty()) out += fmt::format("country={}\n", country);
    out += "update_config=0\nap_scan=1\nsae_pwe=2\n";
    for (std::size_t i = 0; i < networks.size(); ++i) {
        const UplinkConfig::Wifi& wifi = networks[i];
        const auto ssid = hex_ssid(wifi.ssid);
        if (!ssid) return tl::unexpected{ssid.error()};
        out += fmt::format("network={{\n\tssid={}\n\tpriority={}\n", *ssid, networks.size() - i);
        if (wifi.hidden) out += "\tscan_ssid=1\n";
        if (wifi.password.empty()) {
            out += "\tkey_mgmt=NONE\n";
        } else {
            const auto password = passphrase(wifi.password);
            if (!password) return tl::unexpected{password.error()};
            // It ends at the last quotation mark of the line: one inside needs no escape.
            out += fmt::format("\tkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\n\tieee80211w=1\n\tpsk=\"{}\"\n",
                               *password);
        }
        out += "}\n";
    }
    return out;
}

}  // namespace ulagate::appliance
