// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

// rtnetlink framing: requests, acknowledgements, dumps, attributes. Knows nothing of links, addresses,
// routes. The bytes are built and taken apart by libnl; receiving is ours, because libnl folds the kernel's
// errno into its own smaller set, and we decide by errno.
namespace ulagate::rtnl {

// What the kernel answered to one request: 0 or an errno, and its own words where it has some.
struct Answer {
    int code = 0;
    std::string detail;
    [[nodiscard]] bool ok() const { return code == 0; }
};
tl::unexpected<Error> fail(const Answer& answer, const std::string& step);

// A request under construction.
class Message {
public:
    template <class Header>
    Message(int type, int flags, const Header& header) : Message(type, flags, &header, sizeof header) {}
    void put_u32(int attribute, std::uint32_t value);
    void put_text(int attribute, const std::string& text);
    void put_bytes(int attribute, std::span<const std::uint8_t> bytes);
    // Attributes that are put until end() go inside.
    nlattr* nest(int attribute);
    void end(nlattr* nest);
    [[nodiscard]] nlmsghdr* header() const { return nlmsg_hdr(message_.get()); }

private:
    struct Free {
        void operator()(nl_msg* message) const { nlmsg_free(message); }
    };
    Message(int type, int flags, const void* header, std::size_t size);
    std::unique_ptr<nl_msg, Free> message_;
};

// The attributes of a message or of a nest, by number. What is missing or too short is nothing.
template <int kMax>
class Attributes {
public:
    Attributes(const nlmsghdr& message, std::size_t header_size) {
        // libnl asks for a mutable header; it only reads.
        if (nlmsg_parse(const_cast<nlmsghdr*>(&message), static_cast<int>(header_size), table_.data(), kMax,
                        nullptr) < 0) {
            table_.fill(nullptr);
        }
    }
    explicit Attributes(nlattr* nest) {
        if (nest == nullptr || nla_parse_nested(table_.data(), kMax, nest, nullptr) < 0) table_.fill(nullptr);
    }

    [[nodiscard]] bool has(int type) const { return at(type) != nullptr; }
    [[nodiscard]] nlattr* at(int type) const { return table_.at(static_cast<std::size_t>(type)); }
    [[nodiscard]] std::span<const std::uint8_t> bytes(int type) const {
        const nlattr* attribute = at(type);
        if (attribute == nullptr) return {};
        return {static_cast<const std::uint8_t*>(nla_data(attribute)),
                static_cast<std::size_t>(nla_len(attribute))};
    }
    template <class T>
    [[nodiscard]] std::optional<T> value(int type) const {
        static_assert(std::is_trivially_copyable_v<T>);
        const auto in = bytes(type);
        if (in.size() < sizeof(T)) return std::nullopt;
        T out{};
        std::memcpy(&out, in.data(), sizeof out);
        return out;
    }
    [[nodiscard]] std::optional<std::uint32_t> u32(int type) const { return value<std::uint32_t>(type); }
    [[nodiscard]] std::optional<net::Ipv6Address> ipv6(int type) const {
        return value<net::Ipv6Address>(type);
    }
    [[nodiscard]] std::string text(int type) const {
        const auto in = bytes(type);
        std::string out(in.begin(), in.end());
        return out.substr(0, out.find('\0'));
    }

private:
    std::array<nlattr*, kMax + 1> table_{};
};

// The fixed header that stands in front of a message's attributes; nothing when the message is too short.
template <class Header>
std::optional<Header> fixed_header(const nlmsghdr& message) {
    if (message.nlmsg_len < NLMSG_HDRLEN + sizeof(Header)) return std::nullopt;
    Header out{};
    std::memcpy(&out, nlmsg_data(&message), sizeof out);
    return out;
}

// Owns one rtnetlink socket.
class Socket {
public:
    using Row = std::function<void(const nlmsghdr&)>;

    static Result<Socket> open(int receive_buffer_bytes);
    Result<void> join(std::span<const int> groups);
    [[nodiscard]] int fd() const { return nl_socket_get_fd(socket_.get()); }

    // One request; `row` gets the messages that answer it, if any. A dump that changed while it was read
    // answers EINTR, a kernel that says nothing for 3 s ETIMEDOUT.
    Answer ask(const Message& request, const Row& row = {});

    // Reads a table into a container: `add(table, row)` for each row. When the table changed meanwhile, the
    // kernel says that something may be missing or there twice, and we begin again.
    template <class Table, class Add>
    Result<Table> read_table(const Message& request, const char* what, const Add& add) {
        Answer answer;
        for (int attempt = 0; attempt < 5; ++attempt) {
            Table out;
            answer = ask(request, [&](const nlmsghdr& row) { add(out, row); });
            if (answer.ok()) return out;
            if (answer.code != EINTR) break;
        }
        return rtnl::fail(answer, std::string("read ") + what);
    }

    // One datagram of the kernel's, without waiting: 0 and its messages to `row`, or EAGAIN, ENOBUFS, …
    int receive_event(const Row& row);

private:
    struct Free {
        void operator()(nl_sock* socket) const { nl_socket_free(socket); }
    };
    explicit Socket(nl_sock* socket);
    int receive(int flags);  // into buffer_, filled_ bytes; 0 or an errno
    std::optional<Answer> take_answers(const Row& row, bool& interrupted);

    std::unique_ptr<nl_sock, Free> socket_;
    std::vector<std::byte> buffer_;
    std::size_t filled_ = 0;
    std::uint32_t sequence_ = 0;
};

}  // namespace ulagate::rtnl
