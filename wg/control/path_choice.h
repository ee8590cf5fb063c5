// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "wg/control/site_list.h"

namespace ulagate::wg::control {

// Through which relay each site is reached: one for all of them, the default, and exceptions. Values in,
// decision out; who measures and who moves routes is elsewhere.
//
// The default is left at once when it dies, for the best that lives. For one that is only better it is left
// late and seldom. A site leaves the default alone when it cannot be reached there but can elsewhere, and
// comes back when that has been good for a while, which doubles each time that it was not good for long. A
// relay that itself uses transit is taken for a site only when no other has it, and left when one has had it
// for a while.
//
// A relay's list may be long, and a lie. Long ones are compared in slices: deadline() is then `now`, so that
// the caller's loop has its turn in between. A site without traffic leaves the default only while there is
// room: kMostIdle of them for each relay, so that what one says takes no room from another; who gets traffic
// leaves at once.
class PathChoice {
public:
    static constexpr std::size_t kMostIdle = 256;
    static constexpr std::size_t kSlice = 2048;  // sites that are looked at in one turn

    struct Relay {
        std::string name;
        bool alive = false;
        std::optional<Duration> round_trip;    // smoothed
        std::shared_ptr<const SiteSet> sites;  // reached through it; nullptr: it does not say
        bool forwards = true;  // false: it says that what we send to other sites does not get through it
    };
    using SiteAndRelay = std::pair<net::Ipv6Prefix, std::string>;
    struct Input {
        std::vector<Relay> relays;  // in the order of the configuration, which settles what is equal
        // What end-to-end probes say: works, or does not. Nothing is known of what is not in here.
        std::map<SiteAndRelay, bool> end_to_end;
        std::set<net::Ipv6Prefix> active_prefixes;  // remote /64s with traffic
        std::set<net::Ipv6Prefix> own;              // never a remote site
    };
    struct Path {
        std::string relay;
        TimePoint since;
        std::string why;  // "r1 does not answer"
        bool operator==(const Path&) const = default;
    };

    // What carried everything before a restart of ours. It goes on, and is given a second to answer before
    // another one that does takes over.
    void adopt(const std::string& relay, TimePoint now);
    // Decides anew. True: a path is another one now.
    bool update(const Input& input, TimePoint now);
    // When the same input would lead to something else.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }

    // How many entries of lists and paths have been looked at, in all: what the relays' words have cost.
    [[nodiscard]] std::uint64_t work() const { return work_; }

    // Its relay is "" only without any relay.
    [[nodiscard]] const Path& default_path() const { return default_; }
    [[nodiscard]] const std::map<net::Ipv6Prefix, Path>& exceptions() const { return exceptions_; }
    [[nodiscard]] const Path& path_to(const net::Ipv6Prefix& site) const;

private:
    // Sorted by site.
    using Noted = std::vector<std::pair<net::Ipv6Prefix, TimePoint>>;
    struct Memory {
        TimePoint alive_since;
        bool alive = false;
        std::optional<TimePoint> better_since;  // than the default
        // Sites that another relay has and this one has not.
        Noted absent_since;
        // Sites that it has only in transit, while a relay that we know too has them.
        Noted transit_since;
    };
    using Lists = std::vector<std::pair<std::string, std::shared_ptr<const SiteSet>>>;  // by relay
    // Of the lists that are compared now, how far we are.
    struct Comparison {
        std::vector<net::Ipv6Prefix> all;
        std::size_t next = 0;
        std::vector<Noted> absent;  // by relay, as in the lists
        std::vector<Noted> transit;
    };
    // A site that is away from the default, or was not long ago.
    struct Site {
        Duration hold{};                      // how long the default has to be good
        std::optional<TimePoint> good_since;  // the default, for it
        TimePoint moved;                      // the last change of its path
        std::optional<TimePoint> returned;    // to the default
    };

    void leave_who_forwards_nothing();
    void note_relays(TimePoint now);
    void note_lists(TimePoint now);
    void compare_slice(Comparison& comparison, TimePoint now) const;
    [[nodiscard]] std::set<net::Ipv6Prefix> suspects(TimePoint now);
    void judge_idle(TimePoint now);
    [[nodiscard]] bool is_active(const net::Ipv6Prefix& site) const;
    [[nodiscard]] bool has_room(const std::string& relay) const;
    [[nodiscard]] std::vector<const Relay*> with_room() const;
    void count_exceptions();
    static const TimePoint* find(const Noted& noted, const net::Ipv6Prefix& site);
    static const Noted::value_type* covering(const Noted& noted, const net::Ipv6Prefix& site);
    void choose_default(TimePoint now);
    void set_default(const std::string& relay, std::string why, TimePoint now);
    void note_better(TimePoint now);
    [[nodiscard]] bool is_better(const Relay& candidate, const Relay& than) const;
    [[nodiscard]] const Relay* best_of(const std::vector<const Relay*>& candidates) const;
    void keep_where_they_are(const std::string& before, TimePoint now);
    enum class Traffic { some, none };
    bool judge_default(const net::Ipv6Prefix& site, Traffic traffic, TimePoint now);
    void judge_exception(const net::Ipv6Prefix& site, TimePoint now);
    void leave_default(const net::Ipv6Prefix& site, const std::string& to, std::string why, TimePoint now);
    void return_to_default(const net::Ipv6Prefix& site, TimePoint now);
    void forget_old_sites(TimePoint now);

    [[nodiscard]] const Relay* find(const std::string& name) const;
    [[nodiscard]] bool is_dead(const net::Ipv6Prefix& site, const std::string& relay) const;
    // When the site may leave the relay for one that has it; nullopt: it is not in transit, or the only path.
    [[nodiscard]] std::optional<TimePoint> transit_ends(const net::Ipv6Prefix& site,
                                                        const std::string& relay) const;
    std::string reason_to_leave(const net::Ipv6Prefix& site, const std::string& relay, TimePoint now);
    [[nodiscard]] std::string fault_of_relay(const std::string& relay) const;
    // Why the site cannot be reached through the relay; "": it can, as far as we know.
    [[nodiscard]] std::string fault(const net::Ipv6Prefix& site, const std::string& relay,
                                    TimePoint now) const;
    [[nodiscard]] const Relay* best_for(const net::Ipv6Prefix& site, const std::string& except) const;
    void wake_at(TimePoint when, TimePoint now);

    Input input_;
    std::map<std::string, Memory> memory_;  // by relay
    Lists lists_;                           // compared, or being so
    std::optional<Comparison> comparison_;
    std::map<std::string, std::size_t> idle_;  // exceptions without traffic, by their relay
    std::size_t next_idle_ = 0;                // of the default's noted sites, when there are many
    std::optional<TimePoint> idle_from_;       // when they are looked at from the start again
    std::uint64_t work_ = 0;
    Path default_;
    bool any_lived_ = false;                  // of the defaults so far
    std::optional<TimePoint> adopted_until_;  // the default is from a former life
    std::map<net::Ipv6Prefix, Path> exceptions_;
    std::map<net::Ipv6Prefix, Site> sites_;
    std::optional<TimePoint> deadline_;
    bool changed_ = false;
};

}  // namespace ulagate::wg::control
