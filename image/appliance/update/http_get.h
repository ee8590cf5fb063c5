// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"

namespace ulagate::appliance {

struct HttpUrl {
    std::string host;  // without the brackets of an IPv6 address
    std::string port = "80";
    std::string authority;  // as it goes into the request
    std::string path = "/";
    bool operator==(const HttpUrl&) const = default;
};
// "http://host[:port]/path". Nothing for anything else, and for what does not belong into a request line.
std::optional<HttpUrl> parse_http_url(std::string_view url);

// The response to a GET, as far as its body.
struct HttpResponseHead {
    std::optional<std::uint64_t> bytes;  // of the body; nullopt: until the connection ends
    std::string begun;                   // what has come of the body
};
// From all that has come up to now; nullopt: the head is not complete. Only a plain 200 is an answer.
Result<std::optional<HttpResponseHead>> parse_http_response(std::string_view text);

struct HttpBody {
    UniqueFd fd;
    HttpResponseHead answer;
};
// HTTP/1.0, blocking, with half a minute of patience. There is no TLS: what is fetched has to be signed.
Result<HttpBody> http_get(const HttpUrl& url);

}  // namespace ulagate::appliance
