// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <sodium.h>

#include <string>
#include <utility>

#include "daemon/base/kernel_address.h"
#include "wg/device/netlink_codec.h"
#include "wg/device/netlink_message.h"

namespace ulagate::wg {
namespace {

// struct __kernel_timespec
struct Timespec {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
};

tl::unexpected<Error> bad(const std::string& what) {
    return fail(std::make_error_code(std::errc::bad_message), "WireGuard dump: " + what);
}

template <class T>
bool read(const Attribute& attribute, T& out) {
    const auto value = attribute.as<T>();
    if (value) out = *value;
    return value.has_value();
}

bool read_endpoint(const Attribute& attribute, std::optional<net::Endpoint>& out) {
    if (const auto v4 = attribute.as<sockaddr_in>(); v4 && v4->sin_family == AF_INET) {
        out = net::Endpoint{net::from_kernel(v4->sin_addr), ntohs(v4->sin_port)};
        return true;
    }
    if (const auto v6 = attribute.as<sockaddr_in6>(); v6 && v6->sin6_family == AF_INET6) {
        out = net::Endpoint{net::from_kernel(v6->sin6_addr), ntohs(v6->sin6_port), v6->sin6_scope_id};
        return true;
    }
    return false;
}

bool read_handshake(const Attribute& attribute, std::chrono::system_clock::time_point& out) {
    const auto time = attribute.as<Timespec>();
    if (!time || time->seconds < 0 || time->seconds > kLastSecond || time->nanoseconds < 0 ||
        time->nanoseconds >= kNanosecondsPerSecond) {
        return false;
    }
    out = std::chrono::system_clock::time_point{std::chrono::seconds{time->seconds} +
                                                std::chrono::nanoseconds{time->nanoseconds}};
    return true;
}

template <class Prefix>
bool make_prefix(const Attribute& address, std::uint8_t length, net::IpPrefix& out) {
    Prefix prefix;
    if (!read(address, prefix.address.bytes) || length > 8 * prefix.address.bytes.size()) return false;
    prefix.length = length;
    out = prefix;
    return true;
}

bool read_allowed_ip(const Attribute& entry, net::IpPrefix& out) {
    std::uint16_t family = AF_UNSPEC;
    std::optional<Attribute> address;
    std::optional<std::uint8_t> length;
    AttributeReader in{entry.payload};
    while (const auto part = in.next()) {
        if (part->type == WGALLOWEDIP_A_FAMILY && !read(*part, family)) return false;
        if (part->type == WGALLOWEDIP_A_IPADDR) address = part;
        if (part->type == WGALLOWEDIP_A_CIDR_MASK) length = part->as<std::uint8_t>();
    }
    if (!in.ok() || !address || !length) return false;
    if (family == AF_INET) return make_prefix<net::Ipv4Prefix>(*address, *length, out);
    return family == AF_INET6 && make_prefix<net::Ipv6Prefix>(*address, *length, out);
}

bool read_allowed_ips(const Attribute& list, std::set<net::IpPrefix>& out) {
    AttributeReader in{list.payload};
    while (const auto entry = in.next()) {
        net::IpPrefix prefix;
        if (!read_allowed_ip(*entry, prefix)) return false;
        // Kept in the order in which they were added, and that was ours: mostly sorted.
        out.insert(out.end(), prefix);
    }
    return in.ok();
}

// Nothing, or the name of what makes no sense.
const char* read_peer_attribute(const Attribute& attribute, Peer& peer) {
    switch (attribute.type) {
        case WGPEER_A_PRESHARED_KEY:
            if (attribute.payload.size() != kKeyBytes) return "preshared key";
            peer.has_preshared_key =
                ::sodium_is_zero(reinterpret_cast<const unsigned char*>(attribute.payload.data()),
                                 kKeyBytes) == 0;
            return nullptr;
        case WGPEER_A_ENDPOINT:
            return read_endpoint(attribute, peer.endpoint) ? nullptr : "endpoint";
        case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
            return read(attribute, peer.keepalive_seconds) ? nullptr : "keepalive interval";
        case WGPEER_A_LAST_HANDSHAKE_TIME:
            return read_handshake(attribute, peer.last_handshake) ? nullptr : "handshake time";
        case WGPEER_A_RX_BYTES:
            return read(attribute, peer.rx_bytes) ? nullptr : "received bytes";
        case WGPEER_A_TX_BYTES:
            return read(attribute, peer.tx_bytes) ? nullptr : "sent bytes";
        case WGPEER_A_ALLOWEDIPS:
            return read_allowed_ips(attribute, peer.allowed_ips) ? nullptr : "allowed addresses";
        default:
            return nullptr;
    }
}

}  // namespace

Result<void> DumpMerger::add(std::span<const std::byte> message) {
    const auto body = message_body(message, sizeof(genlmsghdr));
    if (!body) return bad("message shorter than its header says");
    if (message[sizeof(nlmsghdr)] != std::byte{WG_CMD_GET_DEVICE}) return bad("answer to another command");
    AttributeReader in{*body};
    while (const auto attribute = in.next()) {
        if (attribute->type == WGDEVICE_A_PUBLIC_KEY) {
            PublicKey key;
            if (!read(*attribute, key.bytes)) return bad("public key of a wrong length");
            device_.public_key.reset();
            if (key != PublicKey{}) device_.public_key = key;
        } else if (attribute->type == WGDEVICE_A_LISTEN_PORT) {
            if (!read(*attribute, device_.listen_port)) return bad("listen port of a wrong length");
        } else if (attribute->type == WGDEVICE_A_FWMARK) {
            if (!read(*attribute, device_.fwmark)) return bad("fwmark of a wrong length");
        } else if (attribute->type == WGDEVICE_A_PEERS) {
            AttributeReader peers{attribute->payload};
            while (const auto peer = peers.next()) {
                if (auto added = add_peer(peer->payload); !added) return added;
            }
            if (!peers.ok()) return bad("a peer that does not fit");
        }
    }
    if (!in.ok()) return bad("a device attribute that does not fit");
    return {};
}

Result<void> DumpMerger::add_peer(std::span<const std::byte> attributes) {
    // The key need not come first, and the rest has no place to go before it is known.
    std::optional<PublicKey> key;
    AttributeReader search{attributes};
    while (const auto attribute = search.next()) {
        if (attribute->type != WGPEER_A_PUBLIC_KEY) continue;
        key.emplace();
        if (!read(*attribute, key->bytes)) return bad("peer key of a wrong length");
    }
    if (!search.ok()) return bad("a peer attribute that does not fit");
    if (!key) return bad("a peer without a key");
    Peer& peer = device_.peers[*key];
    AttributeReader in{attributes};
    while (const auto attribute = in.next()) {
        if (const char* wrong = read_peer_attribute(*attribute, peer)) {
            return bad("peer " + short_name(*key) + ": bad " + wrong);
        }
    }
    return {};
}

Result<std::uint16_t> parse_family(std::span<const std::byte> message) {
    const auto body = message_body(message, sizeof(genlmsghdr));
    if (!body) return bad("family message shorter than its header says");
    AttributeReader in{*body};
    while (const auto attribute = in.next()) {
        if (attribute->type != CTRL_ATTR_FAMILY_ID) continue;
        const auto id = attribute->as<std::uint16_t>();
        if (id) return *id;
    }
    return bad("family message without a number");
}

}  // namespace ulagate::wg
