// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/appliance/page/http_request.h"
#include "image/appliance/page/qr.h"
#include "image/appliance/page/status_page.h"

namespace ulagate::appliance::status_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using State = HttpRequest::State;

ApplianceStatus everything() {
    ApplianceStatus out;
    out.node = "a1";
    out.version = "1.2.3";
    out.public_key = "mG3BIt2S0nKqkzJIQTf5kYxBO2JCqs8vWr9xAOFJUnI=";
    out.uplinks = {{"eth0", "Ethernet", UplinkReport::State::in_use, "192.0.2.7/24, IPv6"},
                   {"usb", "USB", UplinkReport::State::down, "nothing is plugged in"}};
    out.lans = {{"wlan0", "fd12::/64", "192.168.83.1/24", true}, {"eth1", "fd12:0:0:1::/64", "", false}};
    out.access_point = "\"home\": 2 clients";
    out.clock = "right, by 192.0.2.1";
    out.update = "none";
    out.ssh = "for 1 keys";
    return out;
}

TEST(StatusText, InFull) {
    EXPECT_EQ(status_text(everything()),
              "ulagate\n"
              "node        a1\n"
              "version     1.2.3\n"
              "public key  mG3BIt2S0nKqkzJIQTf5kYxBO2JCqs8vWr9xAOFJUnI=\n"
              "uplink      eth0 (Ethernet): in use: 192.0.2.7/24, IPv6\n"
              "uplink      usb (USB): down: nothing is plugged in\n"
              "LAN         wlan0: fd12::/64, gateway 192.168.83.1/24\n"
              "LAN         eth1: fd12:0:0:1::/64, no cable\n"
              "Wi-Fi       \"home\": 2 clients\n"
              "clock       right, by 192.0.2.1\n"
              "update      none\n"
              "ssh         for 1 keys\n");
}

TEST(StatusText, RescueSaysWhyAndWhatToDo) {
    auto status = everything();
    status.rescue = {"ulagate.toml:3: site: is missing\nulagate.toml:9: \x1b[2Joops"};
    status.waits_for_overlay = true;
    EXPECT_THAT(status_text(status), AllOf(StartsWith("ulagate: not a router yet\n  ulagate.toml:3: site: is "
                                                      "missing\n  ulagate.toml:9: ?[2Joops\n"),
                                           HasSubstr("Put this public key into")));
    EXPECT_THAT(console_text(status), HasSubstr("\u2588\u2588\u2588"));
    EXPECT_THAT(console_text(everything()), Not(HasSubstr("\u2588"))) << "a console is small";
}

TEST(StatusPage, IsWholeAndFetchesNothing) {
    const std::string page = status_html(everything());
    EXPECT_THAT(page, AllOf(StartsWith("<!doctype html>"), HasSubstr("name=\"viewport\""), HasSubstr("<svg "),
                            HasSubstr("in use: 192.0.2.7/24"), testing::EndsWith("</body></html>\n")));
    EXPECT_THAT(page, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("src=")), Not(HasSubstr("href=")),
                            Not(HasSubstr("url("))));
}

