// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/kernel/desired.h"
#include "daemon/names/resolver.h"
#include "daemon/relays/address_rule.h"
#include "daemon/relays/contact.h"
#include "daemon/relays/memory.h"
#include "daemon/relays/mtu_probe.h"
#include "daemon/relays/plain_relay.h"
#include "daemon/relays/relay_channel.h"
#include "daemon/service/context.h"
#include "daemon/service/egress_cache.h"

namespace ulagate {

// The connections to the relays: of an edge to its [[relay]]s, of a relay to its [[peer_relay]]s. Which
// address, uplink and source port each tunnel uses, how large its packets may be, whether it works. Owns
// these facts: relays, uplink, uplinks.
class RelayConnections {
public:
    // What differs between the roles.
    struct Manner {
        bool own_source_ports = true;  // of each tunnel, and another one where the configured one is taken
        bool reads_default_routes =
            true;  // a relay may hold the whole internet's routes: that is too much to read
    };
    RelayConnections(const Context& context, NameResolver& resolver, EgressLookup& egress,
                     RelayChannel& channel, Manner manner);

    // What other parts know, as it is now.
    struct Conditions {
        std::set<std::string> active_lans;
        bool has_key = false;
        bool clock_behind = false;
        bool handing_over = false;
    };
    void set_conditions(Conditions now) { conditions_ = std::move(now); }

    // What the file says; before the first set_config().
    void load();
    void set_config();
    void take_answer(const NameResolver::Answer& answer);
    // The kernel's routes are not what they were.
    void forget_egress() { egress_.forget(); }
    void forget_default_routes() { egress_.forget_default_routes(); }
    // Asks for names and routes, and decides for each relay how it is reached.
    void observe();
    bool contribute(Facts& facts) const;
    // True: peers were taken away, to be added anew by a second plan in the same turn.
    bool taken_away();
    // After the plan: packets of a tunnel leave by the egress that there is now, from its source address, and
    // the relay learns it at once.
    void send_by_new_egress();
    // What the log says of tunnels that came up or went down.
    void note_changes();
    // Starts the sessions with relays that have a peer now.
    void note_reachable();
    // Problems with source ports, by name of the relay.
    void report_source_ports();
    // Each second. `transit`: relays that carry what is for sites that are not here.
    void tick(const std::set<std::string>& transit);
    void keep(bool stopping);

    // Its tunnel works.
    [[nodiscard]] bool is_alive(const RelayConfig& relay) const;
    // One unreachable relay is not a reason to let another router of the site take over.
    [[nodiscard]] bool any_reachable() const;
    [[nodiscard]] const wg::Peer* peer_of(const RelayConfig& relay) const;
    [[nodiscard]] bool may_use(const RelayConfig& relay) const;
    [[nodiscard]] const RelayFacts& facts_of(const std::string& relay) const { return relays_.at(relay); }
    // Why the relay's name has no address; empty: it has.
    [[nodiscard]] std::string name_problem(const std::string& relay) const {
        return contacts_.at(relay).addresses.problem();
    }
    // How packets to the internet leave.
    [[nodiscard]] const std::optional<Egress>& uplink() const { return uplink_; }
    [[nodiscard]] RelayChannel& channel() const { return channel_; }

private:
    [[nodiscard]] RelayAddressRule address_rule() const;
    [[nodiscard]] bool is_reachable(const RelayConfig& relay) const;
    [[nodiscard]] bool is_silent(const RelayConfig& relay) const;
    void note_received(const RelayConfig& relay);
    void ask_resolver();
    void choose(const RelayConfig& relay);
    void choose_source_port(const RelayConfig& relay, const EndpointSelector::View& view);
    void follow_choice(RelayFacts& facts, const std::optional<Candidate>& choice);
    void measure_paths();
    void note_uplinks();
    void network_changed();
    void on_deadline();
    void remind_plain_relays();
    void schedule();

    Context context_;
    Manner manner_;
    NameResolver& resolver_;
    RelayChannel& channel_;
    EgressCache egress_;
    Conditions conditions_;
    std::map<std::string, RelayContact> contacts_;  // by relay, as all that follow
    std::map<std::string, PlainRelay> plain_relays_;
    std::map<std::string, RelayFacts> relays_;
    std::map<std::string, bool> logged_up_;  // what the log said of its tunnel last
    struct Received {
        std::uint64_t bytes = 0;
        Loop::TimePoint at;  // when they were seen to have grown, or were first asked for
    };
    std::map<std::string, Received> received_;
    std::map<std::string, std::uint64_t> tunnel_bytes_;       // at the last tick
    std::map<std::string, bool> traffic_;                     // of the overlay, in the second before it
    std::map<std::string, Loop::TimePoint> suspected_until_;  // its death has to be seen soon
    RelayMemory memory_;
    std::optional<Egress> uplink_;
    std::set<std::string> uplinks_;
    bool renewing_ = false;  // some peer is to be taken away and added anew
    MtuProbe mtu_probe_;
    Alarm contact_;
    Alarm reminder_;
};

}  // namespace ulagate
