// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/token_bucket.h"

namespace ulagate {

// Who on a LAN says to all that an address is its own, which this router holds: hosts that believe it send it
// what is for the overlay. Says when to contradict, and whom to name. Pure.
//
// When one router takes over from another, the last words of the one can cross the first of the other. So
// whom VRRP shows to be a partner at that moment is contradicted and not named.
class AddressClaims {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    // Of the last claim, so that one who claims now and then stays named.
    static constexpr std::chrono::seconds kRemembered{30};
    static constexpr std::size_t kMaxClaims = 4;

    struct Claim {
        net::Ipv6Address address;
        net::MacAddress mac;     // where hosts are to find the address
        net::MacAddress sender;  // of the frame that said it
        bool operator==(const Claim&) const = default;
    };
    // True: tell the hosts that it is not so. Never more often than it was heard, nor than 20 times a second.
    [[nodiscard]] bool heard(const Claim& claim, TimePoint now);
    // An advertisement of another Active router of ours was heard.
    void partner_spoke(TimePoint now);
    // Those to be named, the oldest first. Of more than kMaxClaims the first ones, as long as they go on.
    [[nodiscard]] std::vector<Claim> standing(TimePoint now) const;

private:
    struct Known {
        Claim claim;
        TimePoint first;
        TimePoint last;
        bool partner = false;
    };
    [[nodiscard]] bool partner_speaks(TimePoint now) const;

    std::vector<Known> known_;
    std::optional<TimePoint> partner_;
    TokenBucket answers_;
};

}  // namespace ulagate
