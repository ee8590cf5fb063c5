// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/uapi_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <thread>
#include <utility>

#include "daemon/base/fd.h"
#include "wg/device/key.h"

namespace ulagate::wg {
namespace {

constexpr std::size_t kMaxUapiAnswerBytes = 16UL * 1024 * 1024;  // 20,000 peers are half of it
constexpr std::size_t kChunkBytes = 64UL * 1024;
constexpr std::chrono::milliseconds kLookForCancel{100};  // whether we are still wanted
constexpr std::chrono::milliseconds kConnectAgain{10};

tl::unexpected<Error> too_late(const std::string& what) { return fail_errno(what, ETIMEDOUT); }

bool must_wait(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

Result<UniqueFd> connect_to(const std::string& path, const Patience& patience) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return fail_errno("connect to " + path, ENAMETOOLONG);
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return fail_errno("open unix socket");
    for (;;) {
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
        if (errno == EINTR) continue;
        if (!must_wait(errno)) return fail_errno("connect to " + path);
        // A stuck process has a full queue, and poll() does not tell when there is room in it.
        if (patience.over()) return too_late("connect to " + path);
        std::this_thread::sleep_for(kConnectAgain);
    }
}

// False: the other side hung up early. It does so after an error, and its answer, which says why, is there to
// be read.
Result<bool> send_all(int fd, const std::string& path, std::string_view request, const Patience& patience) {
    while (!request.empty()) {
        const ssize_t n = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
        if (n >= 0) {
            request.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return false;
        } else if (errno != EINTR && !must_wait(errno)) {
            return fail_errno("send to " + path);
        } else if (!patience.wait(fd, POLLOUT)) {
            return too_late("send to " + path);
        }
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

Result<void> receive_all(int fd, const std::string& path, std::string& answer, const Patience& patience) {
    std::string chunk(kChunkBytes, '\0');
    Result<void> result;
    // An empty line ends the answer; the connection stays open, so there is no end of file to wait for.
    while (!answer.ends_with("\n\n")) {
        // Also where there is something to read: who never stops talking does not answer.
        if (!patience.wait(fd, POLLIN)) {
            result = too_late("receive from " + path);
            break;
        }
        const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
        if (n < 0 && (errno == EINTR || must_wait(errno))) continue;
        if (n < 0) {
            result = fail_errno("receive from " + path);
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

bool Patience::over() const {
    return (cancelled_ != nullptr && *cancelled_) || std::chrono::steady_clock::now() >= end_;
}

bool Patience::wait(int fd, short events) const {
    pollfd watched{fd, events, 0};
    while (!over()) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
        const auto slice = std::clamp(left, std::chrono::milliseconds{0}, kLookForCancel);
        const int ready = ::poll(&watched, 1, static_cast<int>(slice.count()));
        if (ready > 0 || (ready < 0 && errno != EINTR)) return true;  // the next call says what is wrong
    }
    return false;
}

Result<std::string> uapi_exchange(const std::string& path, std::string_view request,
                                  const Patience& patience) {
    const auto fd = connect_to(path, patience);
    if (!fd) return tl::unexpected(fd.error());
    const auto sent = send_all(fd->get(), path, request, patience);
    if (!sent) return tl::unexpected(sent.error());
    std::string answer;
    if (auto received = receive_all(fd->get(), path, answer, patience); !received) {
        wipe(answer);
        return tl::unexpected(received.error());
    }
    if (answer.empty() && !*sent) return fail_errno("send to " + path, EPIPE);
    return answer;
}

Result<void> uapi_probe(const std::string& path, const Patience& patience) {
    const auto fd = connect_to(path, patience);
    if (!fd) return tl::unexpected(fd.error());
    return {};
}

}  // namespace ulagate::wg
