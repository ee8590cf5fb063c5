// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/token_bucket.h"
#include "wg/control/message.h"
#include "wg/control/probe_history.h"
#include "wg/control/site_list.h"

namespace ulagate::wg::control {

// What this router is to one of its prefixes, and so what it claims.
enum class ClaimState {
    standby,  // Backup (VRRP): silent; a claim that it had is released
    active,   // claimed
    unfit,    // the LAN side is dead while the tunnel may live: released as long as that is so
    leaving  // not Active any more and going: silent, so that its claim holds until another router's is there
};

struct LanClaim {
    net::Ipv6Prefix prefix;
    ClaimState state = ClaimState::standby;
    std::uint8_t priority = 100;  // VRRP's, with its deductions
    bool operator==(const LanClaim&) const = default;
};

// The relay gives the prefix to another router although we are Active; once for each time we are.
struct ConflictLost {
    net::Ipv6Prefix prefix;
    net::Ipv6Address owner;
    std::uint64_t epoch = 0;  // the owner's
    bool operator==(const ConflictLost&) const = default;
};

// The relay does not have the prefix in our site: the two configurations differ. Once for each time we are
// Active.
struct PrefixRefused {
    net::Ipv6Prefix prefix;
    bool operator==(const PrefixRefused&) const = default;
};

// The relay can or cannot be reached by round trip; silence and goodbye are the two reasons for "cannot".
struct ReachabilityChanged {
    bool alive = false;
    bool goodbye = false;
    bool operator==(const ReachabilityChanged&) const = default;
};

// Another router (or none) owns the prefix now, as the relay says.
struct OwnerLearned {
    Owner owner;
    bool operator==(const OwnerLearned&) const = default;
};

// The relay's list of connected sites is another one, or it does not say any more.
struct SitesLearned {
    std::optional<std::size_t> count;
    bool operator==(const SitesLearned&) const = default;
};

// Another router claimed the prefix beside us, and has stopped, or lost it to us: it was Active too, and
// hosts may have heard it last.
struct Regained {
    net::Ipv6Prefix prefix;
    bool operator==(const Regained&) const = default;
};

// The relay says what cannot be, and is not believed in that; once until it has not for a while.
struct Disbelieved {
    enum class What { epoch, sites };
    What what = What::epoch;
    std::uint64_t epoch = 0;
    bool operator==(const Disbelieved&) const = default;
};

// The relay says that it forwards nothing, or that it does again.
struct ForwardingTold {
    bool forwards = true;
    bool operator==(const ForwardingTold&) const = default;
};

using SessionEvent = std::variant<ConflictLost, PrefixRefused, ReachabilityChanged, OwnerLearned,
                                  SitesLearned, Regained, Disbelieved, ForwardingTold>;

// One sentence without the place: "another router owns fd12:3456:789a:a::/64 with epoch 7: fd99::a2".
std::string to_string(const SessionEvent& event);

struct SessionOutcome {
    std::vector<Packet> send;  // to the relay
    std::vector<SessionEvent> events;
};

// A router's session with one relay of kind ulagate: claims what its LANs are Active for, renews that as a
// lease, and measures the round trip. Nothing else: no socket, clock or log, and no routes.
//
// hello and probe are two exchanges: a hello changes what the relay knows and comes once a second, a probe is
// only sent back and may come more often.
//
// The relay's words cost it nothing, so they are worth something only within bounds: an epoch about our own
// prefixes, and at most kEpochStep above what our caller has kept; lists of sites only when we have asked
// (once a second), within SiteMirror's bounds; a change of owner, a goodbye and a rival that is gone so often
// as the honest have reason to.
class RelaySession {
public:
    static constexpr std::uint64_t kEpochStep = std::uint64_t{1} << 32U;
    static constexpr Duration kDisbelief = std::chrono::minutes{5};

    struct Setup {
        net::Ipv6Address self;    // our tunnel address
        std::uint64_t epoch = 0;  // the highest that a former life may have used; the caller keeps it on disk
        std::uint32_t first_sequence = 0;  // random: the relay tells a new start by it
        std::uint64_t first_probe = 0;     // random: an answer to a former life is not an answer
    };
    explicit RelaySession(const Setup& setup);

