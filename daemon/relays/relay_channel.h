// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "wg/control/relay_session.h"

namespace ulagate {

// The control protocol's channel to the [[relay]]s of an edge, or to the [[peer_relay]]s of a relay, as the
// daemon uses it. Relays are known by name; a name that is not known has no session.
class RelayChannel {
public:
    RelayChannel() = default;
    RelayChannel(const RelayChannel&) = delete;
    RelayChannel& operator=(const RelayChannel&) = delete;
    RelayChannel(RelayChannel&&) = delete;
    RelayChannel& operator=(RelayChannel&&) = delete;
    virtual ~RelayChannel() = default;

    // `reachable`: the tunnel is configured, so that messages can be sent. Starts the session, or keeps it
    // when it runs; false stops it.
    virtual void set_reachable(const std::string& relay, bool reachable) = 0;
    // Whether overlay traffic flows through the relay now.
    virtual void set_traffic(const std::string& relay, bool flows) = 0;
    // A probe leaves at once: there is something to be learnt.
    virtual void probe_now(const std::string& relay) = 0;
    // nullptr: not a relay that speaks this protocol.
    [[nodiscard]] virtual const wg::control::RelaySession* session(const std::string& relay) const = 0;

    // nullopt: a plain relay, or one that never answered; only the handshake tells about it.
    [[nodiscard]] std::optional<bool> alive(const std::string& relay) const {
        const wg::control::RelaySession* known = session(relay);
        if (known == nullptr || !known->has_answered()) return std::nullopt;
        return known->alive();
    }
};

}  // namespace ulagate
