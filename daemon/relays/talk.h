// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "wg/control/relay_session.h"

namespace ulagate {

// What the daemon asks of its talk with the [[relay]]s of an edge, or the [[peer_relay]]s of a relay. All of
// it by their names; one that is not known has nothing to say.
class RelayTalk {
public:
    RelayTalk() = default;
    RelayTalk(const RelayTalk&) = delete;
    RelayTalk& operator=(const RelayTalk&) = delete;
    RelayTalk(RelayTalk&&) = delete;
    RelayTalk& operator=(RelayTalk&&) = delete;
    virtual ~RelayTalk() = default;

    // The relays that we can talk to: their tunnels are configured. Starts or goes on; the others rest.
    virtual void set_reachable(const std::string& relay, bool reachable) = 0;
    // Whether overlay traffic flows through the relay now.
    virtual void set_traffic(const std::string& relay, bool flows) = 0;
    // A probe leaves at once: there is something to be learnt.
    virtual void probe_now(const std::string& relay) = 0;
    // nullptr: not a relay that speaks this protocol.
    [[nodiscard]] virtual const wg::control::RelaySession* session(const std::string& relay) const = 0;

    // Nothing: a plain relay, or one that never answered; only the handshake tells about it.
    [[nodiscard]] std::optional<bool> alive(const std::string& relay) const {
        const wg::control::RelaySession* known = session(relay);
        if (known == nullptr || !known->has_answered()) return std::nullopt;
        return known->alive();
    }
};

}  // namespace ulagate
