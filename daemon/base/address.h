// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ulagate::net {

// All addresses are values in network byte order: comparable, hashable, printable with to_string().

struct Ipv4Address {
    std::array<std::uint8_t, 4> bytes{};
    auto operator<=>(const Ipv4Address&) const = default;
};

struct Ipv6Address {
    std::array<std::uint8_t, 16> bytes{};
    auto operator<=>(const Ipv6Address&) const = default;

    [[nodiscard]] bool is_unspecified() const;     // ::
    [[nodiscard]] bool is_link_local() const;      // fe80::/10
    [[nodiscard]] bool is_multicast() const;       // ff00::/8
    [[nodiscard]] bool is_unique_local() const;    // fc00::/7, RFC 4193
    [[nodiscard]] bool is_global_unicast() const;  // 2000::/3
};

using IpAddress = std::variant<Ipv4Address, Ipv6Address>;

// An address and how many of its leading bits count. The bits behind them may be set (an interface address)
// or zero (a route); network() clears them.
struct Ipv6Prefix {
    Ipv6Address address;
    std::uint8_t length = 0;  // 0..128
    auto operator<=>(const Ipv6Prefix&) const = default;

    [[nodiscard]] Ipv6Prefix network() const;
    [[nodiscard]] bool contains(const Ipv6Address& other) const;
    [[nodiscard]] bool contains(const Ipv6Prefix& other) const;  // the same prefix counts
    [[nodiscard]] bool overlaps(const Ipv6Prefix& other) const;
};

struct Ipv4Prefix {
    Ipv4Address address;
    std::uint8_t length = 0;  // 0..32
    auto operator<=>(const Ipv4Prefix&) const = default;
};

using IpPrefix = std::variant<Ipv4Prefix, Ipv6Prefix>;

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};
    auto operator<=>(const MacAddress&) const = default;
};

// Where a UDP peer is. scope_id matters for link-local IPv6 only (an interface index).
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;
    std::uint32_t scope_id = 0;
    auto operator<=>(const Endpoint&) const = default;
};

std::optional<Ipv4Address> parse_ipv4(std::string_view text);
std::optional<Ipv6Address> parse_ipv6(std::string_view text);  // no zone ("%eth0"), no brackets
std::optional<IpAddress> parse_ip(std::string_view text);
std::optional<Ipv6Prefix> parse_ipv6_prefix(std::string_view text);  // "fd00::/48"; the length is required
std::optional<Endpoint> parse_endpoint(std::string_view text);  // "192.0.2.1:51820", "[2001:db8::1]:51820"

std::string to_string(const Ipv4Address& address);
std::string to_string(const Ipv6Address& address);  // RFC 5952
std::string to_string(const IpAddress& address);
std::string to_string(const Ipv6Prefix& prefix);  // "fd00::/48"
std::string to_string(const Ipv4Prefix& prefix);
std::string to_string(const IpPrefix& prefix);
std::string to_string(const MacAddress& address);  // "00:00:5e:00:02:33"
std::string to_string(const Endpoint& endpoint);

// The address `prefix` with the last 64 bits replaced; for the /64 of a LAN.
Ipv6Address with_interface_identifier(const Ipv6Prefix& prefix, std::uint64_t identifier);

}  // namespace ulagate::net
