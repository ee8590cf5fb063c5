// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/page/status_page.h"

#include <fmt/format.h>

#include "image/appliance/page/qr.h"

namespace ulagate::appliance {
namespace {

constexpr const char* kPasteHint =
    "Put this public key into the files of the overlay's relays, under this node's name.";

// For consoles and log files: what is not printable ASCII or UTF-8 text becomes '?'.
std::string printable(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\n') || byte == 0x7f) c = '?';
    }
    return out;
}

std::string indented(std::string_view text) {
    std::string out;
    for (const char c : printable(text)) {
        out += c;
        if (c == '\n') out += "  ";
    }
    return out;
}

std::string lan_text(const ApplianceStatus::Lan& lan) {
    std::string out = lan.interface + ": " + lan.prefix;
    if (!lan.ipv4.empty()) out += ", gateway " + lan.ipv4;
    if (!lan.carrier) out += ", no cable";
    return out;
}

// Rows of a table, one form for text and page.
std::vector<std::pair<std::string, std::string>> rows(const ApplianceStatus& status) {
    std::vector<std::pair<std::string, std::string>> out;
    out.emplace_back("node", status.node);
    if (!status.version.empty()) out.emplace_back("version", status.version);
    if (!status.public_key.empty()) out.emplace_back("public key", status.public_key);
    for (const UplinkReport& uplink : status.uplinks) {
        out.emplace_back("uplink",
                         fmt::format("{} ({}): {}{}{}", uplink.name, uplink.kind, name(uplink.state),
                                     uplink.reason.empty() ? "" : ": ", uplink.reason));
    }
    if (status.uplinks.empty()) out.emplace_back("uplink", "none");
    for (const auto& lan : status.lans) out.emplace_back("LAN", lan_text(lan));
    if (!status.access_point.empty()) out.emplace_back("Wi-Fi", status.access_point);
    if (!status.clock.empty()) out.emplace_back("clock", status.clock);
    if (!status.update.empty()) out.emplace_back("update", status.update);
    if (!status.ssh.empty()) out.emplace_back("ssh", status.ssh);
    return out;
}

std::string headline(const ApplianceStatus& status) {
    return status.rescue.empty() ? "ulagate" : "ulagate: not a router yet";
}

}  // namespace

std::string status_text(const ApplianceStatus& status) {
    std::string out = headline(status) + "\n";
    for (const std::string& reason : status.rescue) out += "  " + indented(reason) + "\n";
    for (const std::string& problem : status.problems) out += "  problem: " + indented(problem) + "\n";
    for (const auto& [label, value] : rows(status)) out += fmt::format("{:<11} {}\n", label, indented(value));
    if (status.waits_for_overlay) out += fmt::format("{}\n", kPasteHint);
    return out;
}

std::string console_text(const ApplianceStatus& status) {
    std::string out = "\n" + status_text(status);
    if (!status.waits_for_overlay || status.public_key.empty()) return out;
    if (const auto code = make_qr(status.public_key)) out += qr_text(*code);
    return out;
}

std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string status_html(const ApplianceStatus& status) {
    std::string out =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"refresh\" content=\"10\">\n";
    out += fmt::format("<title>{}: ulagate</title>\n", escape_html(status.node));
    out +=
        "<style>:root{color-scheme:light dark}body{font:16px/1.5 sans-serif;max-width:44rem;margin:0 "
        "auto;padding:1rem;"
        "overflow-wrap:anywhere}dt{font-weight:bold;margin-top:.6rem}dd{margin:0}pre{white-space:pre-wrap;"
        "border-left:4px solid "
        "#c60;padding-left:.8rem}svg{width:16rem;max-width:100%;display:block;margin-top:.6rem}"
        "</style></head><body>\n";
    out += fmt::format("<h1>{}</h1>\n", escape_html(headline(status)));
    for (const std::string& reason : status.rescue)
        out += fmt::format("<pre>{}</pre>\n", escape_html(printable(reason)));
    for (const std::string& problem : status.problems)
        out += fmt::format("<pre>{}</pre>\n", escape_html(printable(problem)));
    out += "<dl>\n";
    for (const auto& [label, value] : rows(status))
        out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_html(label), escape_html(printable(value)));
    out += "</dl>\n";
    if (!status.public_key.empty()) {
        if (status.waits_for_overlay) out += fmt::format("<p>{}</p>\n", escape_html(kPasteHint));
        if (const auto code = make_qr(status.public_key)) out += qr_svg(*code) + "\n";
    }
    return out + "</body></html>\n";
}

HttpResponse answer(const HttpRequest& request, const ApplianceStatus& status) {
    if (request.state() != HttpRequest::State::complete) return plain_answer(request.status());
    if (request.path() == "/") return {200, "text/html; charset=utf-8", status_html(status)};
    if (request.path() == "/status.txt") return {200, "text/plain; charset=utf-8", status_text(status)};
    if (request.path() == "/qr.svg" && !status.public_key.empty()) {
        if (const auto code = make_qr(status.public_key)) return {200, "image/svg+xml", qr_svg(*code)};
    }
    return plain_answer(404);
}

}  // namespace ulagate::appliance
