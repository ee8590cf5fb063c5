// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/message.h"

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/base/bytes.h"

namespace ulagate::ra {
namespace {

constexpr std::uint8_t kRouterSolicitation = 133;
constexpr std::uint8_t kRouterAdvertisement = 134;

constexpr std::uint8_t kSourceLinkLayerAddress = 1;
constexpr std::uint8_t kPrefixInformation = 3;
constexpr std::uint8_t kMtu = 5;
constexpr std::uint8_t kRouteInformation = 24;

constexpr std::size_t kHeaderOfSolicitation = 8;
constexpr std::size_t kHeaderOfAdvertisement = 16;
constexpr std::size_t kUnit = 8;  // option lengths count these
// More than any honest message carries, and few enough that one datagram cannot make us allocate much.
constexpr std::size_t kMaxOptions = 128;

constexpr std::uint8_t kManaged = 0x80;
constexpr std::uint8_t kOtherConfig = 0x40;
constexpr std::uint8_t kOnLink = 0x80;
constexpr std::uint8_t kAutonomous = 0x40;
constexpr std::uint8_t kRouterAddress = 0x20;

tl::unexpected<Error> from_elsewhere(int hop_limit) {
    return fail("hop limit is " + std::to_string(hop_limit) + ", not 255: the sender is not on this link");
}

net::Ipv6Address to_address(std::span<const std::byte> bytes) {
    net::Ipv6Address address;
    std::transform(bytes.begin(), bytes.end(), address.bytes.begin(), std::to_integer<std::uint8_t>);
    return address;
}

net::MacAddress to_mac(std::span<const std::byte> bytes) {
    net::MacAddress mac;
    std::transform(bytes.begin(), bytes.end(), mac.bytes.begin(), std::to_integer<std::uint8_t>);
    return mac;
}

// Both places that carry a preference keep it in bits 4 and 3 (RFC 4191 section 2.2, 2.3).
std::optional<Preference> to_preference(std::uint8_t flags) {
    switch ((flags >> 3U) & 3U) {
        case 0:
            return Preference::medium;
        case 1:
            return Preference::high;
        case 3:
            return Preference::low;
        default:
            return std::nullopt;
    }
}

std::uint8_t preference_bits(Preference preference) {
    return static_cast<std::uint8_t>(static_cast<unsigned>(preference) << 3U);
}

struct RawOption {
    std::uint8_t type = 0;
    std::span<const std::byte> body;  // without type and length: 6, 14, 22, ... bytes
};

// Walks the options behind a header. Hands out only options that lie wholly inside the message.
class OptionWalker {
public:
    explicit OptionWalker(std::span<const std::byte> options) : in_(options) {}

