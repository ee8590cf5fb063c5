// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

#include "daemon/base/address.h"

// Messages of sockets with their control data (cmsg(3)), and socket options. Everybody who receives or sends
// one uses this, so that the rules of the control data are in one place.
namespace ulagate::net {

// False, and errno, when the kernel refuses it.
template <class T>
bool set_option(int fd, int level, int option, const T& value) {
    return ::setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// The content of the control message of this kind; nothing when there is none, or it is shorter than the
// type. Of several the last one counts.
template <class T>
std::optional<T> control_value(const msghdr& message, int level, int type) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::optional<T> found;
    // CMSG_NXTHDR asks for a mutable message; it only reads.
    auto* mutable_message = const_cast<msghdr*>(&message);
    for (cmsghdr* c = CMSG_FIRSTHDR(mutable_message); c != nullptr; c = CMSG_NXTHDR(mutable_message, c)) {
        if (c->cmsg_level != level || c->cmsg_type != type) continue;
        found.reset();
        if (c->cmsg_len < CMSG_LEN(sizeof(T))) continue;
        std::memcpy(&found.emplace(), CMSG_DATA(c), sizeof(T));
    }
    return found;
}

// What the kernel says of an IPv6 datagram beside its bytes, as far as the socket has asked for it
// (IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVFRAGSIZE).
struct Ipv6Arrival {
    std::optional<Ipv6Address> destination;
    unsigned interface = 0;  // by which it came; 0: the kernel did not say
    std::optional<int> hop_limit;
    bool fragmented = false;
};
Ipv6Arrival arrival_of(const msghdr& message);

// One message for recvmsg() or sendmsg(): bytes of the caller's, the address of the other end, and room for
// control data. It points into itself, so it stays where it is.
class SocketMessage {
public:
    // To receive into these bytes.
    explicit SocketMessage(std::span<std::byte> bytes);
    // To send these bytes; the kernel only reads them.
    explicit SocketMessage(std::span<const std::byte> bytes);
    SocketMessage(const SocketMessage&) = delete;
    SocketMessage& operator=(const SocketMessage&) = delete;
    SocketMessage(SocketMessage&&) = delete;
    SocketMessage& operator=(SocketMessage&&) = delete;
    ~SocketMessage() = default;

    [[nodiscard]] msghdr* header() { return &header_; }
    [[nodiscard]] const msghdr& header() const { return header_; }

    // The other end, after receiving. Nothing: the socket does not name it as one of IPv6.
    [[nodiscard]] std::optional<Ipv6Address> sender() const;
    // Cut off by the kernel, for lack of room: the bytes, or what it says of them.
    [[nodiscard]] bool cut() const { return (header_.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0; }

    void set_receiver(const Ipv6Address& address, std::uint16_t port, unsigned scope);
    // The one piece of control data of a message that is sent.
    template <class T>
    void set_control(int level, int type, const T& value) {
        static_assert(CMSG_SPACE(sizeof(T)) <= kControlBytes);
        header_.msg_control = control_.data();
        header_.msg_controllen = CMSG_SPACE(sizeof(T));
        cmsghdr* control = CMSG_FIRSTHDR(&header_);
        control->cmsg_level = level;
        control->cmsg_type = type;
        control->cmsg_len = CMSG_LEN(sizeof(T));
        std::memcpy(CMSG_DATA(control), &value, sizeof(T));
    }
    // Which address it comes from, and (not 0) by which interface it leaves.
    void set_source(const Ipv6Address& address, unsigned interface);

private:
    static constexpr std::size_t kControlBytes = 256;
    msghdr header_{};
    iovec part_{};
    sockaddr_in6 peer_{};
    alignas(cmsghdr) std::array<std::byte, kControlBytes> control_{};
};

}  // namespace ulagate::net
