// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <type_traits>

#include "daemon/base/text.h"

namespace ulagate::config_file {
namespace {

using std::chrono::milliseconds;

// Not std::isalnum and its kin: those depend on the locale.
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_visible(char c) { return c > ' ' && c <= '~'; }

std::optional<unsigned> parse_whole(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    const auto value = parse_whole(text);
    if (!value || *value == 0 || *value > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(*value);
}

}  // namespace

Result<std::string> Name::operator()(std::string_view text) const {
    const auto legal = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
    if (text.empty() || text.size() > max_ || !std::all_of(text.begin(), text.end(), legal) ||
        text.front() == '-' || text.back() == '-') {
        return fail(fmt::format(
            "{} is not a name; use 1 to {} small letters, digits and hyphens, with no hyphen at either end",
            quote(text), max_));
    }
    return std::string{text};
}

template <class Unit>
Result<Unit> DurationIn<Unit>::operator()(std::string_view text) const {
    const auto duration = parse_duration(text);
    if (!duration) {
        return fail(fmt::format(
            "{} is not a duration; write a whole number and a unit (ms, s, m, h, d), like \"30s\"",
            quote(text)));
    }
    if (*duration < min_ || *duration > max_) {
        return fail(fmt::format("{} is out of range; choose {} to {}", to_string(*duration), to_string(min_),
                                to_string(max_)));
    }
    const auto count = std::chrono::duration_cast<Unit>(*duration);
    if (count != *duration) {
        constexpr std::string_view unit = std::is_same_v<Unit, vrrp::Centiseconds>
                                              ? "a multiple of 10ms, the unit in which it is sent"
                                              : "a whole number of seconds, the unit in which it is sent";
        return fail(fmt::format("{} is not {}; round it", to_string(*duration), unit));
    }
    return count;
}

template class DurationIn<milliseconds>;
template class DurationIn<ra::Milliseconds>;
template class DurationIn<RouterLifetime>;
template class DurationIn<ra::Seconds>;
template class DurationIn<vrrp::Centiseconds>;

Result<ra::Seconds> parse_lifetime(std::string_view text) {
    if (text == "infinite") return ra::kInfinity;
    // The largest number means infinity on the wire (RFC 4861 section 4.6.2, RFC 4191 section 2.3).
    static const DurationIn<ra::Seconds> parse{milliseconds{0}, ra::kInfinity - ra::Seconds{1}};
    return parse(text);
}

// What Linux takes as a name (dev_valid_name), without what has a meaning in an nftables rule, and without
// the names below /proc/sys/net/ipv6/conf that stand for all interfaces.
Result<std::string> parse_tracked_interface(std::string_view text) {
    constexpr std::size_t kMax = 15;  // IFNAMSIZ - 1
    const auto legal = [](char c) {
        return is_visible(c) && std::string_view{"/:\"\\*"}.find(c) == std::string_view::npos;
    };
    if (text.empty() || text.size() > kMax || !std::all_of(text.begin(), text.end(), legal) || text == "." ||
        text == ".." || text == "all" || text == "default") {
        return fail(fmt::format(
            "{} cannot be the name of an interface; `ip link` lists those of this machine", quote(text)));
    }
    if (text.starts_with("ulg-")) {
        return fail(fmt::format(
            "{} has the name of one of ulagate's own interfaces (\"ulg-\"); name one of the machine's",
            quote(text)));
    }
    return std::string{text};
}

Result<std::string> parse_interface(std::string_view text) {
    if (text == "lo") return fail("\"lo\" has no neighbours to advertise to; name the interface of the LAN");
    return parse_tracked_interface(text);
}

Result<net::Ipv6Prefix> parse_network(std::string_view text) {
    const auto prefix = net::parse_ipv6_prefix(text);
    if (!prefix) {
        return fail(fmt::format(
            "{} is not an IPv6 prefix; write address/length, like \"fd12:3456:789a::/48\"", quote(text)));
    }
    if (prefix->network() != *prefix) {
        return fail(fmt::format("{} has bits set behind its length; write \"{}\"", to_string(*prefix),
                                to_string(prefix->network())));
    }
    return *prefix;
}

Result<net::Ipv6Prefix> parse_overlay(std::string_view text) {
    auto prefix = parse_network(text);
    if (!prefix) return prefix;
    if (!prefix->address.is_unique_local() && !prefix->address.is_global_unicast()) {
        return fail(
            fmt::format("{} is neither a unique local (fd00::/8) nor a global prefix; choose a random /48 in "
                        "fd00::/8 (RFC 4193)",
                        to_string(*prefix)));
    }
    // Shorter would capture what belongs to others; longer leaves no room for sites of a /64 each.
    if (prefix->length < 32 || prefix->length > 60) {
        return fail(
            fmt::format("{} is out of range; an overlay is /32 to /60, usually a /48", to_string(*prefix)));
    }
    return prefix;
}

Result<net::Ipv6Prefix> parse_lan_prefix(std::string_view text) {
    auto prefix = parse_network(text);
    if (prefix && prefix->length != 64) {
        return fail(fmt::format("{} is not a /64, but SLAAC needs a /64; choose a /64 of the overlay",
                                to_string(*prefix)));
    }
    return prefix;
}

Result<net::Ipv6Address> parse_host_address(std::string_view text) {
    const auto address = net::parse_ipv6(text);
    if (!address) {
        return fail(fmt::format("{} is not an IPv6 address; write one without a length, like \"fd99::1\"",
                                quote(text)));
    }
    if (!address->is_unique_local() && !address->is_global_unicast()) {
        return fail(fmt::format(
            "{} cannot be a machine's address in the tunnel; choose one from fd00::/8 outside the overlay",
            to_string(*address)));
    }
    return *address;
}

Result<net::Ipv6Address> parse_virtual_address(std::string_view text) {
    const auto address = net::parse_ipv6(text);
    if (!address) {
        return fail(fmt::format("{} is not an IPv6 address; write one without a length, like \"fe80::5eed\"",
                                quote(text)));
    }
    // Hosts take a router's address from its advertisements, and those come from a link-local one (RFC 4861
    // section 6.1.2). fe80:: itself is the anycast address of all routers (RFC 4291 section 2.6.1).
    const net::Ipv6Prefix link_local{net::Ipv6Address{{0xfe, 0x80}}, 64};
    if (!link_local.contains(*address) || *address == link_local.address) {
        return fail(fmt::format(
            "{} cannot be the address of a virtual router; choose a link-local one (fe80::/64) that nobody "
            "else on the LAN has, like \"fe80::5eed\"",
            to_string(*address)));
    }
    return *address;
}

// The text is not shown: it may be the key itself, by mistake.
Result<std::string> parse_key_file(std::string_view text) {
    if (wg::parse_public_key(text)) {
        return fail(
            "this is a key, and keys do not belong in this file; write the absolute path of a file with it");
    }
    if (text.size() < 2 || text.front() != '/' || text.size() > 4095 ||
        text.find('\0') != std::string_view::npos) {
        return fail("this is not an absolute path; write one, like \"/etc/ulagate/tunnel.key\"");
    }
    return std::string{text};
}

// Nor here: with a typing error in it, a private key and a public key look alike.
Result<wg::PublicKey> parse_peer_key(std::string_view text) {
    const auto key = wg::parse_public_key(text);
    if (!key) {
        return fail(
            "this is not a public key; write the 44 characters that `ulagate keygen` or `wg pubkey` print");
    }
    if (*key == wg::PublicKey{}) {
        return fail("this key is all zero, which is not a valid public key; write the peer's own");
    }
    return *key;
}

namespace {

bool is_host_name(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);  // "relay.example.net." is the same, fully qualified
    if (text.empty() || text.size() > 253) return false;
    std::string_view last;
    while (!text.empty()) {
        const std::string_view label = text.substr(0, text.find('.'));
        const auto legal = [](char c) {
            return is_lower(c) || is_upper(c) || is_digit(c) || c == '-' || c == '_';
        };
        if (label.empty() || label.size() > 63 || !std::all_of(label.begin(), label.end(), legal) ||
            label.front() == '-' || label.back() == '-') {
            return false;
        }
        last = label;
        text.remove_prefix(label.size());
        if (text == ".") return false;
        if (!text.empty()) text.remove_prefix(1);
    }
    // A top level of digits only would be a mistyped IPv4 address.
    return !std::all_of(last.begin(), last.end(), is_digit);
}

// Can one machine far away be sent to at this address?
bool is_reachable(const net::Ipv4Address& address) {
    return address.bytes[0] != 0 && address.bytes[0] < 224;  // from 224 on: multicast, reserved, broadcast
}
bool is_reachable(const net::Ipv6Address& address) {
    return !address.is_unspecified() && !address.is_multicast() && !address.is_link_local();
}

}  // namespace

Result<RelayEndpoint> parse_relay_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (net::parse_ipv6(text)) {
        return fail(fmt::format("{} is ambiguous: it is unclear where the address ends; write \"[{}]:51820\"",
                                quote(text), text));
    }
    if (colon == std::string_view::npos) {
        return fail(
            fmt::format("{} has no port; write host:port, like \"relay.example.net:51820\"", quote(text)));
    }
    std::string_view host = text.substr(0, colon);
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) {
        return fail(
            fmt::format("{} has no port from 1 to 65535 at its end; write host:port, like "
                        "\"relay.example.net:51820\"",
                        quote(text)));
    }
    RelayEndpoint out{std::string{host}, *port, std::nullopt};
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        if (const auto v6 = net::parse_ipv6(host)) out.address = *v6;
    } else if (net::parse_ipv6(host)) {
        return fail(fmt::format("{} is an IPv6 address without brackets; write \"[{}]:{}\"", quote(text),
                                host, *port));
    } else if (const auto v4 = net::parse_ipv4(host)) {
        out.address = *v4;
    } else if (is_host_name(host)) {
        return out;
    }
    if (!out.address) {
        return fail(
            fmt::format("{} is neither an address nor a host name; write host:port, like "
                        "\"relay.example.net:51820\" or \"[2001:db8::1]:51820\"",
                        quote(text)));
    }
    if (!std::visit([](const auto& a) { return is_reachable(a); }, *out.address)) {
        return fail(fmt::format("{} is not an address that a relay can be reached at; write its public one",
                                quote(text)));
    }
    out.host = to_string(*out.address);
    return out;
}

