// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "daemon/kernel/desired.h"
#include "daemon/routers/replay_policy.h"
#include "daemon/service/context.h"
#include "daemon/service/router_registry.h"
#include "wg/device/handshake_watch.h"

namespace ulagate {

// What a relay does for a router whose clock went back, and whose handshakes WireGuard takes for a replay:
// its peer is removed and added again. Watches handshakes that come in. Role relay. Owns the fact
// renew_peers.
class ReplayRecovery {
public:
    ReplayRecovery(const Context& context, RouterRegistry& routers) : context_(context), routers_(routers) {}

    void set_config();
    // A handshake initiation came to the device of a router index.
    void on_initiation(const net::Endpoint& from, std::size_t router_index);
    // Each second: adds the peers again whose handshake initiations are ignored.
    void tick();
    bool contribute(Facts& facts) const;
    // The peers have been taken away; true if there were any, so that they come anew.
    bool taken_away() { return !std::exchange(renew_, {}).empty(); }

private:
    struct Watch {
        wg::HandshakeWatch socket;
        std::unique_ptr<Readable> readable;
    };
    void take_initiations(std::size_t which);
    [[nodiscard]] ReplayPolicy::Peer peer(const RouterConfig& config, std::size_t router_index) const;
    [[nodiscard]] ReplayPolicy::Now now() const { return {context_.loop.now(), context_.loop.wall_clock()}; }

    Context context_;
    RouterRegistry& routers_;
    ReplayPolicy policy_;
    std::vector<Watch> watches_;
    std::pair<std::uint16_t, std::uint16_t> watched_ports_{0, 0};  // the first, how many
    std::set<wg::PublicKey> renew_;
};

}  // namespace ulagate
