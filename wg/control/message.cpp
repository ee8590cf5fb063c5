// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/message.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "daemon/base/bytes.h"
#include "wg/control/site_codec.h"
#include "wg/control/tlv.h"

namespace ulagate::wg::control {
namespace {

tl::unexpected<Error> bad(std::string why) {
    return fail(std::make_error_code(std::errc::bad_message), std::move(why));
}

tl::unexpected<Error> unsupported(std::string why) {
    return fail(std::make_error_code(std::errc::protocol_not_supported), std::move(why));
}

net::Ipv6Address read_address(net::ByteReader& in) {
    net::Ipv6Address address;
    const auto bytes = in.take(address.bytes.size());
    std::transform(bytes.begin(), bytes.end(), address.bytes.begin(), std::to_integer<std::uint8_t>);
    return address;
}

// nullopt: not the name of a network.
std::optional<net::Ipv6Prefix> read_prefix(net::ByteReader& in) {
    net::Ipv6Prefix prefix;
    prefix.length = in.read<std::uint8_t>();
    prefix.address = read_address(in);
    if (prefix.length > 128 || prefix.network() != prefix) return std::nullopt;
    return prefix;
}

// All that the known TLVs of one message say. A message takes what it needs; the rest is passed over as
// unknown TLVs are.
struct Fields {
    std::optional<std::uint8_t> version;
    std::optional<std::uint32_t> capabilities;
    std::optional<std::uint64_t> clock;
    std::optional<std::uint64_t> epoch;
    std::optional<std::uint8_t> priority;
    std::optional<std::uint32_t> answers;
    std::optional<std::uint64_t> probe_id;
    std::vector<net::Ipv6Prefix> prefixes;
    std::vector<Owner> owners;
    std::optional<std::uint64_t> sites;
    std::optional<std::uint64_t> sites_from;
    std::optional<std::uint32_t> sites_part;
    // Still as bytes: they mean something only together with the overlay.
    std::vector<net::ByteReader> added;
    std::vector<net::ByteReader> removed;
    std::vector<net::ByteReader> transit;
};

template <class T>
Result<void> read_once(net::ByteReader value, std::optional<T>& field) {
    if (field) return bad("a TLV that may occur once occurs twice");
    if (value.remaining() != sizeof(T)) return bad("a value has the wrong length");
    field = value.read<T>();
    return {};
}

Result<void> read_prefix_tlv(net::ByteReader value, std::vector<net::Ipv6Prefix>& prefixes) {
    if (value.remaining() != kPrefixSize) return bad("a prefix has the wrong length");
    if (prefixes.size() == kMaxPrefixes) return bad("too many prefixes");
    const auto prefix = read_prefix(value);
    if (!prefix) return bad("a prefix has bits set behind its length");
    prefixes.push_back(*prefix);
    return {};
}

Result<void> read_owner_tlv(net::ByteReader value, std::vector<Owner>& owners) {
    if (value.remaining() != kOwnerSize) return bad("an owner has the wrong length");
    if (owners.size() == kMaxPrefixes) return bad("too many owners");
    const auto prefix = read_prefix(value);
    if (!prefix) return bad("the prefix of an owner has bits set behind its length");
    Owner owner{*prefix, read_address(value), value.read<std::uint64_t>(), value.read<std::uint8_t>()};
    if (owner.router->is_unspecified()) owner.router.reset();
    owners.push_back(owner);
    return {};
}

Result<void> read_tlv(std::uint16_t type, net::ByteReader value, Fields& fields) {
    switch (type) {
        case kTlvVersion:
            return read_once(value, fields.version);
        case kTlvCapabilities:
            return read_once(value, fields.capabilities);
        case kTlvClock:
            return read_once(value, fields.clock);
        case kTlvEpoch:
            return read_once(value, fields.epoch);
        case kTlvPriority:
            return read_once(value, fields.priority);
        case kTlvPrefix:
            return read_prefix_tlv(value, fields.prefixes);
        case kTlvOwner:
            return read_owner_tlv(value, fields.owners);
        case kTlvAnswers:
            return read_once(value, fields.answers);
        case kTlvProbeId:
            return read_once(value, fields.probe_id);
        case kTlvSites:
            return read_once(value, fields.sites);
        case kTlvSitesFrom:
            return read_once(value, fields.sites_from);
        case kTlvSitesPart:
            return read_once(value, fields.sites_part);
        case kTlvSitesAdded:
            fields.added.push_back(value);
            return {};
        case kTlvSitesRemoved:
            fields.removed.push_back(value);
            return {};
        case kTlvSitesTransit:
            fields.transit.push_back(value);
            return {};
        default:
            return {};
    }
}

Result<Fields> read_fields(net::ByteReader in) {
    Fields fields;
    while (in.remaining() != 0) {
        const auto type = in.read<std::uint16_t>();
        const std::size_t length = in.read<std::uint16_t>();
        const auto value = in.take(length);
        if (!in.ok()) return bad("a TLV is longer than the rest of the message");
        if (auto read = read_tlv(type, net::ByteReader{value}, fields); !read) {
            return tl::unexpected<Error>{std::move(read.error())};
        }
    }
    return fields;
}

Result<About> to_about(const Fields& fields) {
    if (!fields.version || !fields.capabilities || !fields.clock)
        return bad("version, capabilities or clock is missing");
    const auto last = static_cast<std::uint64_t>(kLastClock.time_since_epoch().count());
    if (*fields.clock > last) return bad("the clock is beyond the year 2262");
    const std::chrono::milliseconds since_1970{static_cast<std::int64_t>(*fields.clock)};
    return About{*fields.version, *fields.capabilities, UnixTime{since_1970}};
}

Result<void> read_runs(const std::vector<net::ByteReader>& runs, const net::Ipv6Prefix& overlay,
                       std::vector<net::Ipv6Prefix>& sites) {
    for (const net::ByteReader& run : runs) {
        const std::size_t before = sites.size();
        if (auto read = read_run(run, overlay, sites); !read) return read;
        if (before > 0 && sites.at(before).length <= sites.at(before - 1).length)
            return bad("lists of sites are not in order");
    }
    return {};
}

Result<Message> to_sites(const Fields& fields) {
    constexpr std::uint32_t kPartBits = 16;
    if (fields.prefixes.size() != 1 || !fields.sites || !fields.sites_part) {
        return bad("overlay, generation or part is missing");
    }
    Sites sites{fields.prefixes.front(), fields.sites_from.value_or(0), *fields.sites, 0, 1, {}, {}};
    sites.part = static_cast<std::uint16_t>(*fields.sites_part >> kPartBits);
    sites.parts = static_cast<std::uint16_t>(*fields.sites_part);
    if (sites.part >= sites.parts || sites.parts > kMaxParts) return bad("no such part");
    for (const auto& [runs, list] :
         {std::pair{&fields.added, &sites.added}, std::pair{&fields.removed, &sites.removed},
          std::pair{&fields.transit, &sites.transit}}) {
        if (auto read = read_runs(*runs, sites.overlay, *list); !read) {
            return tl::unexpected<Error>{std::move(read.error())};
        }
    }
    return Message{std::move(sites)};
}

Result<Message> to_message(Type type, Fields fields) {
    if (fields.sites == 0U || fields.sites_from == 0U) return bad("generation 0 of the list of sites");
    const std::uint64_t generation = fields.sites.value_or(0);
    switch (type) {
        case Type::hello: {
            auto about = to_about(fields);
            if (!about) return tl::unexpected<Error>{std::move(about.error())};
            return Message{Hello{*about, generation}};
        }
        case Type::hello_ack: {
            auto about = to_about(fields);
            if (!about) return tl::unexpected<Error>{std::move(about.error())};
            return Message{HelloAck{*about, std::move(fields.owners), generation}};
        }
        case Type::claim:
            if (fields.prefixes.empty() || !fields.epoch || !fields.priority) {
                return bad("prefixes, epoch or priority is missing");
            }
            return Message{Claim{std::move(fields.prefixes), *fields.epoch, *fields.priority}};
        case Type::claim_ack:
            if (fields.owners.empty()) return bad("no owner");
            return Message{ClaimAck{fields.answers, std::move(fields.owners), generation,
                                    fields.capabilities.value_or(0)}};
        case Type::release:
            if (fields.prefixes.empty() || !fields.epoch) return bad("prefixes or epoch is missing");
            return Message{Release{std::move(fields.prefixes), *fields.epoch}};
        case Type::probe:
            if (!fields.probe_id) return bad("no id");
            return Message{Probe{*fields.probe_id}};
        case Type::probe_ack:
            if (!fields.probe_id) return bad("no id");
            return Message{ProbeAck{*fields.probe_id}};
        case Type::goodbye:
            return Message{Goodbye{}};
        case Type::sites:
            return to_sites(fields);
    }
    return unsupported("message of type " + std::to_string(static_cast<unsigned>(type)));
}

}  // namespace

Result<Packet> parse(std::span<const std::byte> datagram) {
    if (datagram.size() > kMaxMessage) return bad("longer than 1200 bytes");
    net::ByteReader in{datagram};
    const auto magic = in.read<std::uint32_t>();
    const auto version = in.read<std::uint8_t>();
    const auto type = in.read<std::uint8_t>();
    const std::size_t length = in.read<std::uint16_t>();
    Packet packet;
    packet.sequence = in.read<std::uint32_t>();
    if (!in.ok()) return bad("shorter than its header");
    if (magic != kMagic) return bad("not the overlay control protocol");
    if (version > kVersion) return unsupported("version " + std::to_string(version));
    if (version != kVersion) return bad("version 0");
    if (length != datagram.size()) return bad("the length is not that of the datagram");

    auto fields = read_fields(in);
    if (!fields) return tl::unexpected<Error>{std::move(fields.error())};
    auto message = to_message(Type{type}, std::move(*fields));
    if (!message) return tl::unexpected<Error>{std::move(message.error())};
    packet.message = std::move(*message);
    return packet;
}

bool names_sites(std::span<const std::byte> datagram) {
    constexpr std::size_t kTypeAt = 5;  // behind the magic number and the version
    return datagram.size() > kTypeAt &&
           datagram[kTypeAt] == std::byte{static_cast<unsigned char>(Type::sites)};
}

std::string_view type_name(const Message& message) {
    constexpr std::array<std::string_view, std::variant_size_v<Message>> kNames{
        "hello", "hello-ack", "claim", "claim-ack", "release", "probe", "probe-ack", "goodbye", "sites"};
    return kNames.at(message.index());
}

bool is_stale(std::uint32_t last, std::uint32_t got) {
    constexpr std::uint32_t kWindow = 64;
    return last - got < kWindow;  // modulo 2^32
}

}  // namespace ulagate::wg::control
