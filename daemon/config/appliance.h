// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"

// The tables of a configuration file that only the firmware reads ([appliance], [[uplink]], [wifi_ap]), typed
// and checked. On any other machine they are checked too, and then left alone: the same file works
// everywhere.
namespace ulagate {

// One [[uplink]]: a link that leads to the internet. All are kept ready; the first of the list that works is
// used.
struct UplinkConfig {
    enum class Kind {
        ethernet,
        wifi,
        usb
    };              // usb: phones and LTE sticks that look like Ethernet, by their driver
    struct Fixed {  // addresses = "static"
        std::vector<net::IpPrefix> addresses;  // interface addresses: "192.0.2.2/24", "2001:db8::2/64"
        std::vector<net::IpAddress> gateways;  // at most one of each family
        std::vector<net::IpAddress> dns;
        bool operator==(const Fixed&) const = default;
    };
    struct Wifi {
        std::string ssid;
        std::string password;  // 8 to 63 characters; empty: an open network
        bool hidden = false;
        bool operator==(const Wifi&) const = default;
    };
    struct Pppoe {
        std::string user;
        std::string password;
        bool operator==(const Pppoe&) const = default;
    };
    Kind kind = Kind::ethernet;
    std::string interface;              // usb: empty = whichever is plugged in
    std::optional<std::uint16_t> vlan;  // 1 to 4094, on top of the interface
    std::optional<Fixed> fixed;         // nullopt: DHCP and SLAAC
    std::optional<Wifi> wifi;           // exactly with Kind::wifi
    std::optional<Pppoe> pppoe;
    bool operator==(const UplinkConfig&) const = default;
};

// [wifi_ap]: this machine is an access point. Its interface is that of a [[lan]].
struct WifiApConfig {
    enum class Security { wpa2, wpa2_wpa3, wpa3 };
    enum class Band { ghz_2_4, ghz_5 };
    std::string interface;
    std::string ssid;
    std::string password;  // 8 to 63 characters
    Security security = Security::wpa2;
    Band band = Band::ghz_2_4;
    std::uint16_t channel = 0;  // 0: a usual one of the band
    bool operator==(const WifiApConfig&) const = default;
};

// [appliance], with the tables beside it.
struct ApplianceConfig {
    enum class SshFrom { lan, overlay, anywhere };  // overlay: and the LANs
    std::string hostname;                           // the node's name unless given
    std::vector<std::string> ssh_keys;              // lines of an authorized_keys file; none: no ssh
    SshFrom ssh_from = SshFrom::lan;
    std::vector<std::string> time_servers;  // names or addresses
    std::string country;                    // ISO 3166, two capital letters; empty: not said
    bool console_login = false;
    std::vector<UplinkConfig>
        uplinks;  // in order of preference; empty: every Ethernet port and USB network device
    std::optional<WifiApConfig> wifi_ap;
    bool operator==(const ApplianceConfig&) const = default;
};

// [[lan]] gateway = true: this LAN has its internet from us. To the hosts we are the default router; IPv4 by
// DHCP and NAT (the firmware does both).
struct GatewayConfig {
    net::Ipv4Prefix ipv4;  // our own address and its network: 192.168.83.1/24
    bool operator==(const GatewayConfig&) const = default;
};

}  // namespace ulagate
