// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ulagate::net {
namespace {

// inet_pton wants a terminated string; no address is longer than this, so longer input is not an address.
template <class Address>
std::optional<Address> parse_with_pton(int family, std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (text.size() >= buffer.size()) return std::nullopt;
    std::copy(text.begin(), text.end(), buffer.begin());
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    Address address;
    if (::inet_pton(family, buffer.data(), address.bytes.data()) != 1) return std::nullopt;
    return address;
}

template <class Address>
std::string print_with_ntop(int family, const Address& address) {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    return ::inet_ntop(family, address.bytes.data(), buffer.data(), buffer.size());
}

template <class Number>
std::optional<Number> parse_number(std::string_view text, unsigned max) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
    return static_cast<Number>(value);
}

// Zero in every bit behind the first `length`.
std::array<std::uint8_t, 16> masked(std::array<std::uint8_t, 16> bytes, unsigned length) {
    for (unsigned i = 0; i < bytes.size(); ++i) {
        const unsigned bits = length > 8 * i ? std::min(length - 8 * i, 8U) : 0;
        bytes.at(i) = static_cast<std::uint8_t>(bytes.at(i) & (0xff00U >> bits));
    }
    return bytes;
}

}  // namespace

bool Ipv6Address::is_unspecified() const { return *this == Ipv6Address{}; }
bool Ipv6Address::is_link_local() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80; }
bool Ipv6Address::is_multicast() const { return bytes[0] == 0xff; }
bool Ipv6Address::is_unique_local() const { return (bytes[0] & 0xfeU) == 0xfc; }
bool Ipv6Address::is_global_unicast() const { return (bytes[0] & 0xe0U) == 0x20; }

Ipv6Prefix Ipv6Prefix::network() const { return {Ipv6Address{masked(address.bytes, length)}, length}; }
bool Ipv6Prefix::contains(const Ipv6Address& other) const {
    return masked(other.bytes, length) == masked(address.bytes, length);
}
bool Ipv6Prefix::contains(const Ipv6Prefix& other) const {
    return other.length >= length && contains(other.address);
}
bool Ipv6Prefix::overlaps(const Ipv6Prefix& other) const { return contains(other) || other.contains(*this); }

std::optional<Ipv4Address> parse_ipv4(std::string_view text) {
    return parse_with_pton<Ipv4Address>(AF_INET, text);
}
std::optional<Ipv6Address> parse_ipv6(std::string_view text) {
    return parse_with_pton<Ipv6Address>(AF_INET6, text);
}
std::optional<IpAddress> parse_ip(std::string_view text) {
    if (const auto v4 = parse_ipv4(text)) return *v4;
    if (const auto v6 = parse_ipv6(text)) return *v6;
    return std::nullopt;
}

std::optional<Ipv6Prefix> parse_ipv6_prefix(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = parse_ipv6(text.substr(0, slash));
    const auto length = parse_number<std::uint8_t>(text.substr(slash + 1), 128);
    if (!address || !length) return std::nullopt;
    return Ipv6Prefix{*address, *length};
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1), 65535);
    if (!port || *port == 0) return std::nullopt;
    auto host = text.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        const auto v6 = parse_ipv6(host.substr(1, host.size() - 2));
        if (!v6) return std::nullopt;
        return Endpoint{*v6, *port};
    }
    const auto v4 = parse_ipv4(host);
    if (!v4) return std::nullopt;
    return Endpoint{*v4, *port};
}

std::string to_string(const Ipv4Address& address) { return print_with_ntop(AF_INET, address); }
std::string to_string(const Ipv6Address& address) { return print_with_ntop(AF_INET6, address); }
std::string to_string(const IpAddress& address) {
    return std::visit([](const auto& a) { return to_string(a); }, address);
}
std::string to_string(const Ipv6Prefix& prefix) {
    return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}
std::string to_string(const Ipv4Prefix& prefix) {
    return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}
std::string to_string(const IpPrefix& prefix) {
    return std::visit([](const auto& p) { return to_string(p); }, prefix);
}
std::string to_string(const MacAddress& address) {
    return fmt::format("{:02x}", fmt::join(address.bytes, ":"));
}
std::string to_string(const Endpoint& endpoint) {
    const std::string address = to_string(endpoint.address);
    const bool v6 = std::holds_alternative<Ipv6Address>(endpoint.address);
    return v6 ? fmt::format("[{}]:{}", address, endpoint.port) : fmt::format("{}:{}", address, endpoint.port);
}

Ipv6Address with_interface_identifier(const Ipv6Prefix& prefix, std::uint64_t identifier) {
    Ipv6Address address = prefix.network().address;
    for (std::size_t i = 0; i < 8; ++i) {
        address.bytes.at(8 + i) = static_cast<std::uint8_t>(identifier >> (8U * (7 - i)));
    }
    return address;
}

}  // namespace ulagate::net
