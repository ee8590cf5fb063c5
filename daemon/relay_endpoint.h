// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

namespace ulagate {

// Which address of a relay we talk to: from a literal address or from the answers of the resolver, IPv6
// first, only families that have a way out, the next candidate when one brings no handshake. Pure.
class RelayEndpoint {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using HasWay = std::function<bool(const net::IpAddress&)>;

    RelayEndpoint(std::string host, std::uint16_t port);

    // Whether to ask the resolver now; then it counts as asked until on_answer().
    bool ask(TimePoint now);
    void on_answer(const Result<std::vector<net::IpAddress>>& addresses, TimePoint now);
    // Chooses again. `alive`: the tunnel works over the present choice, so keep it while it has a way.
    void choose(const HasWay& has_way, bool alive, TimePoint now);
    void set_port(std::uint16_t port) { port_ = port; }
    // The uplink changed: an unresolved name is asked at once.
    void retry_now();

    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] std::optional<net::Endpoint> endpoint() const;
    [[nodiscard]] const std::string& host() const { return host_; }
    [[nodiscard]] bool is_name() const { return !literal_; }
    // Why there is no endpoint, or why the last resolution failed; empty when all is well.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }

private:
    std::string host_;
    std::uint16_t port_;
    bool literal_ = false;
    bool asked_ = false;
    unsigned failures_ = 0;
    std::optional<TimePoint> ask_at_ = TimePoint{};
    std::vector<net::IpAddress> candidates_;  // IPv6 first
    std::optional<net::IpAddress> chosen_;
    TimePoint tried_since_;
    std::string trouble_;
};

}  // namespace ulagate
