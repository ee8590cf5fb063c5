// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "wg/device/key.h"

namespace ulagate::wg {

// A session is dead this long after its handshake (REJECT_AFTER_TIME). With a keepalive, a tunnel that works
// renews it before: at the latest 120 s after the handshake, but 120 to 180 s is not a fault yet.
inline constexpr std::chrono::seconds kSessionLife{180};

inline constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
// Of a handshake: system_clock counts nanoseconds in 64 bits; later than this (in the year 2286) it would
// overflow.
inline constexpr std::int64_t kLastSecond = 9'000'000'000;

// One peer as we want it.
struct PeerConfig {
    std::optional<PresharedKey> preshared_key;
    // nullopt: leave it to the peer to come to us (a relay's side), whatever endpoint the device has learnt
    // is right.
    std::optional<net::Endpoint> endpoint;
    std::uint16_t keepalive_seconds = 0;  // 0 = off; WireGuard counts in whole seconds
    std::set<net::IpPrefix> allowed_ips;  // networks, host bits zero
    bool operator==(const PeerConfig&) const = default;
};

// One WireGuard device as we want it.
struct DeviceConfig {
    PrivateKey private_key;
    std::uint16_t listen_port = 0;  // 0 = let the kernel choose, and keep what it chose
    std::map<PublicKey, PeerConfig> peers;
    bool operator==(const DeviceConfig&) const = default;
};

// One peer as the device reports it.
struct Peer {
    bool has_preshared_key = false;
    std::optional<net::Endpoint> endpoint;
    std::uint16_t keepalive_seconds = 0;
    std::set<net::IpPrefix> allowed_ips;
    std::chrono::system_clock::time_point last_handshake;  // the epoch = never
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    bool operator==(const Peer&) const = default;

    [[nodiscard]] bool ever_connected() const {
        return last_handshake != std::chrono::system_clock::time_point{};
    }
    // Its session can still carry packets.
    [[nodiscard]] bool connected(std::chrono::system_clock::time_point now) const {
        return now - last_handshake < kSessionLife;
    }
};

// One WireGuard device as it is. Holds the public key only: the private key that the kernel also reports is
// dropped while parsing.
struct Device {
    std::optional<PublicKey> public_key;  // nullopt: no private key is set
    std::uint16_t listen_port = 0;
    std::uint32_t fwmark = 0;
    std::map<PublicKey, Peer> peers;
    bool operator==(const Device&) const = default;
};

// What to send to the device for one peer. Empty members stay as they are.
struct PeerChange {
    PublicKey key;
    bool remove = false;
    bool update_only = false;  // do not create the peer if it has gone meanwhile
    std::optional<PresharedKey> preshared_key;
    std::optional<net::Endpoint> endpoint;
    std::optional<std::uint16_t> keepalive_seconds;
    // Adding an address that another peer holds moves it without a gap (wg-firewall.md finding 6), so
    // additions are sent alone; removing one is only possible by replacing the list (no portable "remove one"
    // before Linux 6.16).
    bool replace_allowed_ips = false;
    std::set<net::IpPrefix> allowed_ips;
    bool operator==(const PeerChange&) const = default;
};

struct DeviceChange {
    std::optional<PrivateKey> private_key;
    std::optional<std::uint16_t> listen_port;
    std::vector<PeerChange> peers;  // removals last: make before break

    [[nodiscard]] bool empty() const { return !private_key && !listen_port && peers.empty(); }
};

// The smallest change that turns `have` into `want`; empty when there is nothing to do. Never REPLACE_PEERS.
// An endpoint is sent when the peer is new or has another one than wanted. A preshared key cannot be read
// back by every backend, so it is sent when the peer is new or has none.
DeviceChange diff(const DeviceConfig& want, const Device& have);

}  // namespace ulagate::wg