    // Nothing at the end of the message.
    Result<std::optional<RawOption>> next() {
        if (in_.remaining() == 0) return std::optional<RawOption>{};
        if (++count_ > kMaxOptions) return fail("more than 128 options");
        RawOption option;
        option.type = in_.read<std::uint8_t>();
        const std::size_t units = in_.read<std::uint8_t>();
        if (!in_.ok()) return fail("message ends inside the header of an option");
        if (units == 0) return fail("option of length 0");
        option.body = in_.take(units * kUnit - 2);
        if (!in_.ok()) return fail("option is longer than the rest of the message");
        return std::optional<RawOption>{option};
    }

private:
    net::ByteReader in_;
    std::size_t count_ = 0;
};

//  0                   1                   2                   3
// |     Type      |    Length     |    Link-Layer Address ...      RFC 4861 section 4.6.1
std::optional<net::MacAddress> parse_link_layer_address(std::span<const std::byte> body) {
    if (body.size() != 6) return std::nullopt;  // not Ethernet
    return to_mac(body);
}

// |     Type      |    Length     | Prefix Length |L|A|R|Reserved1|
// |                         Valid Lifetime                        |
// |                       Preferred Lifetime                      |
// |                           Reserved2                           |
// |                       Prefix (16 bytes)                       |  RFC 4861 section 4.6.2
std::optional<PrefixInformation> parse_prefix_information(std::span<const std::byte> body) {
    if (body.size() != 30) return std::nullopt;
    net::ByteReader in{body};
    PrefixInformation pio;
    pio.prefix.length = in.read<std::uint8_t>();
    const auto flags = in.read<std::uint8_t>();
    pio.valid_lifetime = Seconds{in.read<std::uint32_t>()};
    pio.preferred_lifetime = Seconds{in.read<std::uint32_t>()};
    in.take(4);
    pio.prefix.address = to_address(in.take(16));
    if (pio.prefix.length > 128) return std::nullopt;
    pio.on_link = (flags & kOnLink) != 0;
    pio.autonomous = (flags & kAutonomous) != 0;
    pio.router_address = (flags & kRouterAddress) != 0;
    if (!pio.router_address) pio.prefix = pio.prefix.network();
    return pio;
}

// |     Type      |    Length     | Prefix Length |Resvd|Prf|Resvd|
// |                        Route Lifetime                         |
// |                Prefix (0, 8 or 16 bytes)                      |  RFC 4191 section 2.3
std::optional<RouteInformation> parse_route_information(std::span<const std::byte> body) {
    net::ByteReader in{body};
    RouteInformation rio;
    rio.prefix.length = in.read<std::uint8_t>();
    const auto preference = to_preference(in.read<std::uint8_t>());
    rio.lifetime = Seconds{in.read<std::uint32_t>()};
    const std::size_t octets = in.remaining();
    if (octets > 16 || rio.prefix.length > 8 * octets) return std::nullopt;
    if (!preference) return std::nullopt;  // "10": the receiver MUST ignore the option
    rio.preference = *preference;
    rio.prefix.address = to_address(in.take(octets));
    rio.prefix = rio.prefix.network();
    return rio;
}

// |     Type      |    Length     |           Reserved            |
// |                              MTU                              |  RFC 4861 section 4.6.4
std::optional<Mtu> parse_mtu(std::span<const std::byte> body) {
    if (body.size() != 6) return std::nullopt;
    net::ByteReader in{body};
    in.take(2);
    return Mtu{in.read<std::uint32_t>()};
}

// What a known type carries in a form its RFC does not define is kept uninterpreted, as an unknown type is:
// RFC 4861 section 6.1 wants such options ignored, not the message dropped.
Option parse_option(const RawOption& raw) {
    switch (raw.type) {
        case kSourceLinkLayerAddress:
            if (const auto mac = parse_link_layer_address(raw.body)) return SourceLinkLayerAddress{*mac};
            break;
        case kPrefixInformation:
            if (const auto pio = parse_prefix_information(raw.body)) return *pio;
            break;
        case kRouteInformation:
            if (const auto rio = parse_route_information(raw.body)) return *rio;
            break;
        case kMtu:
            if (const auto mtu = parse_mtu(raw.body)) return *mtu;
            break;
        default:
            break;
    }
    return UnknownOption{raw.type, {raw.body.begin(), raw.body.end()}};
}

void put(net::ByteWriter& out, std::span<const std::uint8_t> bytes) { out.put(std::as_bytes(bytes)); }

void put_option(net::ByteWriter& out, const SourceLinkLayerAddress& option) {
    out.put(kSourceLinkLayerAddress);
    out.put(std::uint8_t{1});
    put(out, option.address.bytes);
}

void put_option(net::ByteWriter& out, const PrefixInformation& pio) {
    const unsigned flags = (pio.on_link ? kOnLink : 0U) | (pio.autonomous ? kAutonomous : 0U) |
                           (pio.router_address ? kRouterAddress : 0U);
    const net::Ipv6Prefix prefix = pio.router_address ? pio.prefix : pio.prefix.network();
    out.put(kPrefixInformation);
    out.put(std::uint8_t{4});
    out.put(prefix.length);
    out.put(static_cast<std::uint8_t>(flags));
    out.put(pio.valid_lifetime.count());
    out.put(pio.preferred_lifetime.count());
    out.zeros(4);
    put(out, prefix.address.bytes);
}

void put_option(net::ByteWriter& out, const RouteInformation& rio) {
    const net::Ipv6Prefix prefix = rio.prefix.network();
    std::size_t octets = 16;
    if (prefix.length <= 64) octets = 8;
    if (prefix.length == 0) octets = 0;
    out.put(kRouteInformation);
    out.put(static_cast<std::uint8_t>(1 + octets / kUnit));
    out.put(prefix.length);
    out.put(preference_bits(rio.preference));
    out.put(rio.lifetime.count());
    put(out, std::span{prefix.address.bytes}.first(octets));
}

void put_option(net::ByteWriter& out, const Mtu& mtu) {
    out.put(kMtu);
    out.put(std::uint8_t{1});
    out.zeros(2);
    out.put(mtu.bytes);
}

void put_option(net::ByteWriter& out, const UnknownOption& option) {
    const std::size_t units = (option.body.size() + 2 + kUnit - 1) / kUnit;
    if (units > 255) return;  // no wire format can carry it
    out.put(option.type);
    out.put(static_cast<std::uint8_t>(units));
    out.put(std::span{option.body});
    out.zeros(units * kUnit - 2 - option.body.size());
}

}  // namespace

//  0                   1                   2                   3
// |     Type      |     Code      |          Checksum             |
// |                            Reserved                           |
// |   Options ...                                                     RFC 4861 section 4.1
Result<RouterSolicitation> parse_router_solicitation(std::span<const std::byte> message,
                                                     const PacketInfo& info) {
    if (info.hop_limit != 255) return from_elsewhere(info.hop_limit);
    if (info.source.is_multicast()) return fail("source is a multicast address");
    if (message.size() < kHeaderOfSolicitation) return fail("solicitation shorter than its header");
    net::ByteReader in{message};
    if (in.read<std::uint8_t>() != kRouterSolicitation) return fail("not a Router Solicitation");
    if (in.read<std::uint8_t>() != 0) return fail("code is not 0");

    RouterSolicitation solicitation;
    OptionWalker options{message.subspan(kHeaderOfSolicitation)};
    for (;;) {
        const auto option = options.next();
        if (!option) return fail(option.error(), "Router Solicitation");
        if (!*option) return solicitation;
        if ((*option)->type != kSourceLinkLayerAddress) continue;
        if (info.source.is_unspecified()) {
            return fail("source address :: and a source link-layer address: nobody could use it");
        }
        if (!solicitation.source_link_layer_address) {
            solicitation.source_link_layer_address = parse_link_layer_address((*option)->body);
        }
    }
}

// |     Type      |     Code      |          Checksum             |
// | Cur Hop Limit |M|O|H|Prf|Resvd|       Router Lifetime         |
// |                         Reachable Time                        |
// |                          Retrans Timer                        |
// |   Options ...                                                     RFC 4861 section 4.2, RFC 4191
// section 2.2
Result<RouterAdvertisement> parse_router_advertisement(std::span<const std::byte> message,
                                                       const PacketInfo& info) {
    if (!info.source.is_link_local()) return fail("source is not a link-local address");
    if (info.hop_limit != 255) return from_elsewhere(info.hop_limit);
    if (message.size() < kHeaderOfAdvertisement) return fail("advertisement shorter than its header");
    net::ByteReader in{message};
    if (in.read<std::uint8_t>() != kRouterAdvertisement) return fail("not a Router Advertisement");
    if (in.read<std::uint8_t>() != 0) return fail("code is not 0");
    in.take(2);  // checksum
    RouterAdvertisement advertisement;
    advertisement.hop_limit = in.read<std::uint8_t>();
    const auto flags = in.read<std::uint8_t>();
    advertisement.managed = (flags & kManaged) != 0;
    advertisement.other_config = (flags & kOtherConfig) != 0;
    advertisement.router_lifetime = std::chrono::duration<std::uint16_t>{in.read<std::uint16_t>()};
    if (advertisement.router_lifetime.count() != 0) {  // else the preference MUST be ignored
        advertisement.preference = to_preference(flags).value_or(Preference::medium);
    }
    advertisement.reachable_time = Milliseconds{in.read<std::uint32_t>()};
    advertisement.retrans_timer = Milliseconds{in.read<std::uint32_t>()};

    OptionWalker options{message.subspan(kHeaderOfAdvertisement)};
    for (;;) {
        const auto option = options.next();
        if (!option) return fail(option.error(), "Router Advertisement");
        if (!*option) return advertisement;
        advertisement.options.push_back(parse_option(**option));
    }
}

std::vector<std::byte> build(const RouterAdvertisement& advertisement) {
    // RFC 4191 section 2.2: who is no default router has no preference as one.
    const Preference preference =
        advertisement.router_lifetime.count() == 0 ? Preference::medium : advertisement.preference;
    const unsigned flags = (advertisement.managed ? kManaged : 0U) |
                           (advertisement.other_config ? kOtherConfig : 0U) | preference_bits(preference);
    net::ByteWriter out;
    out.put(kRouterAdvertisement);
    out.zeros(3);  // code, checksum
    out.put(advertisement.hop_limit);
    out.put(static_cast<std::uint8_t>(flags));
    out.put(advertisement.router_lifetime.count());
    out.put(advertisement.reachable_time.count());
    out.put(advertisement.retrans_timer.count());
    for (const Option& option : advertisement.options) {
        std::visit([&out](const auto& o) { put_option(out, o); }, option);
    }
    return std::move(out).release();
}

std::vector<std::byte> build(const RouterSolicitation& solicitation) {
    net::ByteWriter out;
    out.put(kRouterSolicitation);
    out.zeros(7);  // code, checksum, reserved
    if (solicitation.source_link_layer_address) {
        put_option(out, SourceLinkLayerAddress{*solicitation.source_link_layer_address});
    }
    return std::move(out).release();
}

}  // namespace ulagate::ra
