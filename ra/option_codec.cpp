// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/option_codec.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace ulagate::ra {
namespace {

constexpr std::uint8_t kPrefixInformation = 3;
constexpr std::uint8_t kMtu = 5;
constexpr std::uint8_t kRouteInformation = 24;
constexpr std::uint8_t kRecursiveDnsServers = 25;
constexpr std::uint8_t kDnsSearchList = 31;
constexpr std::uint8_t kCaptivePortal = 37;
constexpr std::uint8_t kPref64 = 38;

constexpr std::size_t kMaxUnits = 255;
constexpr std::size_t kMaxServers = 127;
constexpr std::size_t kPref64Bytes = 12;  // of the prefix
constexpr std::uint32_t kPref64Unit = 8;  // s

// RFC 8781 section 4, by Prefix Length Code.
constexpr std::array<std::uint8_t, 6> kPref64Lengths{96, 64, 56, 48, 40, 32};

net::Ipv6Address to_address(std::span<const std::byte> bytes) {
    net::Ipv6Address address;
    std::transform(bytes.begin(), bytes.end(), address.bytes.begin(), std::to_integer<std::uint8_t>);
    return address;
}

bool is_zero(std::byte byte) { return byte == std::byte{0}; }

// |     Type      |    Length     | Prefix Length |L|A|R|P|Rsvd1  |
// |                         Valid Lifetime                        |
// |                       Preferred Lifetime                      |
// |                           Reserved2                           |
// |                       Prefix (16 bytes)                       |  RFC 4861 section 4.6.2, RFC 9762
// section 4
std::optional<PrefixInformation> parse_prefix_information(std::span<const std::byte> body) {
    if (body.size() != 30) return std::nullopt;
    net::ByteReader in{body};
    PrefixInformation pio;
    pio.prefix.length = in.read<std::uint8_t>();
    const auto flags = in.read<std::uint8_t>();
    pio.valid_lifetime = Seconds{in.read<std::uint32_t>()};
    pio.preferred_lifetime = Seconds{in.read<std::uint32_t>()};
    in.take(4);
    pio.prefix.address = to_address(in.take(16));
    if (pio.prefix.length > 128) return std::nullopt;
    take_flags(kPrefixFlags, flags, pio);
    if (!pio.router_address) pio.prefix = pio.prefix.network();
    return pio;
}

// |     Type      |    Length     | Prefix Length |Resvd|Prf|Resvd|
// |                        Route Lifetime                         |
// |                Prefix (0, 8 or 16 bytes)                      |  RFC 4191 section 2.3
std::optional<RouteInformation> parse_route_information(std::span<const std::byte> body) {
    net::ByteReader in{body};
    RouteInformation rio;
    rio.prefix.length = in.read<std::uint8_t>();
    const auto preference = to_preference(in.read<std::uint8_t>());
    rio.lifetime = Seconds{in.read<std::uint32_t>()};
    const std::size_t octets = in.remaining();
    if (octets > 16 || rio.prefix.length > 8 * octets) return std::nullopt;
    if (!preference) return std::nullopt;  // "10": the receiver MUST ignore the option
    rio.preference = *preference;
    rio.prefix.address = to_address(in.take(octets));
    rio.prefix = rio.prefix.network();
    return rio;
}

// |     Type      |    Length     |           Reserved            |
// |                              MTU                              |  RFC 4861 section 4.6.4
std::optional<Mtu> parse_mtu(std::span<const std::byte> body) {
    if (body.size() != 6) return std::nullopt;
    net::ByteReader in{body};
    in.take(2);
    return Mtu{in.read<std::uint32_t>()};
}

// |     Type      |    Length     |           Reserved            |
// |                           Lifetime                            |
// |            Addresses of IPv6 Recursive DNS Servers            |  RFC 8106 section 5.1
std::optional<RecursiveDnsServers> parse_recursive_dns_servers(std::span<const std::byte> body) {
    net::ByteReader in{body};
    in.take(2);
    RecursiveDnsServers dns;
    dns.lifetime = Seconds{in.read<std::uint32_t>()};
    if (!in.ok() || in.remaining() == 0 || in.remaining() % 16 != 0) return std::nullopt;
    while (in.remaining() > 0) dns.servers.push_back(to_address(in.take(16)));
    return dns;
}

// |     Type      |    Length     |           Reserved            |
// |                           Lifetime                            |
// |       Domain Names of DNS Search List, padded with zeros      |  RFC 8106 section 5.2
std::optional<DnsSearchList> parse_dns_search_list(std::span<const std::byte> body) {
    net::ByteReader in{body};
    in.take(2);
    DnsSearchList dns;
    dns.lifetime = Seconds{in.read<std::uint32_t>()};
    std::string domain;
    while (in.remaining() > 0) {
        const auto length = in.read<std::uint8_t>();
        const auto label = in.take(length);
        // A compressed name, which is not allowed here, would begin with a length of at least 192.
        const bool has_dot = std::find(label.begin(), label.end(), std::byte{'.'}) != label.end();
        if (!in.ok() || has_dot) return std::nullopt;
        if (length > 0) {
            if (!domain.empty()) domain += '.';
            std::transform(label.begin(), label.end(), std::back_inserter(domain), std::to_integer<char>);
        } else if (!domain.empty()) {
            if (!is_search_domain(domain)) return std::nullopt;
            dns.domains.push_back(std::exchange(domain, {}));
        } else {  // padding
            const auto rest = in.take(in.remaining());
            if (!std::all_of(rest.begin(), rest.end(), is_zero)) return std::nullopt;
        }
    }
    if (!domain.empty() || dns.domains.empty()) return std::nullopt;
    return dns;
}

// |     Type      |    Length     |     Scaled Lifetime     | PLC |
// |              Highest 96 bits of the Prefix                    |  RFC 8781 section 4
std::optional<Pref64> parse_pref64(std::span<const std::byte> body) {
    if (body.size() != 2 + kPref64Bytes) return std::nullopt;
    net::ByteReader in{body};
    const unsigned lifetime_and_code = in.read<std::uint16_t>();
    const unsigned code = lifetime_and_code & 7U;
    if (code >= kPref64Lengths.size()) return std::nullopt;  // "MUST be ignored"
    Pref64 pref64;
    pref64.lifetime = Seconds{lifetime_and_code & ~7U};
    pref64.prefix.address = to_address(in.take(kPref64Bytes));
    pref64.prefix.length = kPref64Lengths.at(code);
    pref64.prefix = pref64.prefix.network();
    return pref64;
}

// |     Type      |    Length     |  URI, padded with zeros ...      RFC 8910 section 2.3
std::optional<CaptivePortal> parse_captive_portal(std::span<const std::byte> body) {
    while (!body.empty() && is_zero(body.back())) body = body.first(body.size() - 1);
    const auto visible = [](std::byte byte) { return byte > std::byte{' '} && byte <= std::byte{'~'}; };
    if (body.empty() || !std::all_of(body.begin(), body.end(), visible)) return std::nullopt;
    CaptivePortal portal;
    std::transform(body.begin(), body.end(), std::back_inserter(portal.uri), std::to_integer<char>);
    return portal;
}

template <class T>
std::optional<Option> as_option(std::optional<T> parsed) {
    if (!parsed) return std::nullopt;
    return Option{std::move(*parsed)};
}

std::optional<Option> parse_known(std::uint8_t type, std::span<const std::byte> body) {
    switch (type) {
        case kSourceLinkLayerAddressType:
            if (const auto mac = parse_link_layer_address(body)) return SourceLinkLayerAddress{*mac};
            return std::nullopt;
        case kPrefixInformation:
            return as_option(parse_prefix_information(body));
        case kRouteInformation:
            return as_option(parse_route_information(body));
        case kMtu:
            return as_option(parse_mtu(body));
        case kRecursiveDnsServers:
            return as_option(parse_recursive_dns_servers(body));
        case kDnsSearchList:
            return as_option(parse_dns_search_list(body));
        case kPref64:
            return as_option(parse_pref64(body));
        case kCaptivePortal:
            return as_option(parse_captive_portal(body));
        default:
            return std::nullopt;
    }
}

void put(net::ByteWriter& out, std::span<const std::uint8_t> bytes) { out.put(std::as_bytes(bytes)); }

// `body` with zeros up to a whole number of units.
void put_padded(net::ByteWriter& out, std::uint8_t type, std::span<const std::byte> body) {
    const std::size_t units = (body.size() + 2 + kOptionUnit - 1) / kOptionUnit;
    if (units > kMaxUnits) return;  // no wire format can carry it
    out.put(type);
    out.put(static_cast<std::uint8_t>(units));
    out.put(body);
    out.zeros(units * kOptionUnit - 2 - body.size());
}

void put_body(net::ByteWriter& out, const SourceLinkLayerAddress& option) {
    out.put(kSourceLinkLayerAddressType);
    out.put(std::uint8_t{1});
    put(out, option.address.bytes);
}

void put_body(net::ByteWriter& out, const PrefixInformation& pio) {
    const net::Ipv6Prefix prefix = pio.router_address ? pio.prefix : pio.prefix.network();
    out.put(kPrefixInformation);
    out.put(std::uint8_t{4});
    out.put(prefix.length);
    out.put(static_cast<std::uint8_t>(flag_bits(kPrefixFlags, pio)));
    out.put(pio.valid_lifetime.count());
    out.put(pio.preferred_lifetime.count());
    out.zeros(4);
    put(out, prefix.address.bytes);
}

void put_body(net::ByteWriter& out, const RouteInformation& rio) {
    const net::Ipv6Prefix prefix = rio.prefix.network();
    std::size_t octets = 16;
    if (prefix.length <= 64) octets = 8;
    if (prefix.length == 0) octets = 0;
    out.put(kRouteInformation);
    out.put(static_cast<std::uint8_t>(1 + octets / kOptionUnit));
    out.put(prefix.length);
    out.put(preference_bits(rio.preference));
    out.put(rio.lifetime.count());
    put(out, std::span{prefix.address.bytes}.first(octets));
}

void put_body(net::ByteWriter& out, const Mtu& mtu) {
    out.put(kMtu);
    out.put(std::uint8_t{1});
    out.zeros(2);
    out.put(mtu.bytes);
}

void put_body(net::ByteWriter& out, const RecursiveDnsServers& dns) {
    if (dns.servers.empty() || dns.servers.size() > kMaxServers) return;
    out.put(kRecursiveDnsServers);
    out.put(static_cast<std::uint8_t>(1 + 2 * dns.servers.size()));
    out.zeros(2);
    out.put(dns.lifetime.count());
    for (const net::Ipv6Address& server : dns.servers) put(out, server.bytes);
}

// RFC 1035 section 3.1, uncompressed.
void put_domain(net::ByteWriter& out, std::string_view domain) {
    while (!domain.empty()) {
        const auto label = domain.substr(0, domain.find('.'));
        out.put(static_cast<std::uint8_t>(label.size()));
        out.put(std::as_bytes(std::span{label}));
        domain.remove_prefix(std::min(label.size() + 1, domain.size()));
    }
    out.zeros(1);
}

void put_body(net::ByteWriter& out, const DnsSearchList& dns) {
    net::ByteWriter body;
    body.zeros(2);
    body.put(dns.lifetime.count());
    for (const std::string& domain : dns.domains) {
        if (is_search_domain(domain)) put_domain(body, domain);
    }
    if (body.size() > 6) put_padded(out, kDnsSearchList, body.bytes());
}

void put_body(net::ByteWriter& out, const Pref64& pref64) {
    const auto* const code = std::find(kPref64Lengths.begin(), kPref64Lengths.end(), pref64.prefix.length);
    if (code == kPref64Lengths.end()) return;
    const std::uint32_t seconds = std::min(pref64.lifetime, kLongestPref64Lifetime).count();
    const std::uint32_t scaled = (seconds + kPref64Unit - 1) / kPref64Unit;  // rounded up: section 4.1
    out.put(kPref64);
    out.put(std::uint8_t{2});
    out.put(
        static_cast<std::uint16_t>(scaled * 8 + static_cast<std::uint32_t>(code - kPref64Lengths.begin())));
    const net::Ipv6Prefix prefix = pref64.prefix.network();
    put(out, std::span{prefix.address.bytes}.first(kPref64Bytes));
}

void put_body(net::ByteWriter& out, const CaptivePortal& portal) {
    put_padded(out, kCaptivePortal, std::as_bytes(std::span{portal.uri}));
}

void put_body(net::ByteWriter& out, const UnknownOption& option) {
    put_padded(out, option.type, option.body);
}

}  // namespace

