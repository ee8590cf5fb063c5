// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/netlink_socket.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>
#include <utility>

#include "wg/device/key.h"
#include "wg/device/netlink_codec.h"

namespace ulagate::wg {
namespace {

constexpr timeval kTimeout{2, 0};
constexpr std::size_t kBufferBytes = 64UL * 1024;  // the kernel fills at most 32 KiB of it in a dump
// A dump of a million allowed addresses has 40 MB. More than this is a kernel gone mad.
constexpr std::size_t kMaxAnswerBytes = 256UL * 1024 * 1024;

}  // namespace

NetlinkSocket::NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)), buffer_(kBufferBytes) {}

NetlinkSocket::~NetlinkSocket() { wipe(buffer_); }

Result<NetlinkSocket> NetlinkSocket::open(int bus) {
    UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus)};
    if (!fd) return fail_errno("open netlink socket");
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
        if (::setsockopt(fd.get(), SOL_SOCKET, option, &kTimeout, sizeof(kTimeout)) != 0) {
            return fail_errno("set netlink timeout");
        }
    }
    // An error would bring our whole request back, keys and all. Older kernels do not know the option.
    const int on = 1;
    (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    sockaddr_nl self{};
    self.nl_family = AF_NETLINK;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&self), sizeof(self)) != 0) {
        return fail_errno("bind netlink socket");
    }
    return NetlinkSocket{std::move(fd)};
}

Result<void> NetlinkSocket::exchange(std::span<std::byte> request) {
    return exchange(request, [](std::span<const std::byte>) { return Result<void>{}; });
}

Result<void> NetlinkSocket::exchange(std::span<std::byte> request, const Answer& on_answer) {
    nlmsghdr header{};
    if (request.size() < sizeof(header)) return fail_errno("send netlink message", EINVAL);
    std::memcpy(&header, request.data(), sizeof(header));
    header.nlmsg_seq = ++sequence_;
    std::memcpy(request.data(), &header, sizeof(header));

    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    ssize_t sent = 0;
    do {
        sent = ::sendto(fd_.get(), request.data(), request.size(), 0,
                        reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel));
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return fail_errno("send netlink message");

    Progress progress;
    for (std::size_t total = 0; !progress.ended;) {
        const auto datagram = receive();
        if (!datagram) return tl::unexpected(datagram.error());
        total += datagram->size();
        if (total > kMaxAnswerBytes) return fail_errno("netlink answer without end", EMSGSIZE);
        if (auto taken = take(*datagram, on_answer, progress); !taken) return taken;
    }
    if (progress.code != 0) return fail_errno("netlink", progress.code);
    if (progress.interrupted) return fail_errno("netlink dump", EINTR);
    return {};
}

Result<std::span<const std::byte>> NetlinkSocket::receive() {
    for (;;) {
        sockaddr_nl from{};
        socklen_t from_size = sizeof(from);
        const ssize_t n = ::recvfrom(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC,
                                     reinterpret_cast<sockaddr*>(&from), &from_size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return fail_errno("no answer from the kernel", ETIMEDOUT);
        if (n < 0) return fail_errno("receive netlink message");
        if (from.nl_pid != 0) continue;  // another process, not the kernel
        const auto size = static_cast<std::size_t>(n);
        if (size > buffer_.size()) return fail_errno("netlink message larger than our buffer", EMSGSIZE);
        return std::span<const std::byte>{buffer_}.first(size);
    }
}

Result<void> NetlinkSocket::take(std::span<const std::byte> datagram, const Answer& on_answer,
                                 Progress& progress) const {
    while (!datagram.empty() && !progress.ended) {
        nlmsghdr header{};
        if (datagram.size() < sizeof(header)) return fail_errno("netlink message cut off", EBADMSG);
        std::memcpy(&header, datagram.data(), sizeof(header));
        if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > datagram.size()) {
            return fail_errno("netlink message with a bad length", EBADMSG);
        }
        const auto message = datagram.first(header.nlmsg_len);
        datagram = datagram.subspan(std::min(netlink_aligned(message.size()), datagram.size()));
        if (header.nlmsg_seq != sequence_) continue;
        if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) progress.interrupted = true;
        if (header.nlmsg_type == NLMSG_NOOP) continue;
        if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
            // Both carry a negative errno first; a DONE without one is a success.
            std::int32_t code = header.nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
            if (message.size() >= sizeof(header) + sizeof(code)) {
                std::memcpy(&code, message.data() + sizeof(header), sizeof(code));
            }
            progress.code = code < 0 ? -code : 0;
            progress.ended = true;
            continue;
        }
        if (progress.interrupted) continue;  // will be thrown away: only drain the rest
        if (auto taken = on_answer(message); !taken) return taken;
    }
    return {};
}

Result<std::optional<Link>> find_link(const std::string& name) {
    auto socket = NetlinkSocket::open(NETLINK_ROUTE);
    if (!socket) return tl::unexpected(socket.error());
    auto request = encode_get_link(name);
    std::optional<Link> found;
    const auto done = socket->exchange(request, [&](std::span<const std::byte> message) -> Result<void> {
        auto link = parse_link(message);
        if (!link) return tl::unexpected(link.error());
        found = std::move(*link);
        return {};
    });
    if (!done && done.error().code == std::errc::no_such_device) return std::optional<Link>{};
    if (!done) return fail(done.error(), "find interface " + name);
    return found;
}

Result<void> delete_link(const Link& link) {
    auto socket = NetlinkSocket::open(NETLINK_ROUTE);
    if (!socket) return tl::unexpected(socket.error());
    auto request = encode_delete_link(link.index);
    const auto done = socket->exchange(request);
    if (!done && done.error().code != std::errc::no_such_device)
        return fail(done.error(), "remove interface");
    return {};
}

}  // namespace ulagate::wg
