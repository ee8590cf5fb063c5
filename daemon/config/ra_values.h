// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

// The words that only [lan.ra] knows; see daemon/config/values.h.
namespace ulagate::config_file {

// "2027-06-30T00:00:00Z": RFC 3339 in UTC, from 1970 to 9999.
Result<std::chrono::sys_seconds> parse_instant(std::string_view text);

Result<net::Ipv6Prefix> parse_route(std::string_view text);        // of a Route Information option
Result<net::Ipv6Address> parse_dns_server(std::string_view text);  // may be link-local (RFC 8106)
Result<std::string> parse_search_domain(std::string_view text);
Result<net::Ipv6Prefix> parse_pref64(std::string_view text);
Result<std::string> parse_captive_portal(std::string_view text);  // a URI

}  // namespace ulagate::config_file
