// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/packet.h"

#include <algorithm>
#include <utility>

#include "daemon/base/bytes.h"
#include "vrrp/checksum.h"

namespace ulagate::vrrp {
namespace {

constexpr std::uint8_t kVersion = 3;
constexpr std::uint8_t kTypeAdvertisement = 1;
constexpr std::size_t kHeader = 8;
constexpr std::size_t kAddress = 16;
constexpr std::size_t kMaxAddresses = 255;
constexpr std::size_t kChecksumOffset = 6;
constexpr std::uint16_t kIntervalMask = 0x0fff;

tl::unexpected<Refusal> refuse(Refusal refusal) { return tl::unexpected<Refusal>{refusal}; }

net::Ipv6Address to_address(std::span<const std::byte> bytes) {
    net::Ipv6Address address;
    std::transform(bytes.begin(), bytes.end(), address.bytes.begin(), std::to_integer<std::uint8_t>);
    return address;
}

}  // namespace

std::string_view to_string(Refusal refusal) {
    switch (refusal) {
        case Refusal::hop_limit:
            return "hop limit is not 255: the sender is not on this link";
        case Refusal::source:
            return "source is not a link-local address";
        case Refusal::destination:
            return "destination is not ff02::12";
        case Refusal::too_short:
            return "shorter than its header";
        case Refusal::version:
            return "version is not 3";
        case Refusal::type:
            return "not an advertisement";
        case Refusal::no_address:
            return "carries no address";
        case Refusal::length:
            return "length does not match the number of addresses";
        case Refusal::checksum:
            return "wrong checksum";
        case Refusal::interval:
            return "interval is 0: every backup would take over at once";
        case Refusal::first_address:
            return "first address is not link-local";
        case Refusal::unknown_vrid:
            return "this VRID is not configured on this link";
        case Refusal::own_source:
            return "sent from our own address: the link reflects it, or another router uses the address too";
    }
    return "";
}

//  0                   1                   2                   3
// |Version| Type  | Virtual Rtr ID|   Priority    |  Address Count|
// |Reserve| Max Advertise Interval|          Checksum             |
// |   IPv6 addresses, 16 bytes each ...                               RFC 9568 section 5.1
std::vector<std::byte> build(const Advertisement& advertisement, const net::Ipv6Address& source,
                             const net::Ipv6Address& destination) {
    const std::size_t count = std::min(advertisement.addresses.size(), kMaxAddresses);
    const Centiseconds interval = std::clamp(advertisement.interval, kMinInterval, kMaxInterval);
    net::ByteWriter out;
    out.put(static_cast<std::uint8_t>(kVersion << 4U | kTypeAdvertisement));
    out.put(advertisement.vrid);
    out.put(advertisement.priority);
    out.put(static_cast<std::uint8_t>(count));
    out.put(static_cast<std::uint16_t>(interval.count()));
    out.zeros(2);  // the checksum, see below
    for (const auto& address : std::span{advertisement.addresses}.first(count)) {
        out.put(std::as_bytes(std::span{address.bytes}));
    }
    auto packet = std::move(out).release();
    const std::uint16_t sum = checksum(source, destination, kProtocol, packet);
    packet.at(kChecksumOffset) = static_cast<std::byte>(sum >> 8U);
    packet.at(kChecksumOffset + 1) = static_cast<std::byte>(sum);
    return packet;
}

tl::expected<Advertisement, Refusal> parse(std::span<const std::byte> packet, const PacketInfo& info) {
    if (info.hop_limit != kHopLimit) return refuse(Refusal::hop_limit);
    if (!info.source.is_link_local()) return refuse(Refusal::source);
    if (info.destination != kAllVrrpRouters) return refuse(Refusal::destination);
    if (packet.size() < kHeader) return refuse(Refusal::too_short);

    net::ByteReader in{packet};
    const auto version_and_type = in.read<std::uint8_t>();
    if (version_and_type >> 4U != kVersion) return refuse(Refusal::version);
    if ((version_and_type & 0x0fU) != kTypeAdvertisement) return refuse(Refusal::type);

    Advertisement advertisement;
    advertisement.vrid = in.read<std::uint8_t>();
    advertisement.priority = in.read<std::uint8_t>();
    const std::size_t count = in.read<std::uint8_t>();
    advertisement.interval = Centiseconds{in.read<std::uint16_t>() & kIntervalMask};
    in.take(2);  // checksum
    if (count == 0) return refuse(Refusal::no_address);
    if (in.remaining() != count * kAddress) return refuse(Refusal::length);
    if (checksum(info.source, info.destination, kProtocol, packet) != 0) return refuse(Refusal::checksum);
    if (advertisement.interval.count() == 0) return refuse(Refusal::interval);

    advertisement.addresses.reserve(count);
    while (in.remaining() > 0) advertisement.addresses.push_back(to_address(in.take(kAddress)));
    // Section 5.2.9, and erratum 8300 to it.
    if (!advertisement.addresses.front().is_link_local()) return refuse(Refusal::first_address);
    return advertisement;
}

}  // namespace ulagate::vrrp
