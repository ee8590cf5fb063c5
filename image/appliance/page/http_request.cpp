// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/page/http_request.h"

#include <fmt/format.h>

#include <algorithm>

namespace ulagate::appliance {
namespace {

constexpr std::size_t kMaxPath = 256;

const char* reason(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 414:
            return "URI Too Long";
        case 431:
            return "Request Header Fields Too Large";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Bad Request";
    }
}

}  // namespace

HttpRequest::State HttpRequest::refuse(int status) {
    status_ = status;
    return state_ = State::refused;
}

HttpRequest::State HttpRequest::parse_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos) return refuse(400);
    const std::string_view method = line.substr(0, first);
    std::string_view target = line.substr(first + 1, second - first - 1);
    const std::string_view version = line.substr(second + 1);
    if (!version.starts_with("HTTP/")) return refuse(400);
    if (!version.starts_with("HTTP/1.")) return refuse(505);
    if (method != "GET" && method != "HEAD") return refuse(405);
    if (target.size() > kMaxPath) return refuse(414);
    if (target.empty() || target.front() != '/') return refuse(400);
    const bool printable =
        std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!printable) return refuse(400);
    head_only_ = method == "HEAD";
    path_ = target.substr(0, target.find('?'));
    return State::reading;
}

HttpRequest::State HttpRequest::take(std::string_view bytes) {
    if (state_ != State::reading) return state_;
    for (const char c : bytes) {
        if (head_.size() >= kMaxHead) return refuse(431);
        if (c == '\0') return refuse(400);
        if (c != '\r') head_ += c;
        if (head_ == "\n") head_.clear();  // RFC 9112 section 2.2: an empty line in front is ignored
        if (!head_.ends_with("\n\n")) continue;
        if (parse_line(std::string_view{head_}.substr(0, head_.find('\n'))) == State::refused) return state_;
        return state_ = State::complete;
    }
    return state_;
}

std::string to_bytes(const HttpResponse& answer, bool head_only) {
    // Nothing may be fetched from elsewhere, nothing runs, nothing is kept.
    std::string out = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\nCache-Control: "
        "no-store\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n"
        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n",
        answer.status, reason(answer.status), answer.type, answer.body.size());
    if (answer.status == 405) out += "Allow: GET, HEAD\r\n";
    out += "\r\n";
    if (!head_only) out += answer.body;
    return out;
}

HttpResponse plain_answer(int status) {
    return {status, "text/plain; charset=utf-8", fmt::format("{} {}\n", status, reason(status))};
}

}  // namespace ulagate::appliance
