// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/contact.h"

#include <algorithm>

namespace ulagate {
namespace {

constexpr std::uint16_t kSomeKeepalive = 25;  // s; where none is configured, for a moment

}  // namespace

std::optional<net::Endpoint> RelayContact::endpoint() const {
    if (!selector.choice()) return std::nullopt;
    return net::Endpoint{selector.choice()->address, port};
}

std::optional<RelayContact::TimePoint> RelayContact::deadline() const {
    std::optional<TimePoint> next;
    const auto source_due = source ? source->deadline() : std::nullopt;
    for (const auto& due : {addresses.deadline(), selector.deadline(), egress.deadline(), source_due}) {
        if (due && (!next || *due < *next)) next = due;
    }
    return next;
}

void RelayContact::begin_try(const EndpointSelector::Try& how, const wg::Peer* peer) {
    renewed_ = how.renew;
    bytes_before_ = peer != nullptr ? peer->rx_bytes : 0;
}

bool RelayContact::answered(const wg::Peer* peer) const {
    if (peer == nullptr || !selector.choice()) return false;
    if (renewed_) return peer->ever_connected();
    return peer->rx_bytes > bytes_before_ && peer->endpoint &&
           peer->endpoint->address == selector.choice()->address;
}

wg::DeviceChange send_at_once(const wg::PublicKey& key, const net::Endpoint& endpoint,
                              std::uint16_t keepalive_seconds) {
    wg::PeerChange off;
    off.key = key;
    off.update_only = true;
    off.endpoint = endpoint;
    off.keepalive_seconds = 0;
    wg::PeerChange on;
    on.key = key;
    on.update_only = true;
    on.keepalive_seconds = keepalive_seconds != 0 ? keepalive_seconds : kSomeKeepalive;
    wg::DeviceChange change;
    change.peers = {off, on};
    if (keepalive_seconds == 0) {
        on.keepalive_seconds = 0;
        change.peers.push_back(on);
    }
    return change;
}

}  // namespace ulagate
