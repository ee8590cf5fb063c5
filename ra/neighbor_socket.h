// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "ra/message.h"

namespace ulagate::ra {

// A packet socket on one link: hears who else claims certain addresses by Neighbor Advertisements that the
// link carries to all. Below the firewall, and before the kernel, which says nothing to us of such a claim. A
// flood costs no more than this small queue holds: the loop reads it now and then. Non-blocking; the loop
// waits on native_handle().
class NeighborSocket {
public:
    static constexpr std::size_t kMaxAddresses = 8;

    // Nothing is heard before listen_for().
    static Result<NeighborSocket> open(const std::string& interface, unsigned interface_index);
    // From now on claims of these, and of no more than kMaxAddresses.
    Result<void> listen_for(std::span<const net::Ipv6Address> addresses);

    struct Datagram {
        std::vector<std::byte> message;
        PacketInfo info;  // with link_source
    };
    // The next one, or nothing when there is none now. What is no ICMPv6 with a right checksum is passed over
    // and counted.
    Result<std::optional<Datagram>> receive();
    [[nodiscard]] int native_handle() const { return fd_.get(); }
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

private:
    explicit NeighborSocket(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
    std::uint64_t dropped_ = 0;
};

}  // namespace ulagate::ra
