// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/ra_dns.h"

#include <cstdint>

#include "daemon/base/bytes.h"

namespace ulagate::appliance {
namespace {

constexpr std::uint8_t kRdnss = 25;
constexpr std::size_t kMaxServersOfAnOption = 4;

}  // namespace

std::optional<std::vector<net::Ipv6Address>> rdnss_servers(std::span<const std::byte> option) {
    // Type, length in units of 8 bytes, reserved, lifetime, addresses.
    net::ByteReader in{option};
    const auto type = in.read<std::uint8_t>();
    const std::size_t length = std::size_t{in.read<std::uint8_t>()} * 8U;
    in.take(2);
    const auto lifetime = in.read<std::uint32_t>();
    if (!in.ok() || type != kRdnss || length < 24 || length > option.size()) return std::nullopt;
    std::vector<net::Ipv6Address> out;
    for (std::size_t left = (length - 8) / 16; left > 0 && lifetime > 0 && out.size() < kMaxServersOfAnOption;
         --left) {
        net::Ipv6Address address;
        const auto bytes = in.take(address.bytes.size());
        for (std::size_t i = 0; i < bytes.size(); ++i)
            address.bytes.at(i) = std::to_integer<std::uint8_t>(bytes[i]);
        if (!address.is_multicast() && !address.is_unspecified()) out.push_back(address);
    }
    return out;
}

}  // namespace ulagate::appliance
