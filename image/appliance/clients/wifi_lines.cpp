// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clients/wifi_lines.h"

namespace ulagate::appliance {
namespace {

constexpr std::size_t kMac = 17;           // "02:00:00:00:00:01"
constexpr std::size_t kMaxClients = 2007;  // association numbers of IEEE 802.11

bool has(std::string_view line, std::string_view word) { return line.find(word) != std::string_view::npos; }

}  // namespace

std::optional<std::string> wifi_complaint(std::string_view line) {
    if (has(line, "CTRL-EVENT-CONNECTED")) return "";
    if (has(line, "reason=WRONG_KEY") || has(line, "pre-shared key may be incorrect"))
        return "the password is wrong";
    if (has(line, "CTRL-EVENT-NETWORK-NOT-FOUND")) return "the network was not found";
    if (has(line, "CTRL-EVENT-ASSOC-REJECT")) return "the access point refused the connection";
    return std::nullopt;
}

void ApClients::on_line(std::string_view line) {
    const auto note = [&](std::string_view event, bool comes) {
        const auto at = line.find(event);
        if (at == std::string_view::npos) return;
        const std::string_view mac = line.substr(at + event.size(), kMac);
        if (mac.size() != kMac) return;
        if (!comes) {
            clients_.erase(std::string(mac));
        } else if (clients_.size() < kMaxClients) {
            clients_.emplace(mac);
        }
    };
    note("AP-STA-CONNECTED ", true);
    note("AP-STA-DISCONNECTED ", false);
}

}  // namespace ulagate::appliance
