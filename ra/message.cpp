// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/message.h"

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/base/bytes.h"
#include "ra/option_codec.h"

namespace ulagate::ra {
namespace {

constexpr std::uint8_t kRouterSolicitation = 133;
constexpr std::uint8_t kRouterAdvertisement = 134;
constexpr std::uint8_t kNeighborAdvertisement = 136;

constexpr std::size_t kHeaderOfSolicitation = 8;
constexpr std::size_t kHeaderOfAdvertisement = 16;
constexpr std::size_t kHeaderOfNeighborAdvertisement = 24;
// More than any honest message carries, and few enough that one datagram cannot make us allocate much.
constexpr std::size_t kMaxOptions = 128;

// Of a Neighbor Advertisement.
constexpr std::uint8_t kRouter = 0x80;
constexpr std::uint8_t kSolicited = 0x40;
constexpr std::uint8_t kOverride = 0x20;
constexpr std::uint8_t kTargetLinkLayerAddressType = 2;

tl::unexpected<Error> from_elsewhere(int hop_limit) {
    return fail("hop limit is " + std::to_string(hop_limit) + ", not 255: the sender is not on this link");
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
        option.body = in_.take(units * kOptionUnit - 2);
        if (!in_.ok()) return fail("option is longer than the rest of the message");
        return std::optional<RawOption>{option};
    }

private:
    net::ByteReader in_;
    std::size_t count_ = 0;
};

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
        if ((*option)->type != kSourceLinkLayerAddressType) continue;
        if (info.source.is_unspecified()) {
            return fail(
                "a source link-layer address with source address ::, which RFC 4861 section 6.1.1 forbids");
        }
        if (!solicitation.source_link_layer_address) {
            solicitation.source_link_layer_address = parse_link_layer_address((*option)->body);
        }
    }
}

// |     Type      |     Code      |          Checksum             |
// | Cur Hop Limit |M|O|H|Prf|P|S|R|       Router Lifetime         |
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
    take_flags(kRouterFlags, flags, advertisement);
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
        advertisement.options.push_back(parse_option((*option)->type, (*option)->body));
    }
}

// |     Type      |     Code      |          Checksum             |
// |R|S|O|                     Reserved                            |
// |                     Target address (16 bytes)                 |
// |   Options ...                                                     RFC 4861 section 4.4
Result<NeighborAdvertisement> parse_neighbor_advertisement(std::span<const std::byte> message,
                                                           const PacketInfo& info) {
    if (info.hop_limit != 255) return from_elsewhere(info.hop_limit);
    if (message.size() < kHeaderOfNeighborAdvertisement)
        return fail("neighbor advertisement shorter than its header");
    net::ByteReader in{message};
    if (in.read<std::uint8_t>() != kNeighborAdvertisement) return fail("not a Neighbor Advertisement");
    if (in.read<std::uint8_t>() != 0) return fail("code is not 0");
    in.take(2);  // checksum
    NeighborAdvertisement advertisement;
    const auto flags = in.read<std::uint8_t>();
    advertisement.router = (flags & kRouter) != 0;
    advertisement.solicited = (flags & kSolicited) != 0;
    advertisement.override_cache = (flags & kOverride) != 0;
    in.take(3);  // reserved
    for (std::uint8_t& byte : advertisement.target.bytes) byte = in.read<std::uint8_t>();
    if (advertisement.target.is_multicast()) return fail("target is a multicast address");
    if (info.destination.is_multicast() && advertisement.solicited)
        return fail("an answer to one that went to all");

    OptionWalker options{message.subspan(kHeaderOfNeighborAdvertisement)};
    for (;;) {
        const auto option = options.next();
        if (!option) return fail(option.error(), "Neighbor Advertisement");
        if (!*option) return advertisement;
        if ((*option)->type == kTargetLinkLayerAddressType && !advertisement.target_link_layer_address)
            advertisement.target_link_layer_address = parse_link_layer_address((*option)->body);
    }
}

std::vector<std::byte> build(const NeighborAdvertisement& advertisement) {
    net::ByteWriter out;
    out.put(kNeighborAdvertisement);
    out.zeros(3);  // code, checksum
    const unsigned flags = (advertisement.router ? kRouter : 0U) |
                           (advertisement.solicited ? kSolicited : 0U) |
                           (advertisement.override_cache ? kOverride : 0U);
    out.put(static_cast<std::uint8_t>(flags));
    out.zeros(3);
    out.put(std::as_bytes(std::span{advertisement.target.bytes}));
    if (advertisement.target_link_layer_address) {
        out.put(kTargetLinkLayerAddressType);
        out.put(std::uint8_t{1});
        out.put(std::as_bytes(std::span{advertisement.target_link_layer_address->bytes}));
    }
    return std::move(out).release();
}

std::vector<std::byte> build(const RouterAdvertisement& advertisement) {
    // RFC 4191 section 2.2: who is not a default router has no preference as one.
    const Preference preference =
        advertisement.router_lifetime.count() == 0 ? Preference::medium : advertisement.preference;
    const unsigned flags = flag_bits(kRouterFlags, advertisement) | preference_bits(preference);
    net::ByteWriter out;
    out.put(kRouterAdvertisement);
    out.zeros(3);  // code, checksum
    out.put(advertisement.hop_limit);
    out.put(static_cast<std::uint8_t>(flags));
    out.put(advertisement.router_lifetime.count());
    out.put(advertisement.reachable_time.count());
    out.put(advertisement.retrans_timer.count());
    for (const Option& option : advertisement.options) put_option(out, option);
    return std::move(out).release();
}

std::vector<RouterAdvertisement> split(RouterAdvertisement advertisement, std::size_t max_bytes) {
    const std::vector<Option> options = std::exchange(advertisement.options, {});
    std::vector<RouterAdvertisement> parts{advertisement};
    std::size_t size = kHeaderOfAdvertisement;
    for (const Option& option : options) {
        if (size + size_of(option) > max_bytes && !parts.back().options.empty()) {
            parts.push_back(advertisement);
            size = kHeaderOfAdvertisement;
        }
        size += size_of(option);
        parts.back().options.push_back(option);
    }
    return parts;
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
