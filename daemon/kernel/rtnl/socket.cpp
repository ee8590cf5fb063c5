// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/rtnl/socket.h"

#include <netlink/errno.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <new>

namespace ulagate::rtnl {
namespace {

// A dump comes in datagrams of at most 32 KiB when the reader offers that much; a single notification is
// smaller than a page except for a link with many virtual functions.
constexpr std::size_t kDatagramBytes = 65536;
constexpr timeval kPatience{3, 0};

Answer verdict(const nlmsghdr& message) {
    const auto error = fixed_header<nlmsgerr>(message);
    if (!error) return {EBADMSG, {}};
    Answer out{-error->error, {}};
    if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return out;
    // The request is repeated between the code and the attributes, unless the kernel left it out as we asked.
    std::size_t skip = sizeof(nlmsgerr);
    if ((message.nlmsg_flags & NLM_F_CAPPED) == 0 && error->msg.nlmsg_len > NLMSG_HDRLEN) {
        skip += error->msg.nlmsg_len - NLMSG_HDRLEN;
    }
    if (message.nlmsg_len >= NLMSG_HDRLEN + skip) {
        out.detail = Attributes<NLMSGERR_ATTR_MAX>(message, skip).text(NLMSGERR_ATTR_MSG);
    }
    return out;
}

int dump_result(const nlmsghdr& message) {
    const auto code = fixed_header<int>(message);
    return code ? -*code : 0;
}

}  // namespace

tl::unexpected<Error> fail(const Answer& answer, const std::string& step) {
    return fail_errno(answer.detail.empty() ? step : step + " (" + answer.detail + ")", answer.code);
}

Message::Message(int type, int flags, const void* header, std::size_t size)
    : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)) {
    // Our requests are a few dozen bytes of the page that libnl reserves: only memory can be short here.
    if (!message_ || nlmsg_append(message_.get(), const_cast<void*>(header), size, NLMSG_ALIGNTO) < 0) {
        throw std::bad_alloc();
    }
}

void Message::put_u32(int attribute, std::uint32_t value) {
    if (nla_put_u32(message_.get(), attribute, value) < 0) throw std::bad_alloc();
}

void Message::put_text(int attribute, const std::string& text) {
    if (nla_put_string(message_.get(), attribute, text.c_str()) < 0) throw std::bad_alloc();
}

void Message::put_bytes(int attribute, std::span<const std::uint8_t> bytes) {
    if (nla_put(message_.get(), attribute, static_cast<int>(bytes.size()), bytes.data()) < 0) {
        throw std::bad_alloc();
    }
}

nlattr* Message::nest(int attribute) {
    nlattr* nest = nla_nest_start(message_.get(), attribute);
    if (nest == nullptr) throw std::bad_alloc();
    return nest;
}

void Message::end(nlattr* nest) { nla_nest_end(message_.get(), nest); }

Socket::Socket(nl_sock* socket) : socket_(socket), buffer_(kDatagramBytes) {}

Result<Socket> Socket::open(int receive_buffer_bytes) {
    Socket out{nl_socket_alloc()};
    if (!out.socket_) throw std::bad_alloc();
    if (const int code = nl_connect(out.socket_.get(), NETLINK_ROUTE); code < 0) {
        return ulagate::fail(std::string("open rtnetlink socket: ") + nl_geterror(code));
    }
    const int on = 1;
    const auto set = [&out](int level, int option, const auto& value) {
        return ::setsockopt(out.fd(), level, option, &value, sizeof value);
    };
    // Each of these only makes things better where the kernel knows it: a buffer beyond net.core.rmem_max
    // (needs CAP_NET_ADMIN), an error in words, errors without a copy of the request, and filters in dumps.
    if (set(SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer_bytes) < 0) {
        set(SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
    }
    set(SOL_NETLINK, NETLINK_EXT_ACK, on);
    set(SOL_NETLINK, NETLINK_CAP_ACK, on);
    set(SOL_NETLINK, NETLINK_GET_STRICT_CHK, on);
    if (set(SOL_SOCKET, SO_RCVTIMEO, kPatience) < 0) return fail_errno("limit waiting for rtnetlink");
    return out;
}

Result<void> Socket::join(std::span<const int> groups) {
    for (const int group : groups) {
        if (::setsockopt(fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
            return fail_errno("listen to rtnetlink group " + std::to_string(group));
        }
    }
    return {};
}

int Socket::receive(int flags) {
    for (;;) {
        sockaddr_nl from{};
        socklen_t from_size = sizeof from;
        const ssize_t size = ::recvfrom(fd(), buffer_.data(), buffer_.size(), flags | MSG_TRUNC,
                                        reinterpret_cast<sockaddr*>(&from), &from_size);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return errno;
        // A privileged process may write to any netlink socket: only port 0 is the kernel.
        if (from.nl_pid != 0) continue;
        if (static_cast<std::size_t>(size) > buffer_.size()) return EMSGSIZE;
        filled_ = static_cast<std::size_t>(size);
        return 0;
    }
}

std::optional<Answer> Socket::take_answers(const Row& row, bool& interrupted) {
    int left = static_cast<int>(filled_);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(message, left) != 0;
         message = nlmsg_next(message, &left)) {
        // The late answer to a request that we stopped waiting for.
        if (message->nlmsg_seq != sequence_) continue;
        interrupted = interrupted || (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        switch (message->nlmsg_type) {
            case NLMSG_NOOP:
                break;
            case NLMSG_ERROR:
                return verdict(*message);
            case NLMSG_DONE:
                return Answer{interrupted ? EINTR : dump_result(*message), {}};
            default:
                if (row) row(*message);
        }
    }
    return std::nullopt;
}

Answer Socket::ask(const Message& request, const Row& row) {
    nlmsghdr* header = request.header();
    header->nlmsg_seq = ++sequence_;
    // A dump ends with NLMSG_DONE; everything else gets an acknowledgement, so that each request has one end.
    // (NLM_F_DUMP is two bits that mean REPLACE and EXCL in a change, and nobody sets both of those.)
    if ((header->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) header->nlmsg_flags |= NLM_F_ACK;
    while (::send(fd(), header, header->nlmsg_len, 0) < 0) {
        if (errno != EINTR) return {errno, {}};
    }
    bool interrupted = false;
    for (;;) {
        if (const int code = receive(0); code != 0) return {code == EAGAIN ? ETIMEDOUT : code, {}};
        if (auto answer = take_answers(row, interrupted)) return *answer;
    }
}

int Socket::receive_event(const Row& row) {
    if (const int code = receive(MSG_DONTWAIT); code != 0) return code;
    int left = static_cast<int>(filled_);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(message, left) != 0;
         message = nlmsg_next(message, &left)) {
        row(*message);
    }
    return 0;
}

}  // namespace ulagate::rtnl
