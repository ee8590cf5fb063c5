// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "image/appliance/page/status_page.h"

using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

// A request means the same in one piece and byte by byte, and only three pages exist.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    appliance::HttpRequest whole;
    whole.take(text);
    appliance::HttpRequest pieces;
    for (const char c : text) pieces.take({&c, 1});
    require(whole.state() == pieces.state() && whole.status() == pieces.status());
    require(whole.path() == pieces.path() && whole.head_only() == pieces.head_only());
    if (whole.state() == appliance::HttpRequest::State::reading) return 0;  // nothing to answer yet
    appliance::ApplianceStatus status;
    status.node = text.substr(0, 100);
    status.public_key = "mG3BIt2S0nKqkzJIQTf5kYxBO2JCqs8vWr9xAOFJUnI=";
    const auto answer = appliance::answer(whole, status);
    const bool is_page = whole.path() == "/" || whole.path() == "/status.txt" || whole.path() == "/qr.svg";
    require((answer.status == 200) == (whole.state() == appliance::HttpRequest::State::complete && is_page));
    require(appliance::to_bytes(answer, true).ends_with("\r\n\r\n"));
    require(appliance::status_html(status).find("<script") == std::string::npos);
    return 0;
}
