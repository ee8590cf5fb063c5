// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/config/appliance.h"

namespace ulagate::appliance {

// The configuration of hostapd for [wifi_ap], and of wpa_supplicant for the networks of one radio, the first
// preferred. Network names are written as hexadecimal numbers and passwords only when they are printable, so
// that nothing in them can become a line of its own. An error says what the radio cannot be told.
Result<std::string> hostapd_conf(const WifiApConfig& ap, const std::string& country);
Result<std::string> wpa_supplicant_conf(const std::vector<UplinkConfig::Wifi>& networks,
                                        const std::string& country);

}  // namespace ulagate::appliance
