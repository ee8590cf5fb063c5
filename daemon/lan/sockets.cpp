// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/sockets.h"

#include <chrono>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/lan/joined_groups.h"

namespace ulagate {
namespace {

// Nothing beside the delay of an answer, and at 10,000 solicitations a second 50 of them are read at once.
constexpr std::chrono::milliseconds kSolicitationPause{5};

// A flood of claims waits in the kernel, and what its queue does not hold is lost.
constexpr std::chrono::milliseconds kClaimPause{10};

static_assert(LanRouter::kMostHeld <= ra::NeighborSocket::kMaxAddresses);

constexpr const char* kJoinedGroups = "/proc/net/igmp6";
constexpr std::size_t kMaxJoinedGroups = 4U << 20U;  // bytes

}  // namespace

Result<std::unique_ptr<LanSockets>> RawLanSockets::open(Loop& loop, const LanConfig& config,
                                                        const Place& place, const OnReadable& call) {
    auto icmpv6 = ra::Socket::open(sending_interface(config), place.sending);
    if (!icmpv6) return tl::unexpected<Error>{std::move(icmpv6.error())};
    const auto partner = config.vrrp ? std::optional{config.vrrp->machine.address} : std::nullopt;
    auto link = ra::LinkSocket::open(sending_interface(config), place.sending, partner);
    if (!link) return tl::unexpected<Error>{std::move(link.error())};
    if (auto left = icmpv6->leave_solicitations_to_link_socket(partner); !left)
        return tl::unexpected<Error>{std::move(left.error())};
    // Where the LAN is: a macvlan is down while another router is Active.
    auto claims = ra::NeighborSocket::open(config.interface, place.lan);
    if (!claims) return tl::unexpected<Error>{std::move(claims.error())};
    std::unique_ptr<RawLanSockets> sockets{
        new RawLanSockets(place, std::move(*icmpv6), std::move(*link), std::move(*claims))};
    if (auto opened = sockets->open_neighbor(config); !opened)
        return tl::unexpected<Error>{std::move(opened.error())};
    if (config.vrrp) {
        if (auto opened = sockets->open_vrrp(config); !opened)
            return tl::unexpected<Error>{std::move(opened.error())};
    }
    if (auto watched = sockets->watch(loop, call); !watched)
        return tl::unexpected<Error>{std::move(watched.error())};
    return sockets;
}

bool RawLanSockets::hears() const {
    const auto text = read_file(kJoinedGroups, kMaxJoinedGroups);
    if (!text) return true;
    const JoinedGroups joined = parse_joined_groups(*text);
    return joined.contains({place().sending, ra::kAllRouters}) &&
           (!vrrp_in_ || joined.contains({place().lan, vrrp::kAllVrrpRouters}));
}

Result<void> RawLanSockets::open_vrrp(const LanConfig& config) {
    using Source = vrrp::AdvertisementSender::Source;
    const std::string sending = sending_interface(config);
    auto in = vrrp::Receiver::open(config.interface, place().lan);
    if (!in) return tl::unexpected<Error>{std::move(in.error())};
    auto out = vrrp::AdvertisementSender::open(sending, place().sending,
                                               config.vrrp->virtual_mac ? Source::link_below : Source::own);
    if (!out) return tl::unexpected<Error>{std::move(out.error())};
    if (config.vrrp->virtual_mac) vrrp_speaker_ = Speaker::link_below;
    vrrp_in_ = std::move(*in);
    vrrp_out_ = std::move(*out);
    return {};
}

Result<void> RawLanSockets::open_neighbor(const LanConfig& config) {
    auto neighbor = vrrp::NeighborSender::open(sending_interface(config), place().sending);
    if (!neighbor) return tl::unexpected<Error>{std::move(neighbor.error())};
    neighbor_out_ = std::move(*neighbor);
    if (place().lan == place().sending) return {};
    auto below = vrrp::NeighborSender::open(config.interface, place().lan);
    if (!below) return tl::unexpected<Error>{std::move(below.error())};
    neighbor_out_below_ = std::move(*below);
    return {};
}

Result<void> RawLanSockets::watch(Loop& loop, const OnReadable& call) {
    auto icmpv6 = Readable::watch(loop, icmpv6_.native_handle(), call.icmpv6);
    if (!icmpv6) return tl::unexpected<Error>{std::move(icmpv6.error())};
    icmpv6_readable_ = std::move(*icmpv6);
    auto link = Readable::watch(loop, link_.native_handle(), call.solicitation, kSolicitationPause);
    if (!link) return tl::unexpected<Error>{std::move(link.error())};
    link_readable_ = std::move(*link);
    auto claims = Readable::watch(loop, claims_.native_handle(), call.claim, kClaimPause);
    if (!claims) return tl::unexpected<Error>{std::move(claims.error())};
    claims_readable_ = std::move(*claims);
    if (!vrrp_in_) return {};
    auto vrrp = Readable::watch(loop, vrrp_in_->native_handle(), call.vrrp);
    if (!vrrp) return tl::unexpected<Error>{std::move(vrrp.error())};
    vrrp_readable_ = std::move(*vrrp);
    return {};
}

Result<std::optional<vrrp::Receiver::Datagram>> RawLanSockets::receive_vrrp() {
    if (!vrrp_in_) return std::optional<vrrp::Receiver::Datagram>{};
    return vrrp_in_->receive();
}

Result<void> RawLanSockets::send(const ra::Send& message) {
    using From = ra::Socket::From;
    if (!message.hosts.empty()) {
        const auto sent = link_.send(message.source, message.hosts, ra::build(message.message));
        if (!sent) return tl::unexpected<Error>{sent.error()};
        return {};
    }
    auto message_bytes = ra::build(message.message);
    auto sent = icmpv6_.send(message.source, message.destination, message_bytes,
                             message.former_source ? From::former : From::own);
    if (sent || message.former_source || !message.destination.is_multicast()) return sent;
    return send_anyway(std::move(sent), message.source, Speaker::own, message.destination,
                       ra::Wrapper{message.source, message_bytes}.to(message.destination));
}

Result<void> RawLanSockets::send(const SendVrrp& message) {
    if (!vrrp_out_) return {};
    auto sent = vrrp_out_->send(message.message, message.source);
    if (sent) return sent;
    const ra::Header header{message.source, vrrp::kAllVrrpRouters, vrrp::kProtocol, vrrp::kNetworkControl};
    return send_anyway(std::move(sent), message.source, vrrp_speaker_, header.destination,
                       ra::with_header(header, vrrp::build(message.message, message.source)));
}

Result<void> RawLanSockets::send(const SendNeighbor& message) {
    if (!neighbor_out_) return {};
    if (message.from_own_interface && neighbor_out_below_)
        return neighbor_out_below_->send(message.address, message.link_address);
    auto sent = neighbor_out_->send(message.address, message.link_address);
    if (sent) return sent;
    const auto bytes = vrrp::neighbor_advertisement(message.address, message.link_address);
    return send_anyway(std::move(sent), message.address, Speaker::own, vrrp::kAllNodes,
                       ra::Wrapper{message.address, bytes}.to(vrrp::kAllNodes));
}

// The kernel has a neighbour entry for each group too, and says EINVAL when there is no room for it, as while
// a flood of solicitations fills the table. It says the same of a source that is not ours.
Result<void> RawLanSockets::send_anyway(Result<void>&& sent, const net::Ipv6Address& source, Speaker speaker,
                                        const net::Ipv6Address& group, std::span<const std::byte> packet) {
    if (sent.error().code != std::errc::invalid_argument) return std::move(sent);
    if (speaker == Speaker::own && !link_.owns(source)) return std::move(sent);
    return link_.send_to_group(group, packet);
}

}  // namespace ulagate
