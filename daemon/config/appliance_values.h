// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

// The words that only the tables of the firmware know; see daemon/config/values.h. Of a password no error
// shows anything, nor of what may be a private key.
namespace ulagate::config_file {

// A line of an authorized_keys file: [options] type base64 [comment].
Result<std::string> parse_ssh_key(std::string_view text);

Result<std::string> parse_country(std::string_view text);  // "DE": ISO 3166

Result<std::string> parse_ssid(std::string_view text);
Result<std::string> parse_wifi_password(std::string_view text);
Result<std::string> parse_pppoe_word(std::string_view text);  // the user or the password

// "eth1": of an uplink.
Result<std::string> parse_uplink_interface(std::string_view text);
// Of an interface, with the length of its network: "192.0.2.2/24", "2001:db8::2/64".
Result<net::IpPrefix> parse_interface_address(std::string_view text);
// "192.0.2.1", "fe80::1": a neighbour that packets are given to.
Result<net::IpAddress> parse_gateway(std::string_view text);
Result<net::IpAddress> parse_resolver(std::string_view text);

// The router's own address on a LAN whose hosts have their internet from it: "192.168.83.1/24".
Result<net::Ipv4Prefix> parse_lan_ipv4(std::string_view text);

}  // namespace ulagate::config_file
