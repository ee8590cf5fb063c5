// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "ra/neighbor.h"
#include "ra/packet.h"

namespace ulagate::ra {

// A packet socket on one link: hears Router Solicitations to ff02::2 with the link-layer address that each
// came from, and sends to a host at such an address. Both pass by the kernel's neighbour cache, which a flood
// fills (1,024 entries) until nobody else can be answered, and by its firewall, which cannot tell a flood
// from the hosts in it and has to drop both for that cache's sake. Non-blocking; the loop waits on
// native_handle().
class LinkSocket {
public:
    // `router`: its Router Advertisements are heard here too. The firewall may keep them from the kernel and
    // from every other program of this machine, whose default router it must not become.
    static Result<LinkSocket> open(const std::string& interface, unsigned interface_index,
                                   const std::optional<net::Ipv6Address>& router = std::nullopt);

    // Some of what has come; valid until the next call. What is not ICMPv6 with a right checksum is passed
    // over and counted.
    Result<std::span<const Packet>> receive();
    // From exactly `source`, which must be an address of this interface, to each of the hosts. How many were
    // sent is less than asked for when the link's queue is full.
    Result<std::size_t> send(const net::Ipv6Address& source, std::span<const Neighbor> hosts,
                             std::span<const std::byte> message);
    // A whole packet to a multicast group, past the neighbour cache: the kernel has entries for groups too,
    // and none can be made while it is full.
    Result<void> send_to_group(const net::Ipv6Address& group, std::span<const std::byte> packet);
    // As the kernel's IPv6 asks for what it sends: nobody speaks from an address that has gone meanwhile.
    [[nodiscard]] bool owns(const net::Ipv6Address& address) const;
    [[nodiscard]] int native_handle() const { return fd_.get(); }
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

private:
    static constexpr std::size_t kBatch = 64;
    static constexpr std::size_t kLongest = 1536;  // of a solicitation
    struct Received {
        std::array<std::array<std::byte, kLongest>, kBatch> bytes;
        std::vector<Packet> packets;
    };
    LinkSocket(UniqueFd fd, UniqueFd owner, unsigned interface_index)
        : fd_(std::move(fd)),
          owner_(std::move(owner)),
          interface_index_(interface_index),
          received_(std::make_unique<Received>()) {}

    UniqueFd fd_;
    UniqueFd owner_;  // asks the kernel whose an address is, and carries nothing
    unsigned interface_index_ = 0;
    std::unique_ptr<Received> received_;
    std::uint64_t dropped_ = 0;
};

}  // namespace ulagate::ra
