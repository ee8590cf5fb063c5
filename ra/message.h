// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"
#include "ra/flag.h"
#include "ra/option.h"

// Neighbor Discovery messages that a router sends and receives (RFC 4861 section 4, RFC 4191), as plain
// values.
namespace ulagate::ra {

struct RouterAdvertisement {      // RFC 4861 section 4.2, RFC 4191 section 2.2
    std::uint8_t hop_limit = 64;  // 0 = unspecified
    bool managed = false;
    bool other_config = false;
    bool snac_router = false;  // S flag, draft-ietf-6man-snac-router-ra-flag: the router of a stub network
    Preference preference = Preference::medium;
    std::chrono::duration<std::uint16_t> router_lifetime{0};
    Milliseconds reachable_time{0};  // 0 = unspecified
    Milliseconds retrans_timer{0};   // 0 = unspecified
    std::vector<Option> options;
    bool operator==(const RouterAdvertisement&) const = default;
};

inline constexpr Flag<RouterAdvertisement> kRouterFlags[]{
    {"managed", 0x80, &RouterAdvertisement::managed},
    {"other_config", 0x40, &RouterAdvertisement::other_config},
    {"snac_router", 0x02, &RouterAdvertisement::snac_router, "  SNAC router\n"},
};

struct RouterSolicitation {  // RFC 4861 section 4.1
    std::optional<net::MacAddress> source_link_layer_address;
    bool operator==(const RouterSolicitation&) const = default;
};

struct NeighborAdvertisement {  // RFC 4861 section 4.4
    bool router = false;
    bool solicited = false;
    bool override_cache = false;
    net::Ipv6Address target;
    std::optional<net::MacAddress> target_link_layer_address;
    bool operator==(const NeighborAdvertisement&) const = default;
};

// What the socket knows about a datagram beside its bytes.
struct PacketInfo {
    net::Ipv6Address source;
    net::Ipv6Address destination;
    int hop_limit = 0;
    // From which link-layer address the frame came, if the socket tells.
    std::optional<net::MacAddress> link_source{};
};

// `message` starts at the ICMPv6 type; the kernel has verified the checksum (a raw ICMPv6 socket always
// does). Refused with a sentence: everything RFC 4861 section 6.1.1 (6.1.2, 7.1.2) says to discard.
Result<RouterSolicitation> parse_router_solicitation(std::span<const std::byte> message,
                                                     const PacketInfo& info);
Result<RouterAdvertisement> parse_router_advertisement(std::span<const std::byte> message,
                                                       const PacketInfo& info);
Result<NeighborAdvertisement> parse_neighbor_advertisement(std::span<const std::byte> message,
                                                           const PacketInfo& info);

// From the ICMPv6 type on, checksum zero (the kernel fills it in: IPV6_CHECKSUM is implied for ICMPv6).
std::vector<std::byte> build(const RouterAdvertisement& advertisement);
// The same as several messages of at most `max_bytes` each: Neighbor Discovery is never fragmented (RFC
// 6980), but the options may come in several advertisements (RFC 4861 section 6.2.3). Each option is in one
// of them, in the same order; the header is in all. An option that is too long by itself stays alone.
std::vector<RouterAdvertisement> split(RouterAdvertisement advertisement, std::size_t max_bytes);
std::vector<std::byte> build(const RouterSolicitation& solicitation);      // for tests and fuzzers
std::vector<std::byte> build(const NeighborAdvertisement& advertisement);  // the same

}  // namespace ulagate::ra