bool is_search_domain(std::string_view domain) {
    if (domain.empty() || domain.size() > 253) return false;
    const auto legal = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    };
    std::size_t label = 0;
    for (const char c : domain) {
        if (c == '.' ? label == 0 : !legal(c) || label == 63) return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0;
}

bool is_pref64_length(unsigned length) {
    return std::find(kPref64Lengths.begin(), kPref64Lengths.end(), length) != kPref64Lengths.end();
}

std::optional<Preference> to_preference(std::uint8_t flags) {
    switch ((flags >> 3U) & 3U) {
        case 0:
            return Preference::medium;
        case 1:
            return Preference::high;
        case 3:
            return Preference::low;
        default:
            return std::nullopt;
    }
}

std::uint8_t preference_bits(Preference preference) {
    return static_cast<std::uint8_t>(static_cast<unsigned>(preference) << 3U);
}

//  0                   1                   2                   3
// |     Type      |    Length     |    Link-Layer Address ...      RFC 4861 section 4.6.1
std::optional<net::MacAddress> parse_link_layer_address(std::span<const std::byte> body) {
    net::MacAddress mac;
    if (body.size() != mac.bytes.size()) return std::nullopt;  // not Ethernet
    std::transform(body.begin(), body.end(), mac.bytes.begin(), std::to_integer<std::uint8_t>);
    return mac;
}

Option parse_option(std::uint8_t type, std::span<const std::byte> body) {
    auto known = parse_known(type, body);
    return known ? std::move(*known) : Option{UnknownOption{type, {body.begin(), body.end()}}};
}

void put_option(net::ByteWriter& out, const Option& option) {
    std::visit([&out](const auto& o) { put_body(out, o); }, option);
}

std::size_t size_of(const Option& option) {
    net::ByteWriter out;
    put_option(out, option);
    return out.size();
}

}  // namespace ulagate::ra
