// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/kernel/desired.h"
#include "daemon/routers/copied_routers.h"
#include "daemon/routers/memory.h"
#include "daemon/routers/reconnect_schedule.h"
#include "daemon/routers/relay_control.h"
#include "daemon/service/context.h"

namespace ulagate {

// What a relay knows of its routers: which of them owns what, which sites are reached through another
// relay, where the routers are and were before the relay lost its tunnels. Role relay. Owns these facts:
// owners, transit, last_endpoints, reconnecting.
class RouterRegistry {
public:
    RouterRegistry(const Context& context, std::unique_ptr<ControlLink> link);

    // What the file says; before the first set_config().
    void load();
    void set_config();
    // After a restart of ours the routers claim again within a second, and until then the routes that are
    // there say who owns what.
    void adopt();
    // Where the connected routers are, by what was read last.
    void remember_endpoints();
    // Those that were connected before and are not since their peer was made: the relay reaches out to them.
    void find_silent();
    // True: a plan may have something to do about it.
    bool contribute(Facts& facts) const;
    // Each second.
    void tick();
    // Writes the file in any case, and says goodbye to all routers and relays.
    void stop();
    void not_written(const std::string& file);

    [[nodiscard]] RelayControl& control() { return control_; }
    [[nodiscard]] const RelayControl& control() const { return control_; }
    [[nodiscard]] const std::map<net::Ipv6Prefix, std::string>& transit() const { return transit_; }
    [[nodiscard]] const std::map<wg::PublicKey, net::Endpoint>& last_endpoints() const {
        return last_endpoints_;
    }
    // How often a router was heard from another endpoint than before.
    [[nodiscard]] std::uint64_t endpoint_changes(const wg::PublicKey& router) const;

private:
    void move_prefixes(const std::vector<wg::control::OwnerChanged>& moved);
    void take_owners();
    void take_transit();
    void reconnect();
    void keep(bool stopping);
    void name_copied();

    Context context_;
    std::string file_;
    RelayControl control_;
    RouterMemory memory_;
    CopiedRouters copied_;
    ReconnectSchedule schedule_;
    std::map<net::Ipv6Prefix, std::size_t> owners_;
    std::map<net::Ipv6Prefix, std::string> transit_;
    std::map<wg::PublicKey, net::Endpoint> last_endpoints_;
    std::set<wg::PublicKey> reconnecting_;
    std::map<wg::PublicKey, std::uint64_t> endpoint_changes_;
    Alarm reconnect_;
    Alarm adopted_;
};

}  // namespace ulagate
