// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/netlink_message.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "daemon/base/kernel_address.h"
#include "wg/device/netlink_codec.h"

namespace ulagate::wg {
namespace {

constexpr std::size_t kHeaderBytes = sizeof(nlmsghdr) + sizeof(genlmsghdr);
constexpr std::size_t kNestBytes = attribute_size(0);
constexpr std::size_t kKeyAttribute = attribute_size(kKeyBytes);
// A peer with everything except addresses; and the largest address.
constexpr std::size_t kPeerAttributes =
    kNestBytes + 2 * kKeyAttribute + attribute_size(sizeof(std::uint32_t)) +
    attribute_size(sizeof(sockaddr_in6)) + attribute_size(sizeof(std::uint16_t));
constexpr std::size_t kAllowedIpAttributes = kNestBytes + attribute_size(sizeof(std::uint16_t)) +
                                             attribute_size(sizeof(in6_addr)) +
                                             attribute_size(sizeof(std::uint8_t));
constexpr std::size_t kSmallestMax = 512;
constexpr std::size_t kLargestMax = 60UL * 1024;

void append(MessageBuilder& out, const net::Endpoint& endpoint) {
    if (const auto* v4 = std::get_if<net::Ipv4Address>(&endpoint.address)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(endpoint.port);
        address.sin_addr = net::to_kernel(*v4);
        out.value(WGPEER_A_ENDPOINT, address);
        return;
    }
    const auto& v6 = std::get<net::Ipv6Address>(endpoint.address);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    address.sin6_scope_id = endpoint.scope_id;
    address.sin6_addr = net::to_kernel(v6);
    out.value(WGPEER_A_ENDPOINT, address);
}

void append(MessageBuilder& out, const net::IpPrefix& prefix) {
    const std::size_t nest = out.open_nest(0);
    std::visit(
        [&](const auto& p) {
            const bool v4 = sizeof(p.address.bytes) == sizeof(in_addr);
            out.value(WGALLOWEDIP_A_FAMILY, static_cast<std::uint16_t>(v4 ? AF_INET : AF_INET6));
            out.value(WGALLOWEDIP_A_IPADDR, p.address.bytes);
            out.value(WGALLOWEDIP_A_CIDR_MASK, p.length);
        },
        prefix);
    out.close_nest(nest);
}

// Fills messages one after the other; knows which nests are open.
class SetEncoder {
public:
    SetEncoder(std::uint16_t family, std::string_view interface, std::size_t max_bytes)
        : family_(family),
          interface_(interface),
          max_bytes_(std::clamp(max_bytes, kSmallestMax, kLargestMax)),
          message_(start()) {}

    void device(const DeviceChange& change) {
        if (change.private_key) message_.value(WGDEVICE_A_PRIVATE_KEY, change.private_key->bytes());
        if (change.listen_port) message_.value(WGDEVICE_A_LISTEN_PORT, *change.listen_port);
    }

    void peer(const PeerChange& change) {
        if (!fits(kNestBytes + kPeerAttributes)) next_message();
        open_peer(change, true);
        if (!change.remove && !change.allowed_ips.empty()) addresses(change);
        message_.close_nest(peer_);
    }

    std::vector<std::vector<std::byte>> finish() && {
        flush();
        return std::move(done_);
    }

private:
    [[nodiscard]] bool fits(std::size_t bytes) const { return message_.size() + bytes <= max_bytes_; }

    [[nodiscard]] MessageBuilder start() const {
        MessageBuilder message{family_, NLM_F_REQUEST | NLM_F_ACK, max_bytes_};
        message.fixed(genlmsghdr{WG_CMD_SET_DEVICE, WG_GENL_VERSION, 0});
        message.text(WGDEVICE_A_IFNAME, interface_);
        return message;
    }

    void flush() {
        if (peers_) message_.close_nest(*peers_);
        peers_.reset();
        done_.push_back(std::move(message_).finish());
    }

    void next_message() {
        flush();
        message_ = start();
    }

    // What a peer says once (`first`) must not be said again when its addresses go on in the next message:
    // a second replace flag would empty the list that the first part has just filled.
    void open_peer(const PeerChange& change, bool first) {
        if (!peers_) peers_ = message_.open_nest(WGDEVICE_A_PEERS);
        peer_ = message_.open_nest(0);
        message_.value(WGPEER_A_PUBLIC_KEY, change.key.bytes);
        std::uint32_t flags = 0;
        if (change.remove) flags |= WGPEER_F_REMOVE_ME;
        // In the next part the peer must exist: the part before has made it.
        if (change.update_only || !first) flags |= WGPEER_F_UPDATE_ONLY;
        if (change.replace_allowed_ips && first) flags |= WGPEER_F_REPLACE_ALLOWEDIPS;
        if (flags != 0) message_.value(WGPEER_A_FLAGS, flags);
        if (change.remove || !first) return;
        if (change.preshared_key) message_.value(WGPEER_A_PRESHARED_KEY, change.preshared_key->bytes());
        if (change.endpoint) append(message_, *change.endpoint);
        if (change.keepalive_seconds) {
            message_.value(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, *change.keepalive_seconds);
        }
    }

    void addresses(const PeerChange& change) {
        std::optional<std::size_t> list;
        for (const net::IpPrefix& prefix : change.allowed_ips) {
            if (!fits((list ? 0 : kNestBytes) + kAllowedIpAttributes)) {
                if (list) message_.close_nest(*list);
                message_.close_nest(peer_);
                next_message();
                open_peer(change, false);
                list.reset();
            }
            if (!list) list = message_.open_nest(WGPEER_A_ALLOWEDIPS);
            append(message_, prefix);
        }
        if (list) message_.close_nest(*list);
    }

    std::uint16_t family_;
    std::string interface_;
    std::size_t max_bytes_;
    MessageBuilder message_;
    std::optional<std::size_t> peers_;  // the open list of peers
    std::size_t peer_ = 0;              // the open peer
    std::vector<std::vector<std::byte>> done_;
};

}  // namespace

std::vector<std::vector<std::byte>> encode_set_device(std::uint16_t family, std::string_view interface,
                                                      const DeviceChange& change, std::size_t max_bytes) {
    if (change.empty()) return {};
    SetEncoder encoder{family, interface, max_bytes};
    encoder.device(change);
    for (const PeerChange& peer : change.peers) encoder.peer(peer);
    return std::move(encoder).finish();
}

std::vector<std::byte> encode_get_device(std::uint16_t family, std::string_view interface) {
    MessageBuilder out{family, NLM_F_REQUEST | NLM_F_DUMP,
                       kHeaderBytes + attribute_size(interface.size() + 1)};
    out.fixed(genlmsghdr{WG_CMD_GET_DEVICE, WG_GENL_VERSION, 0});
    out.text(WGDEVICE_A_IFNAME, interface);
    return std::move(out).finish();
}

std::vector<std::byte> encode_get_family(std::string_view name) {
    MessageBuilder out{GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_ACK,
                       kHeaderBytes + attribute_size(name.size() + 1)};
    out.fixed(genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0});
    out.text(CTRL_ATTR_FAMILY_NAME, name);
    return std::move(out).finish();
}

}  // namespace ulagate::wg
