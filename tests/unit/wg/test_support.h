// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <random>
#include <string>

#include "tests/unit/text_values.h"
#include "wg/device/device.h"

// What the tests of this folder share: readable values, a model of a device, random configurations.
namespace ulagate::wg::test {

inline PublicKey key(unsigned number) {
    PublicKey out;
    out.bytes[0] = static_cast<std::uint8_t>(number);
    out.bytes[1] = static_cast<std::uint8_t>(number >> 8U);
    out.bytes[31] = 0x11;  // never all zero
    return out;
}

inline Secret::Bytes secret_bytes(unsigned number) {
    Secret::Bytes bytes{};
    bytes.fill(static_cast<std::uint8_t>(number));
    return bytes;
}

// fd00:0:<n>::/64, and 10.x.y.z/32 beside them.
inline net::IpPrefix numbered_prefix(unsigned number) {
    net::Ipv6Prefix out = prefix("fd00::/64");
    for (std::size_t i = 0; i < 4; ++i) {
        out.address.bytes.at(4 + i) = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    }
    return out;
}
inline net::IpPrefix numbered_v4(unsigned number) {
    return net::Ipv4Prefix{
        net::Ipv4Address{{10, static_cast<std::uint8_t>(number >> 16U),
                          static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)}},
        32};
}

// What both the kernel and wireguard-go do with a change: one peer after the other, and a prefix belongs to
// the peer that got it last. `on_step` sees the device after each of them.
template <class OnStep>
Device apply_to_model(Device device, const DeviceChange& change, OnStep on_step) {
    if (change.private_key) {
        device.public_key = change.private_key->public_key();
        device.peers.erase(*device.public_key);
    }
    if (change.listen_port) device.listen_port = *change.listen_port;
    for (const PeerChange& step : change.peers) {
        if (step.remove) {
            device.peers.erase(step.key);
            on_step(device);
            continue;
        }
        if (device.public_key == step.key) continue;
        if (step.update_only && !device.peers.contains(step.key)) continue;
        Peer& peer = device.peers[step.key];
        if (step.preshared_key) peer.has_preshared_key = *step.preshared_key != PresharedKey{};
        if (step.endpoint) peer.endpoint = step.endpoint;
        if (step.keepalive_seconds) peer.keepalive_seconds = *step.keepalive_seconds;
        if (step.replace_allowed_ips) peer.allowed_ips.clear();
        for (const auto& address : step.allowed_ips) {
            for (auto& [other_key, other] : device.peers) other.allowed_ips.erase(address);
            peer.allowed_ips.insert(address);
        }
        on_step(device);
    }
    return device;
}

inline Device apply_to_model(const Device& device, const DeviceChange& change) {
    return apply_to_model(device, change, [](const Device&) {});
}

// Up to 12 peers that share a small pool of prefixes, so that two of these differ by moves as well.
inline DeviceConfig random_config(std::mt19937& random) {
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    DeviceConfig config;
    config.private_key = PrivateKey{secret_bytes(1 + below(3))};
    config.listen_port = below(3) == 0 ? 0 : static_cast<std::uint16_t>(51820 + below(2));
    for (unsigned peer = 0; peer < 12; ++peer) {
        if (below(3) == 0) continue;
        PeerConfig& out = config.peers[key(peer)];
        if (below(2) == 0) out.preshared_key = PresharedKey{secret_bytes(7)};
        if (below(2) == 0) out.endpoint = endpoint(below(2) == 0 ? "192.0.2.1:51820" : "[2001:db8::1]:1");
        if (below(2) == 0) out.keepalive_seconds = 25;
    }
    if (config.peers.empty()) return config;
    for (unsigned number = 0; number < 30; ++number) {
        if (below(4) == 0) continue;
        auto owner = config.peers.begin();
        std::advance(owner, below(static_cast<unsigned>(config.peers.size())));
        owner->second.allowed_ips.insert(number % 3 == 0 ? numbered_v4(number) : numbered_prefix(number));
    }
    return config;
}

}  // namespace ulagate::wg::test
