// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/appliance/page/http_request.h"
#include "image/appliance/uplinks/uplinks.h"

namespace ulagate::appliance {

// What the appliance says of itself: on the console, on its page, and in /run/appliance/status.
struct ApplianceStatus {
    struct Lan {
        std::string interface;
        std::string prefix;  // "fd12:3456:789a:1::/64"
        std::string ipv4;    // of a gateway LAN
        bool carrier = false;
        bool operator==(const Lan&) const = default;
    };
    std::string node;
    std::string version;
    std::string public_key;           // empty: there is none yet
    bool waits_for_overlay = false;   // the key waits to be put into the overlay's files
    std::vector<std::string> rescue;  // why there is no configuration in use; one of several lines each
    std::vector<UplinkReport> uplinks;
    std::vector<Lan> lans;
    std::string access_point;  // "home, 3 clients"; empty: none
    std::string clock;         // "set by 192.0.2.1 2 min ago"
    std::string update;
    std::string ssh;
    std::vector<std::string> problems;
    bool operator==(const ApplianceStatus&) const = default;
};

std::string status_text(const ApplianceStatus& status);
// With the public key as a QR code behind it, for a console: a screen of 24 lines has room for the QR code
// alone, so that comes only while somebody needs it.
std::string console_text(const ApplianceStatus& status);
// One page: no script, nothing from elsewhere, readable on a phone.
std::string status_html(const ApplianceStatus& status);
std::string escape_html(std::string_view text);

// GET /, /status.txt, /qr.svg; anything else is not there.
HttpResponse answer(const HttpRequest& request, const ApplianceStatus& status);

}  // namespace ulagate::appliance
