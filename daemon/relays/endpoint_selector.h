// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/ip_family.h"
#include "daemon/kernel/rtnl/state.h"

namespace ulagate {

// One of the relay's addresses, and the uplink that leads there: the one that the routing table says, or
// another default route of this machine, to which an endpoint route keeps it.
struct Candidate {
    net::IpAddress address;
    std::optional<Uplink> via;
    bool operator==(const Candidate&) const = default;
};

// Chooses which of a relay's addresses is used: the candidates are tried one after the other until one
// completes a handshake. Pure.
//
// This is kin to Happy Eyeballs (RFC 8305): both families by turns, the preferred one first, with little
// patience in the first round. It is not Happy Eyeballs: a WireGuard peer has one endpoint, so attempts
// cannot overlap, and a completed handshake does not prove that full-sized packets get through.
//
// WireGuard sends an initiation at most every 5 s a peer (REKEY_TIMEOUT); a peer that is removed and added
// again may send at once. So a try is: the peer anew with the endpoint, and some time for the answer, short
// at first and longer in each round.
//
// A new peer costs what its session could still carry, so it is not the first thing to do when a relay stops
// answering probes: it may only be its daemon that is restarted, while WireGuard goes on. Or the path has
// died somewhere: the session works by any other, too.
class EndpointSelector {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // How it is now.
    struct View {
        std::vector<net::IpAddress> addresses;  // the most wanted first
        // By the routing table, without our endpoint routes; nullopt: there is no route.
        std::function<std::optional<Uplink>(const net::IpAddress&)> own_uplink;
        // Other default routes that could be taken instead.
        std::function<std::vector<Uplink>(const net::IpAddress&)> other_uplinks;
        std::optional<Candidate> in_use;  // of the peer in the kernel; nullopt: there is no session
        bool may_send = true;             // else silence says nothing against a candidate
        bool alive = false;               // the tunnel works
        bool answered = false;            // since the try began, something authentic came from its address
        bool traffic = false;             // the overlay uses the tunnel now
        bool answers_probes = false;      // a candidate can be tried without a new handshake
        std::chrono::milliseconds round_trip{0};  // as last measured
    };
    struct Try {
        bool renew = false;  // the peer is to be made anew; else its session lives on with the new endpoint
        bool operator==(const Try&) const = default;
    };

    // A winner of former days, and the addresses that the relay had then.
    void remember(std::optional<net::IpAddress> winner, std::vector<net::IpAddress> addresses);
    // nullopt: all stays as it is. Else choice() is to be tried from now on.
    std::optional<Try> update(const View& view, TimePoint now);
    // The network under it has changed: tries begin anew, and what is preferred gets a chance.
    void network_changed(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }

    [[nodiscard]] const std::optional<Candidate>& choice() const { return choice_; }
    // The last address that answered.
    [[nodiscard]] const std::optional<net::IpAddress>& winner() const { return winner_; }
    // Of all candidates, in vain, since the tunnel worked or the network changed.
    [[nodiscard]] unsigned rounds() const { return round_; }
    // The tunnel works, and only a better candidate is being looked at.
    [[nodiscard]] bool on_trial() const { return fallback_.has_value(); }

private:
    [[nodiscard]] static std::vector<Candidate> candidates(const View& view);
    [[nodiscard]] static bool usable(const Candidate& candidate, const View& view);
    [[nodiscard]] bool is_new(const net::IpAddress& address) const;
    [[nodiscard]] const Candidate* best(const std::vector<Candidate>& field) const;
    void rest(const std::vector<Candidate>& field, const View& view);
    std::optional<Try> settle(const std::vector<Candidate>& field, const View& view, TimePoint now);
    std::optional<Try> judge_trial(const View& view, TimePoint now);
    std::optional<Try> search(const std::vector<Candidate>& field, const View& view, TimePoint now);
    std::optional<Try> first(const std::vector<Candidate>& field, const View& view, TimePoint now);
    std::optional<Try> next_gentle(const std::vector<Candidate>& field, const View& view, TimePoint now);
    std::optional<Try> next(const std::vector<Candidate>& field, TimePoint now);
    void begin_try(const Candidate& candidate, TimePoint until);
    [[nodiscard]] std::chrono::milliseconds patience() const;
    void forget_tries();

    std::optional<Candidate> choice_;
    std::optional<net::IpAddress> winner_;
    std::vector<net::IpAddress> known_;  // the addresses when the tunnel came to work: others are newer
    // Whether the choice is still being looked for, and how.
    enum class Search {
        none,
        gentle,  // with the session that there is, which may still be worth something
        anew,    // each try with a new session
    };
    Search search_ = Search::none;
    bool settled_ = false;             // the tunnel worked over the choice
    bool rested_ = false;              // nothing was sent to the choice so far
    bool answered_ = false;            // the choice did; the tunnel is about to work
    std::vector<Candidate> tried_;     // in this round
    std::vector<net::IpAddress> met_;  // tried since the search began, or the network changed
    unsigned round_ = 0;
    std::optional<Candidate> fallback_;  // of a trial
    std::optional<TimePoint> trial_at_;  // nullopt: there is no better candidate
    std::optional<TimePoint> deadline_;
};

}  // namespace ulagate
