// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "daemon/base/address.h"
#include "wg/device/key.h"

namespace ulagate {

// When the clock of a router went back, its relay ignores its handshakes: WireGuard remembers the newest
// timestamp of each peer and drops an initiation with an older one as a replay, silently. Only a peer that
// is removed and added again forgets the timestamp. This decides which peers to add again. Pure.
//
// The packet does not show whose handshake it is, and anybody can send one. So only peers without a session
// are chosen, and each less often while it does not help. The price: an old handshake of theirs could be
// replayed, as after each start of the relay.
class ReplayPolicy {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using WallTime = std::chrono::system_clock::time_point;

    struct Now {
        TimePoint steady;
        WallTime wall;  // what handshakes are dated by
    };
    // One router of a site, as the relay knows it now.
    struct Peer {
        std::size_t router_index = 0;
        wg::PublicKey key;
        std::optional<net::Endpoint> endpoint;  // the last that was seen
        WallTime last_handshake;                // the epoch: none since the peer was added
        bool known = false;                     // it was connected in this life of the relay
        bool live = false;                      // it is connected, and not to be disturbed
    };

    // A handshake initiation came in, for the device of a router index.
    void on_initiation(const net::Endpoint& from, std::size_t router_index, Now now);
    // Initiations may be ignored: call judge() with the present peers, which are costly to read. True at most
    // once in four seconds.
    [[nodiscard]] bool is_due(TimePoint now) const;
    // The peers to be removed and added again, at most eight for each source.
    std::vector<wg::PublicKey> judge(const std::vector<Peer>& peers, Now now);

private:
    struct Place {
        std::size_t router_index = 0;
        net::Endpoint from;
        auto operator<=>(const Place&) const = default;
    };
    // Where initiations come from.
    struct Source {
        Now first;
        TimePoint last;
        unsigned count = 0;
    };
    // A peer that was added again.
    struct Renewal {
        Now when;
        unsigned times = 0;
    };
    static bool in_vain(const Source& source);
    [[nodiscard]] bool may_renew(const wg::PublicKey& key, TimePoint now) const;
    [[nodiscard]] std::vector<const Peer*> candidates(const std::vector<Peer>& peers, const Place& place,
                                                      TimePoint now) const;

    std::map<Place, Source> sources_;
    std::map<wg::PublicKey, Renewal> renewals_;  // of configured peers only
    std::optional<TimePoint> judged_at_;
};

}  // namespace ulagate
