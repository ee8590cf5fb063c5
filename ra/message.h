// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

// Neighbor Discovery messages that a router sends and receives (RFC 4861 section 4, RFC 4191), as plain
// values.
namespace ulagate::ra {

using Seconds = std::chrono::duration<std::uint32_t>;  // lifetimes; 0xffffffff = infinity
using Milliseconds = std::chrono::duration<std::uint32_t, std::milli>;

inline constexpr Seconds kInfinity{0xffffffff};

// RFC 4191 section 2.1, as the two-bit value on the wire. 10 is reserved and never sent.
enum class Preference : std::uint8_t { medium = 0, high = 1, low = 3 };

struct SourceLinkLayerAddress {  // RFC 4861 section 4.6.1
    net::MacAddress address;
    bool operator==(const SourceLinkLayerAddress&) const = default;
};

struct PrefixInformation {   // RFC 4861 section 4.6.2; R flag: RFC 6275 section 7.2
    net::Ipv6Prefix prefix;  // with router_address the host bits are this router's own, else they are zero
    bool on_link = true;
    bool autonomous = true;
    bool router_address = false;
    Seconds valid_lifetime{86400};
    Seconds preferred_lifetime{14400};
    bool operator==(const PrefixInformation&) const = default;
};

struct RouteInformation {  // RFC 4191 section 2.3
    net::Ipv6Prefix prefix;
    Preference preference = Preference::medium;
    Seconds lifetime{1800};
    bool operator==(const RouteInformation&) const = default;
};

struct Mtu {  // RFC 4861 section 4.6.4
    std::uint32_t bytes = 0;
    bool operator==(const Mtu&) const = default;
};

// An option we do not interpret (yet), kept so that parse -> build gives the same bytes.
struct UnknownOption {
    std::uint8_t type = 0;
    std::vector<std::byte> body;  // without type and length; its length + 2 is a multiple of 8
    bool operator==(const UnknownOption&) const = default;
};

using Option = std::variant<SourceLinkLayerAddress, PrefixInformation, RouteInformation, Mtu, UnknownOption>;

struct RouterAdvertisement {      // RFC 4861 section 4.2, RFC 4191 section 2.2
    std::uint8_t hop_limit = 64;  // 0 = unspecified
    bool managed = false;
    bool other_config = false;
    Preference preference = Preference::medium;
    std::chrono::duration<std::uint16_t> router_lifetime{0};
    Milliseconds reachable_time{0};  // 0 = unspecified
    Milliseconds retrans_timer{0};   // 0 = unspecified
    std::vector<Option> options;
    bool operator==(const RouterAdvertisement&) const = default;
};

struct RouterSolicitation {  // RFC 4861 section 4.1
    std::optional<net::MacAddress> source_link_layer_address;
    bool operator==(const RouterSolicitation&) const = default;
};

// What the socket knows about a datagram beside its bytes.
struct PacketInfo {
    net::Ipv6Address source;
    net::Ipv6Address destination;
    int hop_limit = 0;
};

// `message` starts at the ICMPv6 type; the kernel has verified the checksum (a raw ICMPv6 socket always
// does). Refused with a sentence: everything RFC 4861 section 6.1.1 (6.1.2) says to discard.
Result<RouterSolicitation> parse_router_solicitation(std::span<const std::byte> message,
                                                     const PacketInfo& info);
Result<RouterAdvertisement> parse_router_advertisement(std::span<const std::byte> message,
                                                       const PacketInfo& info);

// From the ICMPv6 type on, checksum zero (the kernel fills it in: IPV6_CHECKSUM is implied for ICMPv6).
std::vector<std::byte> build(const RouterAdvertisement& advertisement);
std::vector<std::byte> build(const RouterSolicitation& solicitation);  // for tests and fuzzers

}  // namespace ulagate::ra
