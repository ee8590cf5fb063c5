// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/page/server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "daemon/base/log.h"

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxConnections = 16;
constexpr auto kExchangePatience = 5s;
// The whole answer goes into the socket at once: nothing here waits for somebody who reads slowly.
constexpr int kSendBuffer = 1 << 18;

}  // namespace

PageServer::PageServer(boost::asio::io_context& io, std::uint16_t port, Answer answer)
    : io_(io), port_(port), answer_(std::move(answer)), alarm_(io, [this] { sweep(); }) {}

Result<PageServer::Listener> PageServer::listen(const std::string& interface) {
    const std::string what = "serve the status page" + (interface.empty() ? "" : " on " + interface);
    Listener out{UniqueFd{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}, nullptr};
    const int fd = out.socket.get();
    if (!out.socket) return fail_errno(what);
    const int on = 1;
    const int off = 0;
    if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) {
        return fail_errno(what);
    }
    if (!interface.empty() && ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                                           static_cast<socklen_t>(interface.size())) != 0) {
        return fail_errno(what);
    }
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port_);
    // The one cast that the socket API demands.
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 || ::listen(fd, 16) != 0) {
        return fail_errno(what);
    }
    auto readable = Readable::watch(io_, fd, [this, interface] { accept(interface); });
    if (!readable) return tl::unexpected{readable.error()};
    out.readable = std::move(*readable);
    return out;
}

void PageServer::serve(const std::set<std::string>& interfaces) {
    std::erase_if(listeners_, [&](const auto& entry) { return !interfaces.contains(entry.first); });
    for (const std::string& interface : interfaces) {
        if (listeners_.contains(interface)) continue;
        auto listener = listen(interface);
        if (listener) {
            listeners_.emplace(interface, std::move(*listener));
        } else if (listener.error().code != std::errc::no_such_device) {
            log::warning("page", "{}, retrying", listener.error().text());
        }
    }
}

void PageServer::accept(const std::string& interface) {
    const auto found = listeners_.find(interface);
    if (found == listeners_.end()) return;
    UniqueFd socket{::accept4(found->second.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket) return;
    if (connections_.size() >= kMaxConnections) return;  // closed at once
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
    connections_.emplace_back();
    Connection& connection = connections_.back();
    connection.socket = std::move(socket);
    connection.until = Clock::now() + kExchangePatience;
    auto readable = Readable::watch(io_, connection.socket.get(), [this, &connection] { read(connection); });
    if (!readable) {
        connections_.pop_back();
        return;
    }
    connection.readable = std::move(*readable);
    if (!alarm_.is_set()) alarm_.set(connection.until);
}

void PageServer::read(Connection& connection) {
    std::array<char, 2048> chunk{};
    const ssize_t size = ::recv(connection.socket.get(), chunk.data(), chunk.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
        connections_.remove_if([&](const Connection& one) { return &one == &connection; });
        return;
    }
    if (connection.answered) return;  // what comes now is thrown away, until the other side closes
    const auto state = connection.request.take({chunk.data(), static_cast<std::size_t>(size)});
    if (state == HttpRequest::State::reading) return;
    const auto answer = state == HttpRequest::State::complete ? answer_(connection.request)
                                                              : plain_answer(connection.request.status());
    const std::string bytes = to_bytes(answer, connection.request.head_only());
    connection.answered = true;
    // A client that has closed already, or whose window does not open, is not waited for.
    if (::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        log::debug("page", "a client does not take its answer");
    }
    ::shutdown(connection.socket.get(), SHUT_WR);
}

void PageServer::sweep() {
    const auto now = Clock::now();
    connections_.remove_if([&](const Connection& one) { return one.until <= now; });
    std::optional<Clock::time_point> next;
    for (const Connection& one : connections_) next = std::min(next.value_or(one.until), one.until);
    alarm_.set(next);
}

}  // namespace ulagate::appliance
