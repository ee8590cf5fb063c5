// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "ra/message.h"

namespace ulagate::ra {

// ff02::2
inline constexpr net::Ipv6Address kAllRouters{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

// One raw ICMPv6 socket on one link: joined to all-routers (ff02::2), hop limit 255, and with a kernel filter
// that lets only Router Solicitations and Advertisements through. Non-blocking; the loop waits on
// native_handle().
class Socket {
public:
    static Result<Socket> open(const std::string& interface, unsigned interface_index);
    // From now on nothing that a LinkSocket hears: no solicitation, and no advertisement of `router`.
    Result<void> leave_solicitations_to_link_socket(
        const std::optional<net::Ipv6Address>& router = std::nullopt);

    struct Datagram {
        std::vector<std::byte> message;
        PacketInfo info;
    };
    // The next datagram of this link, or nothing when there is none now. What RFC 4861 cannot accept whatever
    // its content (no hop limit known, cut, fragmented, of another link) is passed over and counted; an Error
    // is the socket's.
    Result<std::optional<Datagram>> receive();
    // The hosts whose link-layer address could not be found out for what was sent to them, since the last
    // call. The loop's wait ends for them as for a datagram.
    std::vector<net::Ipv6Address> unresolved();
    // From exactly `source`, which must be an address of this interface; with From::former it may have been
    // one.
    enum class From { own, former };
    Result<void> send(const net::Ipv6Address& source, const net::Ipv6Address& destination,
                      std::span<const std::byte> message, From from = From::own);
    [[nodiscard]] int native_handle() const { return fd_.get(); }
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

private:
    Socket(UniqueFd fd, unsigned interface_index) : fd_(std::move(fd)), interface_index_(interface_index) {}
    UniqueFd fd_;
    unsigned interface_index_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace ulagate::ra
