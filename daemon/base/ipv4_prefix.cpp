// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/ipv4_prefix.h"

#include <charconv>
#include <cstdint>

namespace ulagate::net {
namespace {

// One bits where the host is.
constexpr std::uint32_t host_mask(unsigned length) { return length >= 32 ? 0 : 0xffffffffU >> length; }

std::uint32_t number(const Ipv4Address& address) {
    std::uint32_t out = 0;
    for (const std::uint8_t byte : address.bytes) out = out << 8U | byte;
    return out;
}

Ipv4Address address(std::uint32_t number) {
    Ipv4Address out;
    for (unsigned i = 0; i < 4; ++i) out.bytes.at(i) = static_cast<std::uint8_t>(number >> (8U * (3 - i)));
    return out;
}

}  // namespace

Ipv4Prefix network(const Ipv4Prefix& prefix) {
    return {address(number(prefix.address) & ~host_mask(prefix.length)), prefix.length};
}

Ipv4Address broadcast(const Ipv4Prefix& prefix) {
    return address(number(prefix.address) | host_mask(prefix.length));
}

bool contains(const Ipv4Prefix& prefix, const Ipv4Address& address) {
    return network({address, prefix.length}) == network(prefix);
}
bool contains(const Ipv4Prefix& outer, const Ipv4Prefix& inner) {
    return inner.length >= outer.length && contains(outer, inner.address);
}
bool overlaps(const Ipv4Prefix& a, const Ipv4Prefix& b) { return contains(a, b) || contains(b, a); }

std::optional<Ipv4Prefix> parse_ipv4_prefix(std::string_view text) {
    constexpr unsigned kMax = 32;
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = parse_ipv4(text.substr(0, slash));
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (!address || error != std::errc{} || end != digits.data() + digits.size() || length > kMax)
        return std::nullopt;
    return Ipv4Prefix{*address, static_cast<std::uint8_t>(length)};
}

std::optional<IpPrefix> parse_ip_prefix(std::string_view text) {
    if (const auto v4 = parse_ipv4_prefix(text)) return *v4;
    if (const auto v6 = parse_ipv6_prefix(text)) return *v6;
    return std::nullopt;
}

}  // namespace ulagate::net
