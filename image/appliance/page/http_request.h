// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ulagate::appliance {

// As much of HTTP/1.1 (RFC 9112) as a page of status needs: the head of one GET or HEAD request, of bounded
// length, answered once, and the connection is closed. Pure.
class HttpRequest {
public:
    enum class State { reading, complete, refused };
    static constexpr std::size_t kMaxHead = 4096;

    // Bytes as they come; those behind the head are ignored.
    State take(std::string_view bytes);
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] const std::string& path() const { return path_; }  // without what stands behind '?'
    [[nodiscard]] bool head_only() const { return head_only_; }
    // When refused: 400, 405, 414 or 431, 505.
    [[nodiscard]] int status() const { return status_; }

private:
    State refuse(int status);
    State parse_line(std::string_view line);

    std::string head_;
    std::string path_;
    State state_ = State::reading;
    bool head_only_ = false;
    int status_ = 200;
};

struct HttpResponse {
    int status = 200;
    std::string type;  // "text/html; charset=utf-8"
    std::string body;
};
std::string to_bytes(const HttpResponse& answer, bool head_only);
HttpResponse plain_answer(int status);

}  // namespace ulagate::appliance
