// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/kernel/rtnl/state.h"
#include "daemon/lan/router.h"
#include "daemon/loop/loop.h"
#include "ra/link_socket.h"
#include "ra/neighbor_socket.h"
#include "ra/socket.h"
#include "vrrp/socket.h"

namespace ulagate {

// By what one LAN's router hears and speaks. RawLanSockets are the real ones.
class LanSockets {
public:
    // Where the LAN is, and where its router speaks from (the same without a virtual MAC).
    struct Place {
        unsigned lan = 0;
        unsigned sending = 0;
        bool operator==(const Place&) const = default;
    };
    struct OnReadable {
        std::function<void()> icmpv6;
        std::function<void()> solicitation;
        std::function<void()> vrrp;
        std::function<void()> claim;
    };
    using Open = std::function<Result<std::unique_ptr<LanSockets>>(Loop&, const LanConfig&, const Place&,
                                                                   const OnReadable&)>;
    explicit LanSockets(const Place& place) : place_(place) {}
    LanSockets(const LanSockets&) = delete;
    LanSockets& operator=(const LanSockets&) = delete;
    LanSockets(LanSockets&&) = delete;
    LanSockets& operator=(LanSockets&&) = delete;
    virtual ~LanSockets() = default;

    [[nodiscard]] const Place& place() const { return place_; }
    // Whether the kernel's IPv6 gives us what is sent to the groups that we have joined: a LAN whose IPv6 was
    // away for a moment is deaf until they are joined anew. True where it does not say.
    [[nodiscard]] virtual bool hears() const = 0;
    // What has come; nullopt: no more now.
    virtual Result<std::optional<ra::Socket::Datagram>> receive_icmpv6() = 0;
    virtual Result<std::span<const ra::Packet>> receive_solicitations() = 0;
    virtual std::vector<net::Ipv6Address> unresolved() = 0;
    virtual Result<std::optional<vrrp::Receiver::Datagram>> receive_vrrp() = 0;
    // Neighbor Advertisements of others for these addresses, from now on.
    virtual Result<void> listen_for(const std::vector<net::Ipv6Address>& addresses) = 0;
    virtual Result<std::optional<ra::NeighborSocket::Datagram>> receive_claim() = 0;
    virtual Result<void> send(const ra::Send& message) = 0;
    virtual Result<void> send(const SendVrrp& message) = 0;
    virtual Result<void> send(const SendNeighbor& message) = 0;

private:
    Place place_;
};

// The raw sockets of one LAN. Opened for one pair of interface indexes; when an interface comes back as
// another one, they are opened anew. Decides nothing.
class RawLanSockets final : public LanSockets {
public:
    static Result<std::unique_ptr<LanSockets>> open(Loop& loop, const LanConfig& config, const Place& place,
                                                    const OnReadable& call);

    [[nodiscard]] bool hears() const override;
    Result<std::optional<ra::Socket::Datagram>> receive_icmpv6() override { return icmpv6_.receive(); }
    Result<std::span<const ra::Packet>> receive_solicitations() override { return link_.receive(); }
    std::vector<net::Ipv6Address> unresolved() override { return icmpv6_.unresolved(); }
    Result<std::optional<vrrp::Receiver::Datagram>> receive_vrrp() override;
    Result<void> listen_for(const std::vector<net::Ipv6Address>& addresses) override {
        return claims_.listen_for(addresses);
    }
    Result<std::optional<ra::NeighborSocket::Datagram>> receive_claim() override { return claims_.receive(); }
    Result<void> send(const ra::Send& message) override;
    Result<void> send(const SendVrrp& message) override;
    Result<void> send(const SendNeighbor& message) override;

private:
    RawLanSockets(const Place& place, ra::Socket icmpv6, ra::LinkSocket link, ra::NeighborSocket claims)
        : LanSockets(place), icmpv6_(std::move(icmpv6)), link_(std::move(link)), claims_(std::move(claims)) {}
    Result<void> open_vrrp(const LanConfig& config);
    Result<void> open_neighbor(const LanConfig& config);
    // After the kernel's IPv6 could not send to a group.
    enum class Speaker : std::uint8_t { own, link_below };
    Result<void> send_anyway(Result<void>&& sent, const net::Ipv6Address& source, Speaker speaker,
                             const net::Ipv6Address& group, std::span<const std::byte> packet);
    Result<void> watch(Loop& loop, const OnReadable& call);

    ra::Socket icmpv6_;
    ra::LinkSocket link_;
    ra::NeighborSocket claims_;
    std::optional<vrrp::Receiver> vrrp_in_;
    std::optional<vrrp::AdvertisementSender> vrrp_out_;
    std::optional<vrrp::NeighborSender> neighbor_out_;
    std::optional<vrrp::NeighborSender> neighbor_out_below_;  // on the LAN's interface, below a macvlan
    std::unique_ptr<Readable> icmpv6_readable_;
    std::unique_ptr<Readable> link_readable_;
    std::unique_ptr<Readable> vrrp_readable_;
    std::unique_ptr<Readable> claims_readable_;
    Speaker vrrp_speaker_ = Speaker::own;
};

}  // namespace ulagate
