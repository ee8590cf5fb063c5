// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/cli/control_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/base/fd.h"

namespace ulagate {
namespace {

constexpr std::size_t kMaxAnswer = 64U << 20U;

Result<UniqueFd> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return fail_errno(path, ENAMETOOLONG);
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!fd) return fail_errno("socket");
    const timeval limit{30, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    // The one cast that the socket API demands.
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) {
            return fail(fmt::format("no daemon answers at {}; is `ulagate run` running?", path));
        }
        return fail_errno("connect to " + path);
    }
    return fd;
}

}  // namespace

Result<boost::json::value> ask_daemon(const std::string& socket_path, const std::string& command) {
    auto fd = connect_to(socket_path);
    if (!fd) return tl::unexpected<Error>{std::move(fd.error())};
    const std::string request = boost::json::serialize(boost::json::object{{"command", command}}) + "\n";
    if (::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
        return fail_errno("send to the daemon");
    }
    std::string answer;
    std::array<char, 65536> chunk{};
    for (;;) {
        const ssize_t n = ::recv(fd->get(), chunk.data(), chunk.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("wait for the daemon's answer");
        if (n == 0) break;
        answer.append(chunk.data(), static_cast<std::size_t>(n));
        if (answer.size() > kMaxAnswer) return fail("the daemon's answer is too long");
    }
    boost::system::error_code error;
    boost::json::value value = boost::json::parse(answer, error);
    if (error) return fail("the daemon closed the connection without an answer");
    if (const auto* object = value.if_object()) {
        const auto* why = object->if_contains("error");
        if (why != nullptr && why->is_string()) return fail(std::string{why->as_string()});
    }
    return value;
}

}  // namespace ulagate
