// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/obstacles.h"
#include "wg/device/key.h"

namespace ulagate {

// Finds, at a relay, two machines that use one router's key: WireGuard answers whoever spoke last, so that
// the endpoint goes back and forth between the two for as long as both run. A router that moves, or whose NAT
// gives it another port, does not come back to where it was, and one that tries another source port for a
// while comes back to one endpoint only. Pure.
class CopiedRouters {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // Where the router with this key was heard last. To be called for each reading of WireGuard's peers.
    void note(const wg::PublicKey& key, const net::Endpoint& endpoint, TimePoint now);
    // Forgets all others.
    void keep_only(const std::set<wg::PublicKey>& configured);

    // Those that are in two places, or were in the last minute.
    [[nodiscard]] std::vector<wg::PublicKey> copied(TimePoint now) const;

    // `name`: what a person calls the router with that key ("a1 (fd99::a1) of site a"). A copy is named for a
    // minute after its last proof.
    using Name = std::function<std::string(const wg::PublicKey&)>;
    [[nodiscard]] std::vector<Obstacle> obstacles(const Name& name, TimePoint now) const;

private:
    static constexpr std::size_t kEndpoints = 4;  // as many machines with one key are told apart
    static constexpr std::size_t kReturns = 2;    // to each of two endpoints, within a minute

    struct Place {
        net::Endpoint endpoint;
        // When the router came back to it from another one, the latest first.
        std::array<std::optional<TimePoint>, kReturns> returns;
    };
    struct Router {
        std::vector<Place> places;  // the current one first
        // The two between which it goes back and forth, and until when they are named.
        std::optional<std::pair<net::Endpoint, net::Endpoint>> both;
        TimePoint until;
    };
    std::map<wg::PublicKey, Router> routers_;
};

}  // namespace ulagate
