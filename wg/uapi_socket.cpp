// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/uapi_socket.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "daemon/base/fd.h"
#include "wg/key.h"

namespace ulagate::wg {
namespace {

constexpr std::size_t kMaxUapiAnswerBytes = 64UL * 1024 * 1024;
constexpr std::size_t kChunkBytes = 64UL * 1024;
constexpr std::chrono::milliseconds kConnectPatience{5000};

Result<UniqueFd> connect_to(const std::string& path, std::chrono::milliseconds patience) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return fail_errno("connect to " + path, ENAMETOOLONG);
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!fd) return fail_errno("open unix socket");
    timeval timeout{};
    timeout.tv_sec = patience.count() / 1000;
    timeout.tv_usec = (patience.count() % 1000) * 1000;
    // The send timeout also bounds connect(), which waits when a stuck process has a full queue.
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
        if (::setsockopt(fd.get(), SOL_SOCKET, option, &timeout, sizeof(timeout)) != 0) {
            return fail_errno("set timeout of " + path);
        }
    }
    int rc = 0;
    do {
        rc = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) return fail_errno("connect to " + path, errno == EAGAIN ? ETIMEDOUT : errno);
    return fd;
}

// False: the other side hung up early. It does so after an error, and its answer, which says why, is there to
// be read.
Result<bool> send_all(int fd, const std::string& path, std::string_view request) {
    while (!request.empty()) {
        const ssize_t n = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
        if (n < 0) return fail_errno("send to " + path, errno == EAGAIN ? ETIMEDOUT : errno);
        request.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

// As append(), but when the string has to grow, the copy that it leaves behind is wiped.
void append_secret(std::string& text, std::string_view more) {
    if (text.capacity() - text.size() < more.size()) {
        std::string larger;
        larger.reserve(2 * (text.size() + more.size()));
        larger.append(text);
        wipe(text);
        text.swap(larger);
    }
    text.append(more);
}

Result<void> receive_all(int fd, const std::string& path, std::string& answer) {
    std::string chunk(kChunkBytes, '\0');
    Result<void> result;
    // An empty line ends the answer; the connection stays open, so there is no end of file to wait for.
    while (!answer.ends_with("\n\n")) {
        const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            result = fail_errno("receive from " + path, errno == EAGAIN ? ETIMEDOUT : errno);
            break;
        }
        if (n == 0) break;
        append_secret(answer, std::string_view{chunk}.substr(0, static_cast<std::size_t>(n)));
        if (answer.size() > kMaxUapiAnswerBytes) {
            result = fail_errno("receive from " + path, EMSGSIZE);
            break;
        }
    }
    wipe(chunk);
    return result;
}

}  // namespace

Result<std::string> uapi_exchange(const std::string& path, std::string_view request,
                                  std::chrono::milliseconds patience) {
    const auto fd = connect_to(path, patience);
    if (!fd) return tl::unexpected(fd.error());
    const auto sent = send_all(fd->get(), path, request);
    if (!sent) return tl::unexpected(sent.error());
    std::string answer;
    if (auto received = receive_all(fd->get(), path, answer); !received) {
        wipe(answer);
        return tl::unexpected(received.error());
    }
    if (answer.empty() && !*sent) return fail_errno("send to " + path, EPIPE);
    return answer;
}

Result<void> uapi_probe(const std::string& path) {
    const auto fd = connect_to(path, kConnectPatience);
    if (!fd) return tl::unexpected(fd.error());
    return {};
}

}  // namespace ulagate::wg