    // This epoch is on disk now.
    void set_kept(std::uint64_t epoch) { kept_ = std::max(kept_, std::min(epoch, kMostEpoch)); }
    // The tunnel is there: the first hello and probe go out.
    SessionOutcome start(Now now);
    // All LANs of this router, each time one changes. What is missing is not claimed any more.
    SessionOutcome set_lans(const std::vector<LanClaim>& lans, Now now);
    // Does overlay traffic flow through this relay? Then its death has to be seen sooner.
    SessionOutcome set_traffic(bool flows, Now now);
    // The egress to the relay has changed: a probe leaves at once.
    SessionOutcome probe_now(Now now);
    // The overlay whose connected sites we want to know from the relay; nullopt: there is no choice of
    // relays.
    void want_sites(const std::optional<net::Ipv6Prefix>& overlay);
    // What the relay's address sent.
    SessionOutcome on_packet(const Packet& packet, Now now);
    // `now` may be late; earlier than deadline() it does nothing.
    SessionOutcome on_deadline(Now now);
    // Says goodbye and is silent from then on, until start().
    SessionOutcome stop(Now now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    // Round trips work. False for a relay that never says a word (a plain one): has_answered() is then false
    // too, and the age of the handshake is all there is to go by. One that has said something owes answers to
    // probes, also to the first ones.
    [[nodiscard]] bool alive() const { return probes_.alive(); }
    [[nodiscard]] bool has_answered() const { return has_answered_; }
    [[nodiscard]] std::optional<Duration> round_trip() const { return probes_.last_round_trip(); }
    using Loss = ProbeHistory::Loss;
    [[nodiscard]] Loss loss(TimePoint now) const { return probes_.loss(now); }
    [[nodiscard]] const ProbeHistory& probes() const { return probes_; }
    // Connected to the relay; another object for each change. nullptr: it does not say.
    [[nodiscard]] std::shared_ptr<const SiteSet> sites() const {
        return mirror_ ? mirror_->sites() : nullptr;
    }

    // False: the relay says of itself that what one site sends to another does not get through it.
    [[nodiscard]] bool relay_forwards() const { return forwards_; }
    // The relay hears our key from two places by turns; also for a minute after it last said so, since what
    // it says reaches one of the two machines only.
    [[nodiscard]] bool in_two_places(TimePoint now) const {
        return in_two_places_ && now < *in_two_places_ + std::chrono::minutes{1};
    }
    // As last told by the relay; nullopt: it has not said anything about the prefix.
    [[nodiscard]] std::optional<Owner> owner(const net::Ipv6Prefix& prefix) const;
    // What it said in the last kDisbelief that is not believed.
    [[nodiscard]] std::vector<Disbelieved> disbelieved(TimePoint now) const;
    // As the relay last told it, no router claims the prefix now: we do not, and it names us, or another that
    // it took for us without a claim since our own. False where that cannot be told.
    [[nodiscard]] bool nobody_claims(const net::Ipv6Prefix& prefix) const;
    // The highest epoch used with this relay, or seen in its answers to our claims, to be kept on disk.
    [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
    // What the relay said of itself last, and when: its clock is a floor for ours.
    struct RelayAbout {
        About about;
        TimePoint heard;
        bool operator==(const RelayAbout&) const = default;
    };
    [[nodiscard]] const std::optional<RelayAbout>& relay() const { return relay_; }

    struct Counters {
        std::uint64_t packets = 0;
        std::uint64_t stale = 0;       // overtaken by what says otherwise, or doubled
        std::uint64_t unexpected = 0;  // what only routers send
        std::uint64_t unasked = 0;     // lists of sites
        std::uint64_t too_often = 0;   // goodbyes, rivals that are gone
    };
    [[nodiscard]] const Counters& counters() const { return counters_; }

private:
    // The claim for one LAN, and how far the relay has acknowledged it.
    struct ClaimProgress {
        LanClaim lan;
        std::optional<Owner> owner;                   // as the relay said last
        std::optional<std::uint32_t> owner_sequence;  // the sequence of that message
        std::uint64_t epoch = 0;
        TimePoint state_since;
        unsigned quick_left = 0;
        bool acknowledged = false;
        bool raised = false;                          // went above a higher epoch once
        std::optional<std::uint32_t> first_sequence;  // of the messages that an answer may be to
        std::optional<TimePoint> lost_since;
        bool conflict_reported = false;
        bool refusal_reported = false;
        bool owner_is_news = false;  // another owner, which was not worth an event yet
        std::optional<TimePoint> regained;
    };
    std::uint64_t next_epoch();
    [[nodiscard]] std::uint64_t believable(std::uint64_t epoch) const;
    void disbelieve(Disbelieved what, TimePoint now, SessionOutcome& out);
    void tell_owners(TimePoint now, SessionOutcome& out);
    static void begin(ClaimProgress& claim);
    [[nodiscard]] static bool wants_quick(const ClaimProgress& claim);
    [[nodiscard]] static bool is_silent(const ClaimProgress& claim);
    void send(Message message, SessionOutcome& out);
    void state(const std::vector<ClaimProgress*>& lan_claims, SessionOutcome& out);
    void send_hello(Now now, SessionOutcome& out);
    void send_round(Now now, SessionOutcome& out);
    void send_quick(TimePoint now, SessionOutcome& out);
    void plan_quick(TimePoint now);
    void send_probe(TimePoint now, SessionOutcome& out);
    std::vector<Owner> news_of(const std::vector<Owner>& owners, std::uint32_t sequence, TimePoint now,
                               SessionOutcome& out);
    void on_answer(std::uint32_t answers, const std::vector<Owner>& owners, TimePoint now,
                   SessionOutcome& out);
    void on_lost(ClaimProgress& claim, const Owner& owner, TimePoint now, SessionOutcome& out) const;
    void on_unasked(const std::vector<Owner>& owners, TimePoint now, SessionOutcome& out);
    void on_regained(ClaimProgress& claim, TimePoint now, SessionOutcome& out);
    void on_probe_ack(const ProbeAck& ack, Now now, SessionOutcome& out);
    void on_capabilities(std::uint32_t capabilities, TimePoint now, SessionOutcome& out);
    void on_generation(std::uint64_t generation, TimePoint now, SessionOutcome& out);
    void on_goodbye(std::uint32_t sequence, TimePoint now, SessionOutcome& out);
    void on_sites(const Sites& sites, TimePoint now, SessionOutcome& out);

    net::Ipv6Address self_;
    std::uint64_t epoch_ = 0;
    std::uint64_t kept_ = 0;  // by the caller
    std::uint32_t sequence_ = 0;
    std::uint64_t probe_id_ = 0;
    bool running_ = false;
    std::map<net::Ipv6Prefix, ClaimProgress> claims_;
    std::optional<std::uint32_t> goodbye_;  // its sequence: what was sent before it counts no more
    std::optional<RelayAbout> relay_;
    std::optional<TimePoint> last_hello_;
    std::optional<TimePoint> renew_at_;
    std::optional<TimePoint> quick_at_;
    std::optional<TimePoint> probe_at_;
    std::optional<TimePoint> hello_at_;  // our list of sites is behind
    std::optional<TimePoint> tell_at_;   // owners that are news
    bool asked_ = false;                 // for sites, and no list has come since
    bool traffic_ = false;
    bool has_answered_ = false;
    bool has_spoken_ = false;  // this protocol, whatever it was
    bool forwards_ = true;
    std::optional<TimePoint> in_two_places_;  // told last
    ProbeHistory probes_;
    std::optional<net::Ipv6Prefix> sites_of_;
    std::optional<SiteMirror> mirror_;  // of sites_of_
    Budget news_{12, std::chrono::seconds{4}};
    Budget goodbyes_{3, std::chrono::seconds{20}};
    std::map<Disbelieved::What, std::pair<Disbelieved, TimePoint>> disbelieved_;  // and when last
    Counters counters_;
};

}  // namespace ulagate::wg::control
