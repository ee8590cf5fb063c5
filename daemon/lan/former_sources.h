// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "daemon/base/address.h"

namespace ulagate {

// Link-local addresses from which hosts of a LAN were told routes, and from which nobody speaks any more.
// Last advertisements from there take the routes back (RFC 4861 section 6.2.8), three times; not at once,
// because another router may go on as what we have been, and not at all if it is heard to. Pure.
class FormerSources {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    // `patience`: until when another router would be heard from there.
    void add(const net::Ipv6Address& address, Duration patience, TimePoint now);
    // Somebody speaks from there: us again, or another router.
    void remove(const net::Ipv6Address& address);
    // From where a last word is due; each counts as said.
    std::vector<net::Ipv6Address> due(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    struct Former {
        net::Ipv6Address address;
        TimePoint at;
        unsigned left = 0;
    };
    std::vector<Former> former_;
};

}  // namespace ulagate
