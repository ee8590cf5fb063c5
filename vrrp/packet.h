// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "daemon/base/address.h"
#include "vrrp/time.h"

// The one message of VRRPv3 over IPv6 (RFC 9568 section 5), as a plain value.
namespace ulagate::vrrp {

inline constexpr std::uint8_t kProtocol = 112;  // IPv6 next header
inline constexpr int kHopLimit = 255;
// ff02::12, section 5.1.2.2
inline constexpr net::Ipv6Address kAllVrrpRouters{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12}};

inline constexpr Centiseconds kMinInterval{1};
inline constexpr Centiseconds kMaxInterval{4095};

// Section 5.2.4: what the priorities that are no rank mean.
inline constexpr std::uint8_t kPriorityStopping = 0;
inline constexpr std::uint8_t kPriorityOwner = 255;

struct Advertisement {
    std::uint8_t vrid = 1;
    std::uint8_t priority = 100;
    Centiseconds interval{100};               // 1..4095
    std::vector<net::Ipv6Address> addresses;  // 1..255 of them; the first is the virtual link-local
    bool operator==(const Advertisement&) const = default;
};

// What the socket knows about a packet beside its bytes.
struct PacketInfo {
    net::Ipv6Address source;
    net::Ipv6Address destination;
    int hop_limit = 0;
};

// Why a packet is not an advertisement for us. The checks of parse() stand in this order, which is that of
// RFC 9568 section 7.1; the last two need to know who we are and are the receiver's.
enum class Refusal : std::uint8_t {
    hop_limit,
    source,
    destination,
    too_short,
    version,
    type,
    no_address,
    length,
    checksum,
    interval,
    first_address,
    unknown_vrid,
    own_source,
};
inline constexpr std::size_t kRefusals = 13;

// A sentence for the log: "hop limit is not 255: the sender is not on this link".
std::string_view to_string(Refusal refusal);

// How often each happened.
class RefusalCounters {
public:
    void count(Refusal refusal) { ++counts_.at(static_cast<std::size_t>(refusal)); }
    [[nodiscard]] std::uint64_t of(Refusal refusal) const {
        return counts_.at(static_cast<std::size_t>(refusal));
    }
    [[nodiscard]] std::uint64_t total() const {
        return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
    }

private:
    std::array<std::uint64_t, kRefusals> counts_{};
};

// From the first byte behind the IPv6 header on, with the checksum over the pseudo-header.
std::vector<std::byte> build(const Advertisement& advertisement, const net::Ipv6Address& source,
                             const net::Ipv6Address& destination = kAllVrrpRouters);
tl::expected<Advertisement, Refusal> parse(std::span<const std::byte> packet, const PacketInfo& info);

}  // namespace ulagate::vrrp
