// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/update/http_get.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "daemon/base/text.h"

namespace ulagate::appliance {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::size_t kMaxHead = 16'384;
constexpr timeval kPatience{30, 0};

bool same(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

Result<UniqueFd> connect_to(const HttpUrl& url) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int error = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &list); error != 0)
        return fail(fmt::format("find {}: {}", quote(url.host), ::gai_strerror(error)));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner{list, ::freeaddrinfo};
    int error = 0;
    for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
        UniqueFd fd{::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol)};
        if (!fd) continue;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));  // of connect() too
        if (::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0) return fd;
        error = errno == EINPROGRESS ? ETIMEDOUT : errno;
    }
    return fail_errno("connect to " + url.authority, error);
}

}  // namespace

std::optional<HttpUrl> parse_http_url(std::string_view url) {
    if (!url.starts_with(kScheme)) return std::nullopt;
    const bool printable = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!printable) return std::nullopt;
    url.remove_prefix(kScheme.size());
    HttpUrl out;
    const auto slash = std::min(url.find('/'), url.size());
    out.authority = url.substr(0, slash);
    if (slash < url.size()) out.path = url.substr(slash, url.find('#') - slash);
    std::string_view rest = out.authority;
    if (rest.find('@') != std::string_view::npos) return std::nullopt;
    if (rest.starts_with('[')) {
        const auto end = rest.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        out.host = rest.substr(1, end - 1);
        rest.remove_prefix(end + 1);
    } else {
        const auto colon = std::min(rest.find(':'), rest.size());
        out.host = rest.substr(0, colon);
        rest.remove_prefix(colon);
    }
    if (out.host.empty()) return std::nullopt;
    if (rest.empty()) return out;
    if (rest.front() != ':' || rest.size() < 2 || rest.size() > 6) return std::nullopt;
    out.port = rest.substr(1);
    if (out.port.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    return out;
}

Result<std::optional<HttpResponseHead>> parse_http_response(std::string_view text) {
    const auto end = text.find(kEndOfHead);
    if (end == std::string_view::npos) {
        if (text.size() > kMaxHead) return fail("the header of the web server's answer does not end");
        return std::nullopt;
    }
    HttpResponseHead out;
    out.begun = text.substr(end + kEndOfHead.size());
    std::string_view head = text.substr(0, end);
    const auto next_line = [&head] {
        const auto line = head.substr(0, head.find("\r\n"));
        head.remove_prefix(std::min(head.size(), line.size() + 2));
        return line;
    };
    const auto first = next_line();
    std::string moved;
    while (!head.empty()) {
        const auto line = next_line();
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const auto value = trimmed(line.substr(colon + 1));
        if (same(line.substr(0, colon), "location"))
            moved = fmt::format(": it is at {} now", quote(value, 256));
        if (same(line.substr(0, colon), "transfer-encoding"))
            return fail("unexpected answer from the web server: " + quote(line));
        if (same(line.substr(0, colon), "content-length")) {
            std::uint64_t bytes = 0;
            const auto parsed = std::from_chars(value.data(), value.data() + value.size(), bytes);
            if (parsed.ec != std::errc{} || parsed.ptr != value.data() + value.size())
                return fail("the web server's answer has no length: " + quote(line));
            out.bytes = bytes;
        }
    }
    const bool good = first.starts_with("HTTP/1.") && first.size() >= 12 && first.substr(8, 4) == " 200" &&
                      (first.size() == 12 || first[12] == ' ');
    if (!good) return fail(fmt::format("the web server refused: {}{}", quote(first), moved));
    return out;
}

Result<HttpBody> http_get(const HttpUrl& url) {
    auto fd = connect_to(url);
    if (!fd) return tl::unexpected(fd.error());
    const std::string request =
        fmt::format("GET {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: ulagate\r\n\r\n", url.path, url.authority);
    if (::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
        return fail_errno("ask " + url.authority);
    std::string text;
    std::array<char, 4096> piece{};
    for (;;) {
        const ssize_t n = ::recv(fd->get(), piece.data(), piece.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("wait for " + url.authority, errno == EAGAIN ? ETIMEDOUT : errno);
        if (n == 0) return fail(url.authority + " closed the connection without an answer");
        text.append(piece.data(), static_cast<std::size_t>(n));
        auto answer = parse_http_response(text);
        if (!answer) return tl::unexpected(answer.error());
        if (*answer) return HttpBody{std::move(*fd), std::move(**answer)};
    }
}

}  // namespace ulagate::appliance
