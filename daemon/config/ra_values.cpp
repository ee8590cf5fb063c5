// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/ra_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "daemon/base/text.h"
#include "daemon/config/values.h"
#include "ra/option.h"

namespace ulagate::config_file {
namespace {

// `text` has digits only.
std::optional<int> parse_digits(std::string_view text) {
    const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    int value = 0;
    if (!digits || std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{})
        return std::nullopt;
    return value;
}

// The form "dddd-dd-ddTdd:dd:ddZ", with what the calendar and the clock have.
std::optional<std::chrono::sys_seconds> to_instant(std::string_view text) {
    constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";
    if (text.size() != kForm.size()) return std::nullopt;
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        if (kForm.at(i) != 'd' && kForm.at(i) != text.at(i)) return std::nullopt;
    }
    const auto year = parse_digits(text.substr(0, 4));
    const auto month = parse_digits(text.substr(5, 2));
    const auto day = parse_digits(text.substr(8, 2));
    const auto hour = parse_digits(text.substr(11, 2));
    const auto minute = parse_digits(text.substr(14, 2));
    const auto second = parse_digits(text.substr(17, 2));
    if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok() || *year < 1970 || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
    return std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
           std::chrono::seconds{*second};
}

}  // namespace

Result<std::chrono::sys_seconds> parse_instant(std::string_view text) {
    const auto instant = to_instant(text);
    if (!instant) {
        return fail(fmt::format("{} is not a point in time; write one in UTC, like \"2027-06-30T00:00:00Z\"",
                                quote(text)));
    }
    return *instant;
}

Result<net::Ipv6Prefix> parse_route(std::string_view text) {
    auto prefix = parse_network(text);
    if (prefix &&
        (prefix->address.is_multicast() || (prefix->length > 0 && prefix->address.is_link_local()))) {
        return fail(fmt::format("{} cannot be reached through a router; remove it", to_string(*prefix)));
    }
    return prefix;
}

Result<net::Ipv6Address> parse_dns_server(std::string_view text) {
    const auto address = net::parse_ipv6(text);
    if (!address) {
        return fail(fmt::format(
            "{} is not an IPv6 address; write one without a length, like \"fd12:3456:789a:a::53\"",
            quote(text)));
    }
    net::Ipv6Address loopback;
    loopback.bytes.back() = 1;
    if (address->is_unspecified() || address->is_multicast() || *address == loopback) {
        return fail(fmt::format("{} cannot be the address of a DNS server; write the server's own",
                                to_string(*address)));
    }
    return *address;
}

Result<std::string> parse_search_domain(std::string_view text) {
    if (!ra::is_search_domain(text)) {
        return fail(
            fmt::format("{} is not a domain name; write one without a dot at the end, like \"example.net\"",
                        quote(text)));
    }
    return std::string{text};
}

Result<net::Ipv6Prefix> parse_pref64(std::string_view text) {
    auto prefix = parse_network(text);
    if (!prefix) return prefix;
    if (!ra::is_pref64_length(prefix->length)) {
        return fail(
            fmt::format("{} is not a /32, /40, /48, /56, /64 or /96, the only lengths of NAT64 (RFC 6052)",
                        to_string(*prefix)));
    }
    // RFC 6052 section 2.2: bits 64 to 71 are zero in every form.
    if (prefix->address.bytes.at(8) != 0 || prefix->address.is_multicast() ||
        prefix->address.is_link_local()) {
        return fail(
            fmt::format("{} cannot be a NAT64 prefix (RFC 6052); the well-known one is \"64:ff9b::/96\"",
                        to_string(*prefix)));
    }
    return prefix;
}

Result<std::string> parse_captive_portal(std::string_view text) {
    if (text == ra::kNoCaptivePortal) return std::string{text};
    constexpr std::string_view kScheme = "https://";
    const bool visible = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
    const bool has_host = text.size() > kScheme.size() && text.at(kScheme.size()) != '/';
    if (!text.starts_with(kScheme) || !visible || !has_host) {
        return fail(fmt::format(
            "{} is not the URI of a captive portal's API, which is reached by HTTPS only (RFC 8908); "
            "write \"https://portal.example.net/api\"",
            quote(text)));
    }
    // What DHCP, which has to say the same, can carry.
    if (text.size() > 255)
        return fail(fmt::format("has {} characters, but at most 255 can be sent (RFC 8910); shorten it",
                                text.size()));
    return std::string{text};
}

}  // namespace ulagate::config_file
