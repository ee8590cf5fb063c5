// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/token_bucket.h"
#include "wg/control/message.h"
#include "wg/device/key.h"

namespace ulagate::wg::control {

// A claim holds this long, and a router counts as live this long after its last hello, claim or release.
inline constexpr std::chrono::seconds kLease{3};

struct RouterRow {
    net::Ipv6Address address;  // in the tunnel
    PublicKey key;
    std::uint8_t priority = 100;
    bool operator==(const RouterRow&) const = default;
};

// One site as the relay's configuration has it. No two rows share a prefix or an address.
struct SiteRow {
    std::string name;
    std::vector<net::Ipv6Prefix> prefixes;
    std::vector<RouterRow> routers;  // the position is the router index
    bool operator==(const SiteRow&) const = default;
};

// Why a prefix has another owner than before.
enum class Reason { claimed, lease_ended, released, goodbye, configuration };

struct OwnerChanged {
    std::string site;
    net::Ipv6Prefix prefix;
    std::optional<std::size_t> from;  // router indexes; nullopt: the configuration no longer has that router
    std::size_t to = 0;
    Reason reason = Reason::claimed;
    bool operator==(const OwnerChanged&) const = default;
};

// Two routers go on claiming one prefix: each believes it is Active. Once until only one does.
struct ConflictDecided {
    std::string site;
    net::Ipv6Prefix prefix;
    std::size_t winner = 0;  // router indexes
    std::size_t loser = 0;
    bool operator==(const ConflictDecided&) const = default;
};

// A claim or release for a prefix that is not of the sender's site; at most once a minute for each router.
struct ClaimRefused {
    std::string site;  // the sender's
    std::size_t router_index = 0;
    net::Ipv6Prefix prefix;
    bool operator==(const ClaimRefused&) const = default;
};

// Somebody who is not a router of any site; at most once a minute in all.
struct UnknownSenderRefused {
    net::Ipv6Address address;
    bool operator==(const UnknownSenderRefused&) const = default;
};

// A claim with an epoch above kMostEpoch, which counts as 0; at most once a minute for each router.
struct EpochRefused {
    std::string site;
    std::size_t router_index = 0;
    std::uint64_t epoch = 0;
    bool operator==(const EpochRefused&) const = default;
};

// The routers of a site take a prefix from each other so often that it no longer follows every time; at most
// once a minute for each prefix.
struct Restless {
    std::string site;
    net::Ipv6Prefix prefix;
    bool operator==(const Restless&) const = default;
};

using OwnershipEvent =
    std::variant<OwnerChanged, ConflictDecided, ClaimRefused, UnknownSenderRefused, EpochRefused, Restless>;

// One sentence without the place: "fd12:3456:789a:a::/64 moves from router 1 to router 2: claimed".
std::string to_string(const OwnershipEvent& event);

struct Outcome {
    std::vector<Outgoing> send;
    std::vector<OwnershipEvent> events;  // an OwnerChanged for each prefix whose route has to move
};

// The owner of each prefix of each site: the relay's side of claims, leases and fall-backs, and nothing else.
// All of it is soft state: a relay that starts anew hears every claim again within a second.
//
// A live claim beats none; of several the higher (epoch, priority) wins, then the lower key. Without a live
// claim a prefix stays with its owner as long as that is heard and has not released it, then goes to another
// live router of the site, the best priority first; if none is live it stays. A release is not a goodbye:
// for a lease the router is not a fall-back, but it may claim again at once. What nobody has ever claimed
// belongs to the highest configured priority. Router indexes count from 0.
//
// A prefix that is taken to and fro follows at once kQuickMoves times, and then every kMovePrice; meanwhile
// it stays with its owner, as long as that lives: a Backup forwards what reaches it.
//
// An unknown sender makes it allocate nothing. A message costs O(log n) for each prefix of the sender's site.
class Ownership {
public:
    static constexpr std::size_t kQuickMoves = 10;
    static constexpr Duration kMovePrice = std::chrono::seconds{2};
    static constexpr Duration kRemembered = std::chrono::minutes{5};  // what a router said

    // `first_sequence` is random: routers tell a new start of the relay by it.
    explicit Ownership(std::uint32_t first_sequence) : first_sequence_(first_sequence) {}

