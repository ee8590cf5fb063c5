// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/replay_recovery.h"

#include <map>
#include <string>

#include "daemon/base/log.h"
#include "daemon/service/assign.h"

namespace ulagate {

void ReplayRecovery::set_config() {
    const std::pair ports{context_.config.tunnel.listen_port,
                          static_cast<std::uint16_t>(router_index_count(context_.config))};
    if (ports == watched_ports_) return;
    watched_ports_ = ports;
    watches_.clear();
    for (const wg::Family family : {wg::Family::ipv6, wg::Family::ipv4}) {
        auto socket = wg::HandshakeWatch::open(family, ports.first, ports.second);
        if (!socket) {
            log::warning("clock", "{}, continuing without it", socket.error().text());
            continue;
        }
        const std::size_t which = watches_.size();
        auto readable = Readable::watch(context_.loop, socket->native_handle(),
                                        [this, which] { take_initiations(which); });
        if (readable) {
            watches_.push_back({std::move(*socket), std::move(*readable)});
        } else {
            log::warning("clock", "{}, continuing without it", readable.error().text());
        }
    }
}

void ReplayRecovery::take_initiations(std::size_t which) {
    const auto came = watches_.at(which).socket.receive();
    if (!came) {
        log::debug("clock", "{}", came.error().text());
        return;
    }
    for (const auto& initiation : *came)
        on_initiation(initiation.from, static_cast<std::size_t>(initiation.port - watched_ports_.first));
}

void ReplayRecovery::on_initiation(const net::Endpoint& from, std::size_t router_index) {
    policy_.on_initiation(from, router_index, now());
}

ReplayPolicy::Peer ReplayRecovery::peer(const RouterConfig& config, std::size_t router_index) const {
    ReplayPolicy::Peer out;
    out.router_index = router_index;
    out.key = config.public_key;
    const auto last = routers_.last_endpoints().find(config.public_key);
    out.known = last != routers_.last_endpoints().end();
    if (out.known) out.endpoint = last->second;
    const wg::Peer* peer =
        find_peer(context_.reconciler.have(), router_interface(router_index), config.public_key);
    if (peer != nullptr) {
        if (peer->endpoint) out.endpoint = peer->endpoint;
        out.known |= peer->ever_connected();
        out.last_handshake = peer->last_handshake;
        // A handshake in the future was before this machine's own clock went back, and says nothing.
        const auto time = context_.loop.wall_clock();
        out.live = peer->connected(time) && peer->last_handshake <= time;
    }
    // Who speaks the control protocol is known to be gone within seconds, and not only when its session ends.
    const auto router = routers_.control().ownership().router(config.address, context_.loop.now());
    if (router && router->last_heard) out.live = router->live;
    return out;
}

void ReplayRecovery::tick() {
    if (!policy_.is_due(context_.loop.now())) return;
    Stale stale;
    stale.tunnels = true;
    context_.reconciler.mark(stale);
    if (const auto read = context_.reconciler.refresh(); !read) return;  // the next tick reports it
    routers_.remember_endpoints();
    std::vector<ReplayPolicy::Peer> peers;
    std::map<wg::PublicKey, std::string> names;
    for (const SiteConfig& site : context_.config.sites) {
        for (std::size_t router_index = 0; router_index < site.routers.size(); ++router_index) {
            peers.push_back(peer(site.routers[router_index], router_index));
            names[site.routers[router_index].public_key] = site.routers[router_index].node;
        }
    }
    std::string who;
    for (const wg::PublicKey& key : policy_.judge(peers, now())) {
        renew_.insert(key);
        who += (who.empty() ? "" : ", ") + names[key];
    }
    if (renew_.empty()) return;
    log::notice("clock",
                "WireGuard ignores handshakes, probably because a router's clock went back: re-adding {}",
                who);
    context_.turn.reconcile();  // which makes them anew when they are gone
}

bool ReplayRecovery::contribute(Facts& facts) const { return assign(facts.renew_peers, renew_); }

}  // namespace ulagate
