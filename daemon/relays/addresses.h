// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/ip_family.h"
#include "daemon/base/result.h"

namespace ulagate {

// The addresses that a relay's name has, and when to ask for them (again): at start, when their time to live
// is over, and at once when the tunnel dies or the network changes. What was known last stays until there is
// something better. A literal address is never asked for. Pure.
class RelayAddresses {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    explicit RelayAddresses(std::string host);

    // What was known before a restart, for a boot without DNS. Nothing happens once a question was answered.
    void remember(const std::vector<net::IpAddress>& addresses);
    // A tunnel works with it, or did before a restart: it is kept, behind what the name server says now,
    // until another one works. A name server may be wrong.
    void worked(const net::IpAddress& address);
    // Whether the tunnel works. When it dies the name is asked, and then no later than it can have changed.
    void set_alive(bool alive, TimePoint now);
    // The network has changed: other name servers, and with DNS64 other addresses.
    void ask_again();
    // Whether to ask for this family now; then it counts as asked until on_answer().
    bool ask(IpFamily family, TimePoint now);
    void on_answer(IpFamily family, const Result<std::vector<net::IpAddress>>& addresses,
                   std::chrono::seconds ttl, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    // In the order to try them: IPv6 first, then the families in turn (RFC 8305 section 4).
    [[nodiscard]] std::vector<net::IpAddress> all() const;
    [[nodiscard]] const std::string& host() const { return host_; }
    [[nodiscard]] bool is_name() const { return !literal_; }
    // Why there is no address, or why the name could not be resolved last; empty when all is well.
    [[nodiscard]] std::string problem() const;

private:
    struct Known {
        std::vector<net::IpAddress> addresses;
        bool asked = false;   // no answer yet
        bool at_once = true;  // whatever its time to live
        unsigned failures = 0;
        TimePoint asked_at;
        std::optional<TimePoint> answered_at;
        std::chrono::seconds ttl{0};
        std::string error;
    };
    Known& of(IpFamily family) { return known_[static_cast<std::size_t>(family)]; }
    [[nodiscard]] TimePoint due(const Known& known) const;

    std::string host_;
    std::array<Known, kIpFamilies.size()> known_;
    std::optional<net::IpAddress> proven_;
    bool literal_ = false;
    bool lived_ = false;
    std::optional<TimePoint> dead_since_;
};

}  // namespace ulagate