    // What is still right is kept: a router that has its address, key and site keeps its claims. A router may
    // have another index then: ask for every owner_index() again.
    Outcome set_config(const std::vector<SiteRow>& rows, Now now);
    Outcome on_packet(const net::Ipv6Address& from, const Packet& packet, Now now);
    // `now` may be late; earlier than deadline() it does nothing.
    Outcome on_deadline(Now now);
    // The relay ends: a goodbye to every live router.
    Outcome stop(Now now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    // What each answer says of us: kCannotForward.
    void set_capabilities(std::uint32_t capabilities) { capabilities_ = capabilities; }
    // Routers, by their addresses, whose answers say that two machines have their key.
    void set_in_two_places(std::set<net::Ipv6Address> routers) { in_two_places_ = std::move(routers); }
    // The list of connected sites has this generation now (see SitePublisher); answers carry it.
    void set_sites_generation(std::uint64_t generation) { sites_generation_ = generation; }
    // Until when the sender's site has a live router, if none is heard again; TimePoint::min(): it has none.
    // No prefixes: no router of any site.
    struct Connected {
        std::vector<net::Ipv6Prefix> prefixes;
        TimePoint until = TimePoint::min();
    };
    [[nodiscard]] Connected connected(const net::Ipv6Address& router) const;
    // Whether a router may have a list of sites now: it asks once a second at most. Then it has had one.
    bool may_have_list(const net::Ipv6Address& router, TimePoint now);
    // Another message for a router of ours, with the next number of what it gets.
    void append(const net::Ipv6Address& to, Message message, Outcome& out);

    // nullopt: no prefix of any site, or of a site without routers.
    [[nodiscard]] std::optional<std::size_t> owner_index(const net::Ipv6Prefix& prefix) const;

    // What routers said in the last kRemembered that an honest one has no reason to: names for the status.
    struct Complaint {
        enum class What { foreign_prefix, epoch, restless };
        What what = What::foreign_prefix;
        std::string site;
        std::optional<net::Ipv6Address> router;  // nullopt: any of the site
        net::Ipv6Prefix prefix;                  // the last one; not with an epoch
        bool operator==(const Complaint&) const = default;
    };
    std::vector<Complaint> complaints(TimePoint now);

    // For status.
    struct RouterStatus {
        bool live = false;
        std::optional<TimePoint> last_heard;
        std::optional<About> about;  // of its last hello
        bool operator==(const RouterStatus&) const = default;
    };
    [[nodiscard]] std::optional<RouterStatus> router(const net::Ipv6Address& address, TimePoint now) const;

    struct PrefixStatus {
        std::size_t router_index = 0;
        TimePoint since;
        std::optional<Reason> reason;  // nullopt: never moved
        bool claimed = false;          // by a live claim of the owner
        std::uint64_t epoch = 0;
        bool conflict = false;
        bool operator==(const PrefixStatus&) const = default;
    };
    [[nodiscard]] std::optional<PrefixStatus> prefix(const net::Ipv6Prefix& name, TimePoint now) const;

    struct Counters {
        std::uint64_t packets = 0;
        std::uint64_t stale = 0;            // overtaken by what says otherwise, or doubled
        std::uint64_t unknown_senders = 0;  // not a router of any site
        std::uint64_t refused = 0;          // prefixes claimed or released by who does not own them
        std::uint64_t unexpected = 0;       // answers, which only a relay sends
        std::uint64_t conflicts = 0;
        std::uint64_t moves = 0;      // of prefixes
        std::uint64_t deferred = 0;   // times that a prefix did not follow at once
        std::uint64_t elections = 0;  // of the owner of one prefix
    };
    [[nodiscard]] const Counters& counters() const { return counters_; }

private:
    // What one router says about one prefix.
    struct ClaimRecord {
        std::uint64_t epoch = 0;
        std::uint8_t priority = 0;
        TimePoint claimed_until = TimePoint::min();
        TimePoint released_until = TimePoint::min();
        std::optional<std::uint32_t> sequence;  // of the message that said so
        std::optional<TimePoint> losing_since;  // its claim is renewed though another's won
    };
    struct Router {
        RouterRow row;
        std::optional<TimePoint> last_heard;
        std::optional<std::uint32_t> goodbye;  // its sequence: what was sent before it counts no more
        std::uint32_t next_sequence = 0;       // to be sent
        std::optional<About> about;
        std::optional<TimePoint> refusal_reported;
        std::optional<TimePoint> epoch_reported;
        Budget lists{4, std::chrono::milliseconds{800}};
    };
    struct Prefix {
        net::Ipv6Prefix prefix;
        std::size_t owner = 0;
        TimePoint since;
        std::optional<Reason> reason;
        bool claimed = false;  // the owner's hold is a claim (which may just have ended)
        bool ever_claimed = false;
        std::uint64_t epoch = 0;  // of the last claim that owned it
        bool conflict = false;
        std::vector<ClaimRecord> records;  // by router index
        std::optional<TimePoint> hold_ends;
        Budget moves{kQuickMoves, kMovePrice};
        std::optional<TimePoint> restless_reported;
    };
    struct Site {
        std::string name;
        std::vector<Router> routers;
        std::vector<Prefix> prefixes;
    };
    struct Place {
        std::size_t site = 0;
        std::size_t index = 0;  // of the router (its router index) or of the prefix
        auto operator<=>(const Place&) const = default;
    };
    // Owners that changed in the course of one event, for the routers of their sites.
    using Changes = std::map<std::size_t, std::vector<Owner>>;

    static bool live(const Router& router, TimePoint now);
    static Owner advertised(const Site& site, const Prefix& prefix);
    static std::size_t highest_priority(const Site& site);
    static std::optional<std::size_t> best_claim(const Site& site, const Prefix& prefix, TimePoint now);
    static std::optional<std::size_t> best_live(const Site& site, const Prefix& prefix,
                                                std::optional<std::size_t> except, TimePoint now);

    void on_hello(const Hello& hello, Place from, Now now, Outcome& out, Changes& changes);
    void on_claim(const Claim& claim, Place from, std::uint32_t sequence, TimePoint now, Outcome& out,
                  Changes& changes);
    void on_release(const Release& release, Place from, std::uint32_t sequence, TimePoint now, Outcome& out,
                    Changes& changes);
    void on_goodbye(Place from, std::uint32_t sequence, TimePoint now, Outcome& out, Changes& changes);
    std::vector<Prefix*> news_of(const std::vector<net::Ipv6Prefix>& named, Place from,
                                 std::uint32_t sequence, TimePoint now, Outcome& out);
    void judge_conflict(const Site& site, Prefix& prefix, std::size_t router_index, TimePoint now,
                        Outcome& out);

    void settle_site(std::size_t site, Reason why, TimePoint now, Outcome& out, Changes& changes);
    void elect(Place place, Reason why, TimePoint now, Outcome& out, Changes& changes);
    void move(Place place, std::optional<std::size_t> from, std::size_t to, Reason why, TimePoint now,
              Outcome& out, Changes& changes);
    void watch_hold(Place place, std::optional<TimePoint> move_at, TimePoint now);
    std::uint64_t sane(std::uint64_t epoch, Place from, TimePoint now, Outcome& out);
    void complain(Complaint complaint, TimePoint now);

    void answer(const std::vector<net::Ipv6Prefix>& named, Place to, std::uint32_t sequence, Outcome& out);
    void announce(const Changes& changes, TimePoint now, Outcome& out);
    void send_owners(Router& to, std::span<const Owner> owners, std::optional<std::uint32_t> answers,
                     Outcome& out) const;
    [[nodiscard]] std::uint32_t capabilities_told(const Router& to) const;
    static void send(Router& to, Message message, Outcome& out);

    Router carried_over(const RouterRow& row) const;
    Prefix carried_over(const net::Ipv6Prefix& name, const std::vector<RouterRow>& routers,
                        std::optional<std::size_t>& owner) const;
    void adopt(Place place, bool known, std::optional<std::size_t> owner, TimePoint now, Outcome& out,
               Changes& changes);
    std::optional<Place> place_of_router(const net::Ipv6Address& address) const;
    std::optional<Place> place_of_prefix(const net::Ipv6Prefix& prefix) const;

    std::uint32_t first_sequence_;
    std::uint64_t sites_generation_ = 0;
    std::uint32_t capabilities_ = 0;
    std::set<net::Ipv6Address> in_two_places_;
    std::vector<Site> sites_;
    std::map<net::Ipv6Address, Place> routers_;
    std::map<net::Ipv6Prefix, Place> prefixes_;
    std::set<std::pair<TimePoint, Place>> holds_;  // when the hold of an owner ends unless it is heard again
    std::optional<TimePoint> unknown_sender_reported_;
    // By what and whom; with when it was last so.
    std::map<std::tuple<Complaint::What, std::string, std::optional<net::Ipv6Address>>,
             std::pair<Complaint, TimePoint>>
        complaints_;
    Counters counters_;
};

}  // namespace ulagate::wg::control
