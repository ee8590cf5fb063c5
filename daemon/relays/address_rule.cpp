// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/address_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace ulagate {
namespace {

// RFC 6890 section 2.2.2.
std::string refusal_of(const net::Ipv4Address& address) {
    const auto first = address.bytes[0];
    if (first == 0) return "an unspecified address";
    if (first == 127) return "a loopback address";
    if (first == 169 && address.bytes[1] == 254) return "a link-local address";
    if (first >= 224 && first < 240) return "a multicast address";
    if (first >= 240) return "not a host's address";
    return {};
}

net::Ipv4Address inside(const net::Ipv6Address& address) {
    net::Ipv4Address out;
    std::copy_n(address.bytes.begin() + 12, out.bytes.size(), out.bytes.begin());
    return out;
}

}  // namespace

std::string RelayAddressRule::refusal(const net::IpAddress& address) const {
    if (const auto* four = std::get_if<net::Ipv4Address>(&address)) return refusal_of(*four);
    const auto& six = std::get<net::Ipv6Address>(address);
    static const net::Ipv6Prefix kCompatible = *net::parse_ipv6_prefix("::/96");
    static const net::Ipv6Prefix kMapped = *net::parse_ipv6_prefix("::ffff:0:0/96");
    static const net::Ipv6Prefix kNat64 = *net::parse_ipv6_prefix("64:ff9b::/96");  // RFC 6052
    if (six.is_unspecified()) return "an unspecified address";
    if (six == *net::parse_ipv6("::1")) return "a loopback address";
    if (kCompatible.contains(six) || kMapped.contains(six)) return "not an IPv6 address";
    if (kNat64.contains(six)) return refusal_of(inside(six));
    if (six.is_multicast()) return "a multicast address";
    if (six.is_link_local()) return "a link-local address";
    if (overlay.contains(six)) return "an address inside the overlay";
    if (tunnel_addresses.contains(six)) return "a tunnel address";
    return {};
}

Result<std::vector<net::IpAddress>> RelayAddressRule::usable(const std::string& host,
                                                             const std::vector<net::IpAddress>& all) const {
    std::vector<net::IpAddress> out;
    std::string why;
    for (const net::IpAddress& address : all) {
        const std::string refused = refusal(address);
        if (refused.empty()) {
            out.push_back(address);
        } else if (why.empty()) {
            why = fmt::format("{} is {}", net::to_string(address), refused);
        }
    }
    if (out.empty() && !why.empty())
        return fail(fmt::format("resolve {}: {}, which cannot be a relay's address", host, why));
    return out;
}

}  // namespace ulagate
