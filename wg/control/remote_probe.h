// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wg/control/path_choice.h"
#include "wg/control/probe_history.h"

namespace ulagate::wg::control {

// Probe and probe-ack between the Active routers of two sites, both ways through the same relay.
inline constexpr std::uint16_t kRemotePort = 51818;
// Sent with 255; a relay takes one, and two of them are on the way at most.
inline constexpr int kRemoteHopLimit = 253;

// Where a remote site's Active router answers: <site>::1 of its first /64.
net::Ipv6Address active_router_of(const net::Ipv6Prefix& site);

// Measures whether sites can be reached end to end, over the relay in use and over the others, so
// that the alternative is known when that relay fails. Only towards sites with live traffic, and no more than
// kMaxSites of them.
//
// A site that never answered may run an older version or be firewalled, so it is not counted as unreachable.
class RemoteProbe {
public:
    static constexpr std::size_t kMaxSites = 64;

    // `first_id` is random: an answer to a former life is not an answer.
    explicit RemoteProbe(std::uint64_t first_id) : next_id_(first_id) {}

    struct Send {
        std::string relay;
        net::Ipv6Address to;
        Packet packet;
    };
    struct Outcome {
        std::vector<Send> send;
        bool changed = false;  // end_to_end() says something else
    };
    using PathOf = std::function<std::string(const net::Ipv6Prefix&)>;

    // The sites (/64s) with traffic now, the relays that live, and which of them carries each site. What is
    // in neither list is forgotten.
    Outcome set(const std::vector<net::Ipv6Prefix>& active_prefixes, const std::vector<std::string>& relays,
                const PathOf& path_of, TimePoint now);
    Outcome on_answer(const std::string& relay, const net::Ipv6Address& from, const ProbeAck& ack,
                      TimePoint now);
    // `now` may be late; earlier than deadline() it does nothing.
    Outcome on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    // Works, or (three probes in a row without an answer) does not.
    [[nodiscard]] std::map<PathChoice::SiteAndRelay, bool> end_to_end() const;

    struct Path {
        ProbeHistory history;
        TimePoint next;
        bool current = false;
    };
    struct Site {
        bool answered = false;  // once, over any relay
        std::map<std::string, Path> paths;
    };
    [[nodiscard]] const std::map<net::Ipv6Prefix, Site>& sites() const { return sites_; }

private:
    void send_due(TimePoint now, Outcome& out);
    static Duration interval(const Path& path);
    [[nodiscard]] static std::optional<bool> works(const Site& site, const Path& path);

    std::uint64_t next_id_;
    std::uint32_t sequence_ = 0;
    std::map<net::Ipv6Prefix, Site> sites_;
};

}  // namespace ulagate::wg::control
