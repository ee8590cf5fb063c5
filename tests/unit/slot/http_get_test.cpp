// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/update/http_get.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::appliance::http_get_test {
namespace {

using testing::HasSubstr;

TEST(HttpUrl, WhatIsAnAddress) {
    EXPECT_EQ(parse_http_url("http://example.org"), (HttpUrl{"example.org", "80", "example.org", "/"}));
    EXPECT_EQ(parse_http_url("http://example.org:8080/a/b.slot?c#d"),
              (HttpUrl{"example.org", "8080", "example.org:8080", "/a/b.slot?c"}));
    EXPECT_EQ(parse_http_url("http://[fd12::1]/x"), (HttpUrl{"fd12::1", "80", "[fd12::1]", "/x"}));
    EXPECT_EQ(parse_http_url("http://[fd12::1]:81/"), (HttpUrl{"fd12::1", "81", "[fd12::1]:81", "/"}));
}

TEST(HttpUrl, WhatIsNone) {
    for (const char* url :
         {"", "http://", "http:///x", "https://example.org/", "ftp://example.org/", "http://a b/",
          "http://a/b c", "http://a/\r\nX: y", "http://user@host/", "http://[fd12::1/", "http://[fd12::1]80/",
          "http://a:/", "http://a:x/", "http://a:123456/", "http://a/\x80"})
        EXPECT_FALSE(parse_http_url(url)) << url;
}

std::string error_of(std::string_view text) {
    const auto answer = parse_http_response(text);
    return answer ? (*answer ? "answer" : "incomplete") : answer.error().text();
}

TEST(HttpResponseHead, TheHeadMayComeInPieces) {
    const std::string text = "HTTP/1.1 200 OK\r\nServer: x\r\nCONTENT-length:  12 \r\n\r\nbody";
    for (std::size_t n = 0; n < text.find("body"); ++n)
        EXPECT_EQ(error_of(text.substr(0, n)), "incomplete") << n;
    const auto answer = parse_http_response(text);
    ASSERT_TRUE(answer && *answer);
    EXPECT_EQ((*answer)->bytes, 12U);
    EXPECT_EQ((*answer)->begun, "body");
    const auto open_end = parse_http_response("HTTP/1.0 200 OK\r\n\r\n");
    ASSERT_TRUE(open_end && *open_end);
    EXPECT_EQ((*open_end)->bytes, std::nullopt);
    EXPECT_EQ((*open_end)->begun, "");
}

TEST(HttpResponseHead, OnlyAPlainYes) {
    EXPECT_THAT(error_of("HTTP/1.1 404 Not Found\r\n\r\n"), HasSubstr("refused: \"HTTP/1.1 404 Not Found\""));
    EXPECT_THAT(error_of("HTTP/1.1 302 Found\r\nLocation: https://a/b\r\n\r\n"),
                HasSubstr("it is at \"https://a/b\" now"));
    EXPECT_THAT(error_of("HTTP/1.1 2000\r\n\r\n"), HasSubstr("refused"));
    EXPECT_THAT(error_of("SSH-2.0-dropbear\r\n\r\n"), HasSubstr("refused"));
    EXPECT_THAT(error_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                HasSubstr("unexpected answer"));
    EXPECT_THAT(error_of("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), HasSubstr("no length"));
    EXPECT_THAT(error_of("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
                HasSubstr("no length"));
    EXPECT_THAT(error_of(std::string(16'385, 'x')), HasSubstr("does not end"));
}

}  // namespace
}  // namespace ulagate::appliance::http_get_test
