// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "wg/control/message.h"
#include "wg/control/relay_session.h"
#include "wg/control/site_publisher.h"

namespace ulagate::wg::control {

// A relay's session with another relay, the same at both ends: each asks the other as a router without a LAN
// asks its relay (RelaySession: is it there, which sites does it have), and answers such questions. A claim
// of another relay means nothing.
class PeerRelay {
public:
    PeerRelay(const RelaySession::Setup& setup, const net::Ipv6Prefix& overlay);

    // As RelaySession's.
    SessionOutcome start(Now now);
    SessionOutcome set_traffic(bool flows, Now now);
    SessionOutcome probe_now(Now now);
    SessionOutcome on_deadline(Now now);
    SessionOutcome stop(Now now);
    [[nodiscard]] std::optional<TimePoint> deadline() const { return session_.deadline(); }
    // What the relay's address sent; `ours`: what it is told when it asks for sites.
    SessionOutcome on_packet(const Packet& packet, SitePublisher& ours, Now now);

    // What each answer says of us: kCannotForward.
    void set_capabilities(std::uint32_t capabilities) { capabilities_ = capabilities; }

    // What was learnt of it.
    [[nodiscard]] const RelaySession& session() const { return session_; }
    // Sites that are connected to it now; nullptr: it does not say, or cannot be reached, or forwards
    // nothing.
    [[nodiscard]] std::shared_ptr<const SiteSet> sites() const {
        return session_.alive() && session_.relay_forwards() ? session_.sites() : nullptr;
    }

private:
    SessionOutcome numbered(SessionOutcome out);

    RelaySession session_;
    std::uint32_t sequence_;
    std::uint32_t capabilities_ = 0;
    bool running_ = false;
    Budget lists_{4, std::chrono::milliseconds{800}};  // it asks once a second at most
};

// Which of the relays to take for each of our own sites, if it is not connected here: the one taken before as
// long as it has the site, else the first that has. In the order of the configuration.
struct OtherRelay {
    std::string name;
    std::shared_ptr<const SiteSet> sites;  // nullptr: none
};
SitePublisher::Transit choose_transit(const std::vector<net::Ipv6Prefix>& own,
                                      const std::vector<OtherRelay>& relays,
                                      const SitePublisher::Transit& before);

}  // namespace ulagate::wg::control
