// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/address.h"
#include "daemon/relays/addresses.h"
#include "daemon/relays/egress_monitor.h"
#include "daemon/relays/endpoint_selector.h"
#include "daemon/relays/source_port.h"
#include "wg/device/device.h"

namespace ulagate {

// All about where one relay is: the addresses of its name, the one in use, the egress to it. Pure.
struct RelayContact {
    using TimePoint = std::chrono::steady_clock::time_point;

    RelayContact(std::string host, std::uint16_t relay_port) : addresses(std::move(host)), port(relay_port) {}

    RelayAddresses addresses;
    EndpointSelector selector;
    EgressMonitor egress;
    std::uint16_t port;
    std::optional<SourcePort> source;  // of an edge

    [[nodiscard]] std::optional<net::Endpoint> endpoint() const;
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    // A try begins; `peer`: as it is before.
    void begin_try(const EndpointSelector::Try& how, const wg::Peer* peer);
    // Since then something authentic has come from the address that is tried. WireGuard takes an address for
    // the peer's when a packet from there has proved itself.
    [[nodiscard]] bool answered(const wg::Peer* peer) const;

private:
    bool renewed_ = true;
    std::uint64_t bytes_before_ = 0;
};

// What makes WireGuard forget the source address it used last, and send at once. The same endpoint again does
// the first, and a keepalive that begins does the second.
wg::DeviceChange send_at_once(const wg::PublicKey& key, const net::Endpoint& endpoint,
                              std::uint16_t keepalive_seconds);

}  // namespace ulagate
