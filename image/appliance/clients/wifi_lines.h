// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace ulagate::appliance {

// What a line of wpa_supplicant says about its network, in words for people: "the password is wrong". Empty:
// all is well again. nullopt: the line is about something else.
std::optional<std::string> wifi_complaint(std::string_view line);

// Who is at the access point, by the lines of hostapd.
class ApClients {
public:
    void on_line(std::string_view line);
    void clear() { clients_.clear(); }
    [[nodiscard]] std::size_t count() const { return clients_.size(); }

private:
    std::set<std::string, std::less<>> clients_;  // MAC addresses, as they are written
};

}  // namespace ulagate::appliance
