// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/address.h"
#include "wg/control/message.h"

namespace ulagate::wg::control {

// The relay's list of sites: which prefixes have a live router here, and which only at another relay that it
// has a tunnel to, under a number that counts its changes. Routers read that number in every answer and ask
// (hello) when theirs is another one, so nothing has to be sent to all. Changes are gathered for a moment,
// the last ones are remembered, and who is further behind gets the whole list.
//
// A relay that has just started says nothing until its routers had the time to come back: a list that lacks
// half of them would send their traffic elsewhere.
class SitePublisher {
public:
    struct Setup {
        net::Ipv6Prefix overlay;
        // Random, not 0 and below 2^63: a new start must differ from the former life, and never come round.
        std::uint64_t first_generation = 1;
    };
    SitePublisher(const Setup& setup, TimePoint now);

    // A router of the site with these prefixes was heard, which counts until then; until <= now: the site has
    // no live router any more.
    void set_connected(std::span<const net::Ipv6Prefix> prefixes, TimePoint until, TimePoint now);
    // What other relays have, and which of them to take. It counts for sites that are not connected here.
    using Transit = std::map<net::Ipv6Prefix, std::string>;
    void set_elsewhere(const Transit& elsewhere, TimePoint now);
    // `now` may be late; earlier than deadline() it does nothing.
    void on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    // 0: does not say yet.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    // What one with that generation lacks: nothing, the change, or the whole list. Also nothing while too
    // much has been sent in the last second; it will ask again. Another relay never hears of transit: it
    // would send to us what we send to it.
    enum class Asker { router, relay };
    std::vector<Sites> answer(std::uint64_t has, TimePoint now, Asker asker = Asker::router);

    // Those that are connected here; and the others, with the relay that is taken. As the list says, which
    // is a moment behind.
    [[nodiscard]] const std::set<net::Ipv6Prefix>& published() const { return published_; }
    [[nodiscard]] const Transit& transit() const { return transit_; }

private:
    struct Entry {
        TimePoint until;
        bool watched = false;  // has its place in ends_
    };
    void touch(const net::Ipv6Prefix& prefix, bool connected, TimePoint now);
    void commit(TimePoint now);
    bool settle(const net::Ipv6Prefix& prefix, TimePoint now);
    [[nodiscard]] Sites changes_since(std::uint64_t generation, Asker asker) const;  // 0: all
    [[nodiscard]] bool remembers(std::uint64_t generation) const;

    net::Ipv6Prefix overlay_;
    std::uint64_t first_generation_;
    std::uint64_t generation_ = 0;
    TimePoint started_;
    std::map<net::Ipv6Prefix, Entry> entries_;              // connected now
    std::set<std::pair<TimePoint, net::Ipv6Prefix>> ends_;  // when to look whether an entry is still
    std::set<net::Ipv6Prefix> published_;
    Transit elsewhere_;
    Transit transit_;                    // published
    std::set<net::Ipv6Prefix> touched_;  // may be other than published
    std::optional<TimePoint> commit_at_;
    std::deque<std::vector<net::Ipv6Prefix>>
        log_;                 // what changed, by generation; the last one is the present
    std::size_t logged_ = 0;  // prefixes in it
    // The answers of this generation, by what they follow: after a restart thousands of routers get the same.
    std::map<std::pair<std::uint64_t, Asker>, std::vector<Sites>> prepared_;
    TimePoint paid_until_;  // of the budget for sending
};

}  // namespace ulagate::wg::control
