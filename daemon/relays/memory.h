// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.h"

namespace ulagate {

// What is kept on disk of the relays with a name, for a boot without DNS: their addresses, and the one that
// answered last. One line a relay: "r1 relay.example.net 2001:db8::1 2001:db8::1 192.0.2.1", with "-" for
// no winner. Written on a change, and seldom: names with many addresses show other ones each time. Pure.
class RelayMemory {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    struct Relay {
        std::string host;
        std::optional<net::IpAddress> winner;
        std::vector<net::IpAddress> addresses;
        bool operator==(const Relay&) const = default;
    };

    // Lines that say something else are left out.
    void load(std::string_view text);
    // nullptr: nothing is known of the relay by this name.
    [[nodiscard]] const Relay* find(const std::string& relay, const std::string& host) const;
    void update(std::map<std::string, Relay> relays) { relays_ = std::move(relays); }
    // The new content when it is to be written now. `stopping`: there is no later.
    std::optional<std::string> take_write(TimePoint now, bool stopping);

private:
    std::map<std::string, Relay> relays_;
    std::map<std::string, Relay> on_disk_;
    std::optional<TimePoint> written_at_;
};

}  // namespace ulagate
