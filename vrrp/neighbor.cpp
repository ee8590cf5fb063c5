// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/neighbor.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "daemon/base/bytes.h"
#include "vrrp/checksum.h"

namespace ulagate::vrrp {
namespace {

constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kNeighborAdvertisement = 136;
constexpr std::uint8_t kTargetLinkLayerAddress = 2;
constexpr std::uint8_t kRouter = 0x80;
constexpr std::uint8_t kOverride = 0x20;
constexpr std::size_t kIcmpv6ChecksumOffset = 2;

// RFC 4861 section 10
constexpr unsigned kMaxNeighborAdvertisement = 3;
constexpr Duration kRetransTimer = std::chrono::seconds{1};

}  // namespace

net::MacAddress virtual_mac(std::uint8_t vrid) {
    return net::MacAddress{{0x00, 0x00, 0x5e, 0x00, 0x02, vrid}};
}

//  0                   1                   2                   3
// |     Type      |     Code      |          Checksum             |
// |R|S|O|                     Reserved                            |
// |                     Target address (16 bytes)                 |
// |   2   |   1   |         Target link-layer address             |   RFC 4861 section 4.4, 4.6.1
std::vector<std::byte> neighbor_advertisement(const net::Ipv6Address& virtual_address,
                                              const net::MacAddress& link_address) {
    net::ByteWriter out;
    out.put(kNeighborAdvertisement);
    out.zeros(3);  // code, checksum
    out.put(static_cast<std::uint8_t>(kRouter | kOverride));
    out.zeros(3);
    out.put(std::as_bytes(std::span{virtual_address.bytes}));
    out.put(kTargetLinkLayerAddress);
    out.put(std::uint8_t{1});
    out.put(std::as_bytes(std::span{link_address.bytes}));
    auto message = std::move(out).release();
    const std::uint16_t sum = checksum(virtual_address, kAllNodes, kIcmpv6, message);
    message.at(kIcmpv6ChecksumOffset) = static_cast<std::byte>(sum >> 8U);
    message.at(kIcmpv6ChecksumOffset + 1) = static_cast<std::byte>(sum);
    return message;
}

bool Announcer::start(TimePoint now) {
    left_ = kMaxNeighborAdvertisement;
    next_ = last_ ? std::max(now, *last_ + kRetransTimer) : now;
    return on_deadline(now);
}

void Announcer::stop() {
    next_.reset();
    last_.reset();  // whoever takes the address anew says so at once (RFC 9568 section 6.4.2)
    left_ = 0;
}

bool Announcer::on_deadline(TimePoint now) {
    if (!next_ || now < *next_) return false;
    last_ = now;
    --left_;
    next_.reset();
    if (left_ > 0) next_ = now + kRetransTimer;
    return true;
}

}  // namespace ulagate::vrrp