TEST(StatusPage, NothingFromOutsideIsHtml) {
    const std::string evil = "<script>alert('x')</script>\"&";
    ApplianceStatus status;
    status.node = status.version = status.access_point = status.clock = status.update = status.ssh = evil;
    status.rescue = status.problems = {evil};
    status.uplinks = {{evil, evil, UplinkReport::State::down, evil}};
    status.lans = {{evil, evil, evil, true}};
    EXPECT_THAT(status_html(status), Not(HasSubstr("<script")));
    EXPECT_EQ(escape_html("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
}

HttpRequest request(std::string_view bytes) {
    HttpRequest out;
    out.take(bytes);
    return out;
}

TEST(StatusPage, ThreePaths) {
    const auto get = [](const std::string& path) {
        return answer(request("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"), everything());
    };
    EXPECT_EQ(get("/").type, "text/html; charset=utf-8");
    EXPECT_EQ(get("/?x=1").status, 200);
    EXPECT_EQ(get("/status.txt").body, status_text(everything()));
    EXPECT_THAT(get("/qr.svg").body, StartsWith("<svg "));
    for (const char* path : {"/index.html", "/../etc/passwd", "//", "/status.txt/", "/qr.svg%00"})
        EXPECT_EQ(get(path).status, 404) << path;
    EXPECT_EQ(answer(request("GET /qr.svg HTTP/1.1\r\n\r\n"), {}).status, 404) << "without a key";
}

TEST(HttpRequest, ByteByByte) {
    HttpRequest one;
    const std::string text = "\r\nHEAD /status.txt?a HTTP/1.0\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    for (const char c : text) one.take({&c, 1});
    EXPECT_EQ(one.state(), State::complete);
    EXPECT_EQ(one.path(), "/status.txt");
    EXPECT_TRUE(one.head_only());
}

TEST(HttpRequest, Refusals) {
    const auto status = [](std::string_view bytes) {
        const auto one = request(bytes);
        return one.state() == State::refused ? one.status() : 0;
    };
    EXPECT_EQ(status("POST / HTTP/1.1\r\n\r\n"), 405);
    EXPECT_EQ(status("GET / HTTP/2\r\n\r\n"), 505);
    EXPECT_EQ(status("GET /\r\n\r\n"), 400);
    EXPECT_EQ(status("GET http://x/ HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(status("GET /\x01 HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(status(std::string_view{"GET /\0 HTTP/1.1\r\n\r\n", 20}), 400);
    EXPECT_EQ(status("GET /" + std::string(300, 'a') + " HTTP/1.1\r\n\r\n"), 414);
    EXPECT_EQ(status("GET / HTTP/1.1\r\n" + std::string(5000, 'a')), 431);
    EXPECT_EQ(status("\x16\x03\x01"), 0) << "not yet";
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\n"), 0) << "not yet";
}

TEST(HttpResponse, Bytes) {
    EXPECT_EQ(
        to_bytes({200, "text/plain", "hello"}, false),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: "
        "close\r\nCache-Control: no-store\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n"
        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\r\nhello");
    EXPECT_THAT(to_bytes({200, "text/plain", "hello"}, true), testing::EndsWith("\r\n\r\n"));
    EXPECT_THAT(to_bytes(plain_answer(405), false), HasSubstr("Allow: GET, HEAD\r\n"));
}

// A reader for what qr_text() draws: module by module, so that an error in drawing cannot hide.
TEST(QrCode, DrawingsShowTheSameModules) {
    const auto code = make_qr(everything().public_key).value();
    ASSERT_EQ(code.size, 33U) << "version 4 holds a key at level M";
    for (const std::size_t corner : {std::size_t{0}, code.size - 7}) {
        EXPECT_TRUE(code.at(0, corner) && code.at(6, corner + 6)) << "finder patterns";
        EXPECT_FALSE(code.at(1, corner + 1));
    }
    const std::string text = qr_text(code);
    std::vector<std::vector<bool>> dark(1);
    std::vector<std::vector<bool>> rows;
    std::size_t at = 0;
    while (at < text.size()) {
        std::vector<bool> upper;
        std::vector<bool> lower;
        while (text[at] != '\n') {
            const std::string three = text.substr(at, 3);
            const bool blank = text[at] == ' ';
            upper.push_back(blank || three == "\u2584");
            lower.push_back(blank || three == "\u2580");
            at += blank ? 1 : 3;
        }
        ++at;
        rows.push_back(upper);
        rows.push_back(lower);
    }
    ASSERT_EQ(rows.size(), 38U);
    for (std::size_t row = 0; row < 37; ++row)
        for (std::size_t column = 0; column < 37; ++column) {
            const bool inside = row >= 2 && column >= 2 && row < 35 && column < 35;
            EXPECT_EQ(rows[row][column], inside && code.at(row - 2, column - 2)) << row << " " << column;
        }
    const std::string ascii = qr_ascii(code);
    EXPECT_EQ(ascii.size(), 37U * 75U);
    EXPECT_EQ(ascii.substr(2 * 75 + 4, 2), "  ");
    EXPECT_THAT(qr_svg(code), AllOf(HasSubstr("viewBox=\"0 0 41 41\""), HasSubstr("M4 4h7v1H4z")));
}

TEST(QrCode, TooMuchIsAnError) { EXPECT_FALSE(make_qr(std::string(4000, 'x'))); }

}  // namespace
}  // namespace ulagate::appliance::status_test