Result<std::string> parse_server(std::string_view text) {
    if (const auto address = net::parse_ip(text)) {
        if (std::visit([](const auto& a) { return is_reachable(a); }, *address)) return to_string(*address);
    } else if (is_host_name(text)) {
        return std::string{text};
    }
    return fail(fmt::format(
        R"({} is neither a host name nor a machine's address; write one of them alone, like "pool.ntp.org")",
        quote(text)));
}

Result<std::uint16_t> parse_keepalive(std::string_view text) {
    if (text == "off") return std::uint16_t{0};
    static const DurationIn<RouterLifetime> parse{milliseconds{0}, std::chrono::seconds{65535}};
    const auto seconds = parse(text);
    if (!seconds) return fail(seconds.error().context + ", or write \"off\"");
    return seconds->count();
}

Result<firewall::Service> parse_service(std::string_view text) {
    using Protocol = firewall::Service::Protocol;
    const auto bad = [&](std::string_view why) {
        return fail(
            fmt::format(R"({} {}; write "icmpv6", "any", "tcp", "udp", "tcp/22" or "udp/58000-60000")",
                        quote(text), why));
    };
    const auto slash = text.find('/');
    const std::string_view protocol = text.substr(0, slash);
    firewall::Service service;
    if (protocol == "icmpv6") {
        service.protocol = Protocol::icmpv6;
    } else if (protocol == "tcp") {
        service.protocol = Protocol::tcp;
    } else if (protocol == "udp") {
        service.protocol = Protocol::udp;
    } else if (protocol != "any") {
        return bad("is not a service");
    }
    if (slash == std::string_view::npos) return service;
    if (service.protocol != Protocol::tcp && service.protocol != Protocol::udp)
        return bad("cannot have ports");

    const std::string_view ports = text.substr(slash + 1);
    const auto dash = ports.find('-');
    const auto first = parse_port(ports.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_port(ports.substr(dash + 1));
    if (!first || !last) return bad("has a port that is not a number from 1 to 65535");
    if (*last < *first) return bad("has a range of ports that ends before it begins");
    service.first_port = *first;
    service.last_port = *last;
    return service;
}

Result<std::string> parse_group(std::string_view text) {
    const auto legal = [](char c) {
        return is_lower(c) || is_upper(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
    };
    if (text.empty() || text.size() > 32 || !std::all_of(text.begin(), text.end(), legal) ||
        text.front() == '-') {
        return fail(fmt::format(
            "{} cannot be the name of a group; `getent group` lists those of this machine", quote(text)));
    }
    return std::string{text};
}

}  // namespace ulagate::config_file
