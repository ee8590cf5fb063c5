// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/kernel/desired.h"
#include "daemon/lan/advertised_memory.h"
#include "daemon/lan/check.h"
#include "daemon/lan/task.h"
#include "daemon/relays/edge_control.h"
#include "daemon/service/context.h"
#include "daemon/service/relay_connections.h"
#include "daemon/service/shutdown.h"

namespace ulagate {

// The LANs of an edge: one task each, what their hosts were told before a restart, what they know of the
// daemon and what follows from theirs. Owns the fact active_lans.
class Lans {
public:
    // What the LANs need of the other parts.
    struct Neighbours {
        EdgeControl& control;
        const RelayConnections& relays;
        const Shutdown& shutdown;
        // The virtual routers that are ours, by the LAN's interface: after each look at all of them.
        std::function<void(const std::set<std::string>&)> active;
    };
    Lans(const Context& context, Neighbours neighbours, LanSockets::Open open);

    // What the file says; before the first set_config().
    void load();
    // Who was not in the former configuration learns what its hosts were told before a restart.
    void set_config();
    // What the LANs have become: which virtual addresses are ours, and what the relays are to know.
    void take_states();
    // What the LANs are to know of the kernel and of the relays, after a plan.
    void update();
    bool contribute(Facts& facts) const;
    // The first thing in each second. After a stall the LANs look first: the kernel may have removed an
    // address meanwhile, and another router may have it.
    void renew_leases();
    // Each second: what is heard there and what the relays say.
    void check();
    void keep();
    void not_written(const std::string& file);
    // Another router was Active beside us on the LAN with this prefix, and is not any more.
    void announce_again(const net::Ipv6Prefix& prefix);

    void hand_over();
    void withdraw();
    // Every LAN has said what it had to.
    [[nodiscard]] bool silent() const;
    // The relays and the hosts have a successor, for every LAN.
    [[nodiscard]] bool handed_over() const;
    // Of VRRP advertisements.
    [[nodiscard]] std::chrono::milliseconds longest_interval() const;

    // Whether no LAN needs its sockets to be opened anew.
    [[nodiscard]] bool work() const;
    [[nodiscard]] const std::set<std::string>& active() const { return active_; }
    [[nodiscard]] const std::vector<std::unique_ptr<LanTask>>& all() const { return lans_; }

private:
    void recall(LanTask& lan);
    [[nodiscard]] bool same_link(const LanTask& before, const LanConfig& after) const;
    [[nodiscard]] bool is_elsewhere(const net::Ipv6Prefix& prefix) const;
    void on_change();
    bool take_over();
    [[nodiscard]] bool handed_over(const LanRouter& lan) const;
    [[nodiscard]] std::vector<Deduction> deductions(const LanConfig& lan) const;
    [[nodiscard]] AdvertisedMemory::WallTime wall_clock() const;

    Context context_;
    Neighbours neighbours_;
    LanSockets::Open open_;
    std::vector<std::unique_ptr<LanTask>> lans_;
    std::vector<std::unique_ptr<LanTask>> former_;  // not in the configuration any more; until they are done
    std::set<std::string> active_;                  // by interface
    AdvertisedMemory memory_;
    LanCheck check_;
    bool take_over_posted_ = false;
};

}  // namespace ulagate
