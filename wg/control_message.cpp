// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control_message.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "daemon/base/bytes.h"

namespace ulagate::wg::control {
namespace {

constexpr std::uint32_t kMagic = 0x554c4743;  // "ULGC"
constexpr std::size_t kHeader = 12;

enum class Type : std::uint8_t {
    hello = 1,
    hello_ack = 2,
    claim = 3,
    claim_ack = 4,
    release = 5,
    probe = 6,
    probe_ack = 7,
    goodbye = 8
};

// TLVs, the same in every message.
constexpr std::uint16_t kTlvVersion = 1;       // 1 byte
constexpr std::uint16_t kTlvCapabilities = 2;  // 4
constexpr std::uint16_t kTlvClock = 3;         // 8: milliseconds since 1970
constexpr std::uint16_t kTlvEpoch = 4;         // 8
constexpr std::uint16_t kTlvPriority = 5;      // 1
constexpr std::uint16_t kTlvPrefix = 6;        // 17: length, address; repeated
constexpr std::uint16_t kTlvOwner = 7;         // 42: prefix, router (:: = none), epoch, priority; repeated
constexpr std::uint16_t kTlvAnswers = 8;       // 4
constexpr std::uint16_t kTlvProbeId = 9;       // 8

constexpr std::size_t kPrefixSize = 17;
constexpr std::size_t kOwnerSize = 42;

// What a system_clock::time_point can hold, so that nobody who converts has to check: the year 2262.
constexpr UnixTime kLastClock =
    std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::time_point::max());

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

// Nothing: not the name of a network.
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
};

template <class T>
Result<void> read_once(net::ByteReader value, std::optional<T>& field) {
    if (field) return bad("a value that comes once comes twice");
    if (value.remaining() != sizeof(T)) return bad("a value has the wrong length");
    field = value.read<T>();
    return {};
}

Result<void> read_prefix_tlv(net::ByteReader value, std::vector<net::Ipv6Prefix>& prefixes) {
    if (value.remaining() != kPrefixSize) return bad("a prefix has the wrong length");
    if (prefixes.size() == kMaxPrefixes) return bad("too many prefixes");
    const auto prefix = read_prefix(value);
    if (!prefix) return bad("a prefix is no network");
    prefixes.push_back(*prefix);
    return {};
}

Result<void> read_owner_tlv(net::ByteReader value, std::vector<Owner>& owners) {
    if (value.remaining() != kOwnerSize) return bad("an owner has the wrong length");
    if (owners.size() == kMaxPrefixes) return bad("too many owners");
    const auto prefix = read_prefix(value);
    if (!prefix) return bad("the prefix of an owner is no network");
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

Result<Message> to_message(Type type, Fields fields) {
    switch (type) {
        case Type::hello: {
            auto about = to_about(fields);
            if (!about) return tl::unexpected<Error>{std::move(about.error())};
            return Message{Hello{*about}};
        }
        case Type::hello_ack: {
            auto about = to_about(fields);
            if (!about) return tl::unexpected<Error>{std::move(about.error())};
            return Message{HelloAck{*about, std::move(fields.owners)}};
        }
        case Type::claim:
            if (fields.prefixes.empty() || !fields.epoch || !fields.priority) {
                return bad("prefixes, epoch or priority is missing");
            }
            return Message{Claim{std::move(fields.prefixes), *fields.epoch, *fields.priority}};
        case Type::claim_ack:
            if (fields.owners.empty()) return bad("no owner");
            return Message{ClaimAck{fields.answers, std::move(fields.owners)}};
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
    }
    return unsupported("message of type " + std::to_string(static_cast<unsigned>(type)));
}

void put(net::ByteWriter& out, const net::Ipv6Address& address) {
    out.put(std::as_bytes(std::span{address.bytes}));
}

void put(net::ByteWriter& out, const net::Ipv6Prefix& prefix) {
    out.put(prefix.length);
    put(out, prefix.network().address);
}

template <class T>
void put_tlv(net::ByteWriter& out, std::uint16_t type, T value) {
    out.put(type);
    out.put(static_cast<std::uint16_t>(sizeof(T)));
    out.put(value);
}

void put_prefixes(net::ByteWriter& out, const std::vector<net::Ipv6Prefix>& prefixes) {
    for (const auto& prefix : std::span{prefixes}.first(std::min(prefixes.size(), kMaxPrefixes))) {
        out.put(kTlvPrefix);
        out.put(static_cast<std::uint16_t>(kPrefixSize));
        put(out, prefix);
    }
}

void put_owners(net::ByteWriter& out, const std::vector<Owner>& owners) {
    for (const auto& owner : std::span{owners}.first(std::min(owners.size(), kMaxPrefixes))) {
        out.put(kTlvOwner);
        out.put(static_cast<std::uint16_t>(kOwnerSize));
        put(out, owner.prefix);
        put(out, owner.router.value_or(net::Ipv6Address{}));
        out.put(owner.epoch);
        out.put(owner.priority);
    }
}

void put_about(net::ByteWriter& out, const About& about) {
    const UnixTime clock = std::clamp(about.clock, UnixTime{}, kLastClock);
    put_tlv(out, kTlvVersion, about.version);
    put_tlv(out, kTlvCapabilities, about.capabilities);
    put_tlv(out, kTlvClock, static_cast<std::uint64_t>(clock.time_since_epoch().count()));
}

struct BodyWriter {
    net::ByteWriter& out;

    Type operator()(const Hello& hello) const {
        put_about(out, hello.about);
        return Type::hello;
    }
    Type operator()(const HelloAck& ack) const {
        put_about(out, ack.about);
        put_owners(out, ack.owners);
        return Type::hello_ack;
    }
    Type operator()(const Claim& claim) const {
        put_tlv(out, kTlvEpoch, claim.epoch);
        put_tlv(out, kTlvPriority, claim.priority);
        put_prefixes(out, claim.prefixes);
        return Type::claim;
    }
    Type operator()(const ClaimAck& ack) const {
        if (ack.answers) put_tlv(out, kTlvAnswers, *ack.answers);
        put_owners(out, ack.owners);
        return Type::claim_ack;
    }
    Type operator()(const Release& release) const {
        put_tlv(out, kTlvEpoch, release.epoch);
        put_prefixes(out, release.prefixes);
        return Type::release;
    }
    Type operator()(const Probe& probe) const {
        put_tlv(out, kTlvProbeId, probe.id);
        return Type::probe;
    }
    Type operator()(const ProbeAck& ack) const {
        put_tlv(out, kTlvProbeId, ack.id);
        return Type::probe_ack;
    }
    Type operator()(const Goodbye& /*goodbye*/) const { return Type::goodbye; }
};

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

std::vector<std::byte> build(const Packet& packet) {
    net::ByteWriter body;
    const Type type = std::visit(BodyWriter{body}, packet.message);
    net::ByteWriter out;
    out.put(kMagic);
    out.put(kVersion);
    out.put(static_cast<std::uint8_t>(type));
    out.put(static_cast<std::uint16_t>(kHeader + body.size()));
    out.put(packet.sequence);
    out.put(body.bytes());
    return std::move(out).release();
}

std::string_view type_name(const Message& message) {
    constexpr std::array<std::string_view, std::variant_size_v<Message>> kNames{
        "hello", "hello-ack", "claim", "claim-ack", "release", "probe", "probe-ack", "goodbye"};
    return kNames.at(message.index());
}

bool is_stale(std::uint32_t last, std::uint32_t got) {
    constexpr std::uint32_t kWindow = 64;
    return last - got < kWindow;  // modulo 2^32
}

}  // namespace ulagate::wg::control
