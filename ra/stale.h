// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "ra/option.h"

// How hosts are made to forget what an option has told them.
namespace ulagate::ra {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// RFC 4862 section 5.5.3 (e): a host does not believe an unauthenticated shorter one, so this is how fast a
// prefix can go.
inline constexpr Seconds kShortestBelievedLifetime{7200};

// The options as hosts keep them: one prefix, route, DNS server or search domain each, without those that
// hosts do not keep.
std::vector<Option> subjects(const std::vector<Option>& options);

// The prefix, route or name the host would keep under the same name, whatever else the options say.
bool same_subject(const Option& a, const Option& b);
bool has_subject(const std::vector<Option>& options, const Option& subject);

// For how long hosts keep it; nullopt: they have no such thing for it.
std::optional<Seconds> lifetime_of(const Option& option);

// Set to its end of life: what tells hosts to forget it. False for options of which hosts keep nothing.
bool expire(Option& option);

// What was advertised and is not any more, as it was.
struct Stale {
    Option option;    // one of subjects()
    TimePoint until;  // who has heard it last has forgotten it by then
    bool operator==(const Stale&) const = default;
};

// What a router has advertised and does not any more. Hosts that have slept have not heard that it is gone,
// so it is said again: of prefixes in every advertisement until the last host has forgotten them (RFC 9096
// section 3.5), of the rest in the quick advertisements after a change and to whoever asks. 256 things at
// most; of more the oldest are forgotten, prefixes last.
class StaleList {
public:
    // However long it was to live: for so long, not for ever, hosts are told that it is gone.
    static constexpr std::chrono::hours kLongest{30 * 24};

    // These (of subjects()) are not advertised from now on; hosts may keep them for their whole lifetime.
    void add(const std::vector<Option>& gone, TimePoint now);
    void add(const Stale& stale, TimePoint now);
    // Advertised (again).
    void remove(const std::vector<Option>& advertised);
    void clear() { known_.clear(); }
    // Prefixes that are on another link now, or at another site. Of these hosts are told a valid lifetime of
    // 0: an address they keep for two hours in spite of it (RFC 4862 section 5.5.3 (e)), but the prefix is
    // not on their link from then on (RFC 4861 section 6.3.4), and its hosts are found through a router.
    // True: what options() says is other than before.
    bool set_elsewhere(std::vector<net::Ipv6Prefix> prefixes);

    // What an advertisement says of it now.
    [[nodiscard]] std::vector<Option> options(bool prefixes_only, TimePoint now) const;
    [[nodiscard]] std::vector<Stale> all() const;

private:
    struct Known {
        Stale stale;
        TimePoint valid_until;  // a prefix: its valid lifetime runs down to here
    };
    std::vector<Known> known_;
    std::vector<net::Ipv6Prefix> elsewhere_;
};

}  // namespace ulagate::ra
