// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/obstacles.h"
#include "daemon/config/config.h"
#include "daemon/loop/control_link.h"
#include "daemon/loop/loop.h"
#include "daemon/relays/relay_channel.h"
#include "wg/control/ownership.h"
#include "wg/control/peer_relay.h"
#include "wg/control/site_publisher.h"

namespace ulagate {

// The relay's side of the overlay control protocol: the claims of all routers, the sessions with other
// relays, the socket and the timer under them.
class RelayControl : public RelayChannel {
public:
    struct Calls {
        // These prefixes have another owner now.
        std::function<void(const std::vector<wg::control::OwnerChanged>&)> moved;
        // Other sites are reached through other relays now.
        std::function<void()> transit_changed;
        // Another relay can be reached, or not any more.
        std::function<void()> changed;
    };
    RelayControl(Loop& loop, std::unique_ptr<ControlLink> link, Calls calls);

    void set_config(const Config& config);
    // What all routers and relays are told: whether what one site sends to another gets through us.
    void set_forwards(bool forwards);
    // Routers, by their addresses, that are told that two machines have their key.
    void set_in_two_places(std::set<net::Ipv6Address> routers) {
        ownership_.set_in_two_places(std::move(routers));
    }
    // Says goodbye to all routers and relays, and nothing any more.
    void stop();

    void set_reachable(const std::string& relay, bool reachable) override;
    void set_traffic(const std::string& relay, bool flows) override;
    void probe_now(const std::string& relay) override;
    [[nodiscard]] const wg::control::RelaySession* session(const std::string& relay) const override;

    [[nodiscard]] const wg::control::Ownership& ownership() const { return ownership_; }
    [[nodiscard]] const wg::control::SitePublisher::Transit& transit() const { return publisher_->transit(); }
    // Whether all routers that live had the time to say so, since our start.
    [[nodiscard]] bool knows_who_is_here() const { return publisher_->generation() != 0; }
    // Routers and other relays that say what cannot be.
    [[nodiscard]] std::vector<Obstacle> untrue();

private:
    struct Peer {
        net::Ipv6Address address;
        wg::control::PeerRelay channel;
        bool started = false;
    };
    void receive();
    void on_timer();
    void act(const wg::control::Outcome& outcome);
    void act(const std::string& relay, Peer& peer, wg::control::SessionOutcome outcome);
    void publish(const wg::control::Received& received, wg::control::TimePoint now,
                 wg::control::Outcome& out);
    void set_peers(const Config& config);
    void look_elsewhere();
    void set_alarm();

    Calls calls_;
    wg::control::Ownership ownership_;
    net::Ipv6Prefix overlay_;
    net::Ipv6Address self_;
    std::vector<net::Ipv6Prefix> own_;      // of all sites
    std::vector<std::string> peers_order_;  // as in the configuration
    std::map<std::string, Peer> peers_;     // by name
    std::optional<wg::control::SitePublisher> publisher_;
    wg::control::SitePublisher::Transit transit_;  // as told
    bool knew_ = false;                            // the same of knows_who_is_here()
    bool stopped_ = false;
    std::unique_ptr<ControlLink> link_;
    Alarm alarm_;
};

}  // namespace ulagate
