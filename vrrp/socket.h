// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "vrrp/neighbor.h"
#include "vrrp/packet.h"

// Raw IPv6 sockets on one link, all of them non-blocking. With a virtual MAC the senders are on the macvlan
// and the receiver is on the link below it. That macvlan must be of mode "bridge": one of mode "private"
// swallows every multicast frame that another router sends from the same virtual MAC, and two Active routers
// would never hear each other.
namespace ulagate::vrrp {

// The traffic class of advertisements: class selector 6, RFC 2474 section 4.2.2.
inline constexpr std::uint8_t kNetworkControl = 0xc0;

// Hears the advertisements of one link: protocol 112, joined to ff02::12. The loop waits on native_handle().
class Receiver {
public:
    static Result<Receiver> open(const std::string& interface, unsigned interface_index);

    struct Datagram {
        std::vector<std::byte> packet;
        PacketInfo info;
    };
    // The next datagram of this link, or nothing when there is none now. What cannot be an advertisement
    // whatever its content (no hop limit known, cut, fragmented, of another link) is passed over and counted;
    // an Error is the socket's.
    Result<std::optional<Datagram>> receive();
    [[nodiscard]] int native_handle() const { return fd_.get(); }
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

private:
    Receiver(UniqueFd fd, unsigned interface_index) : fd_(std::move(fd)), interface_index_(interface_index) {}
    UniqueFd fd_;
    unsigned interface_index_ = 0;
    std::uint64_t dropped_ = 0;
};

// Sends advertisements to ff02::12: hop limit 255, traffic class 0xC0 (network control), not heard by this
// machine's own receivers.
class AdvertisementSender {
public:
    // Whose address the source is: the interface's own, checked by the kernel with every packet; or that of
    // the link below it, which the kernel takes unchecked.
    enum class Source : std::uint8_t { own, link_below };
    static Result<AdvertisementSender> open(const std::string& interface, unsigned interface_index,
                                            Source source = Source::own);
    Result<void> send(const Advertisement& advertisement, const net::Ipv6Address& source);
    [[nodiscard]] int native_handle() const { return fd_.get(); }

private:
    AdvertisementSender(UniqueFd fd, unsigned interface_index)
        : fd_(std::move(fd)), interface_index_(interface_index) {}
    UniqueFd fd_;
    unsigned interface_index_ = 0;
};

// Sends unsolicited Neighbor Advertisements to ff02::1, hop limit 255, from the virtual address: the kernel
// refuses when the interface does not hold it (any more).
class NeighborSender {
public:
    static Result<NeighborSender> open(const std::string& interface, unsigned interface_index);
    Result<void> send(const net::Ipv6Address& virtual_address, const net::MacAddress& link_address);

private:
    NeighborSender(UniqueFd fd, unsigned interface_index)
        : fd_(std::move(fd)), interface_index_(interface_index) {}
    UniqueFd fd_;
    unsigned interface_index_ = 0;
};

}  // namespace ulagate::vrrp
