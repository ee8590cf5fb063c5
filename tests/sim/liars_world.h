// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "daemon/relays/epoch_memory.h"
#include "wg/control/ownership.h"
#include "wg/control/path_choice.h"
#include "wg/control/peer_relay.h"
#include "wg/control/relay_session.h"
#include "wg/control/site_publisher.h"
#include "wg/control/voices.h"

namespace ulagate::wg::control {

// Who lies: says anything at any rate, on top of what it does honestly. Packets it forwards.
enum class Liar {
    none,
    relay,        // r2, to the routers of all sites
    lists,        // r2, to them: lists without end, whole and in order, so that each is taken
    short_lists,  // the same, each of them not too long
    one_hearer,   // the same, all of them to one router, so that it hears another list each time
    gossip,       // r2, to them: epochs about prefixes of others, also in its answers
    peer_relay,   // r2, to r1, which has a tunnel to it
    router,       // the first router of site 0, to both relays
    lan           // a host on the LAN of site 0: forged messages of relays, and VRRP that goes to and fro
};

// An overlay in virtual time: sites of two routers each, and two relays, with the parts that the daemon
// joins. What happens to it (routers die and come back, links are cut) depends on `seed` alone and what the
// liar says on `lies`, so that two worlds differ in the liar only. It counts for each pair of sites how long
// packets did not arrive, and what the words of others cost each machine.
class LiarWorld {
public:
    static constexpr std::size_t kRelays = 2;
    static constexpr std::size_t kRouters = 2;
    static constexpr Duration kStep = std::chrono::milliseconds{5};
    struct Setup {
        unsigned seed = 1;
        std::size_t sites = 8;
        bool second_relay = true;
        Liar liar = Liar::none;
        unsigned lies = 1;    // the seed of what is said
        unsigned rate = 200;  // messages a second
    };
    explicit LiarWorld(const Setup& setup);
    void run_for(Duration time);
    // From now on r2 says what is true, and r1 has no power: what the lies have left behind is all there is.
    void repent() { repents_ = true; }
    void power_off_first_relay();
    // Losses are counted from now on.
    void count_anew();

    // For how long packets from one site to another did not arrive.
    [[nodiscard]] Duration lost(std::size_t from, std::size_t to) const { return lost_.at({from, to}); }
    // What one machine has been put to.
    struct Cost {
        std::size_t lines = 0;              // of the log
        std::size_t lines_in_a_minute = 0;  // at most
        std::size_t routes = 0;             // at once, beside the default
        std::size_t route_changes = 0;
        std::uint64_t worst_turn = 0;  // entries of lists and paths looked at in one turn of its loop
        std::uint64_t entries = 0;     // read from messages, in all
        std::uint64_t changed = 0;  // entries by which lists differed from those before, of all that counted
        std::uint64_t work = 0;     // entries of lists and paths looked at, in all
    };
    [[nodiscard]] Cost cost_of_router(std::size_t site, std::size_t index) const {
        return routers_.at(site).at(index).cost;
    }
    [[nodiscard]] Cost cost_of_relay(std::size_t relay) const { return relays_.at(relay).cost; }
    [[nodiscard]] std::uint64_t epoch(std::size_t site, std::size_t index, std::size_t relay) const {
        return routers_.at(site).at(index).epochs.reserved(relays_.at(relay).name);
    }
    [[nodiscard]] bool liar_is_r2() const {
        return setup_.liar != Liar::none && setup_.liar != Liar::router && setup_.liar != Liar::lan;
    }
    // Who is named by a relay, or by a router of the sites from `first` on, as saying what cannot be.
    [[nodiscard]] std::vector<std::string> named(std::size_t first = 0) const;
    // Epochs that a relay did not believe, as its log says: one a minute of each router at most.
    [[nodiscard]] std::size_t epochs_refused() const { return epochs_refused_; }
    [[nodiscard]] std::uint64_t lies_told() const { return lies_told_; }
    [[nodiscard]] std::uint64_t forgeries_heard() const { return forgeries_heard_; }

private:
    struct Router {
        net::Ipv6Address address;
        bool up = false;
        bool active = false;
        std::vector<RelaySession> sessions;
        PathChoice choice;
        std::map<net::Ipv6Prefix, std::string> routes;
        EpochMemory epochs;
        Voices voices;
        std::array<std::shared_ptr<const SiteSet>, kRelays> lists;  // as they counted last
        Cost cost;
        std::vector<TimePoint> lines;
    };
    using Site = std::array<Router, kRouters>;
    struct Relay {
        std::string name;
        net::Ipv6Address address;
        bool runs = false;
        Ownership ownership{1};
        std::optional<SitePublisher> publisher;
        std::optional<PeerRelay> peer;
        SitePublisher::Transit transit;
        Voices voices;
        Cost cost;
        std::vector<TimePoint> lines;
    };
    [[nodiscard]] Now both() const { return {now_, UnixTime{}}; }
    [[nodiscard]] net::Ipv6Prefix prefix_of(std::size_t site) const;
    void after(Duration time, std::function<void()> what) {
        events_.emplace(std::tuple{now_ + time, number_++}, std::move(what));
    }
    static void note_line(Cost& cost, std::vector<TimePoint>& lines, TimePoint now);

    // The machines.
    void start(std::size_t site, std::size_t index);
    void stop(std::size_t site, std::size_t index);
    void set_active(std::size_t site, std::size_t index, bool active);
    void act(std::size_t site, std::size_t index, std::size_t relay, SessionOutcome outcome);
    void decide(Router& router, std::size_t site);
    static void note_list(Router& router, std::size_t relay);
    void at_router(std::size_t site, std::size_t index, std::size_t relay, const std::string& interface,
                   const Packet& packet);
    void at_relay(std::size_t relay, std::size_t site, std::size_t index, const Packet& packet);
    void act(std::size_t relay, const Outcome& outcome);
    void act_peer(std::size_t relay, SessionOutcome outcome);
    void at_peer(std::size_t relay, const Packet& packet);
    void step_routers();
    void step_relays();

    // What happens.
    void script();
    void fail_over(std::size_t site);
    void cut(std::size_t site);
    void look();
    [[nodiscard]] bool arrives(std::size_t from, std::size_t to) const;

    // The liar.
    void lie();
    void lie_as_relay();
    void lie_by_lists();
    void lie_by_gossip();
    void lie_as_peer();
    void lie_as_router();
    void lie_on_lan();
    std::uint64_t pick(std::uint64_t low, std::uint64_t high) { return low + lies_() % (high - low + 1); }
    std::uint64_t absurd();
    Message any_word(std::size_t site, std::size_t index);
    Message any_sites(std::uint64_t has);
    std::vector<net::Ipv6Prefix> many(unsigned first, unsigned count);

    Setup setup_;
    std::mt19937_64 random_;
    std::mt19937_64 script_;  // the same in all worlds of a seed
    std::mt19937_64 lies_;
    TimePoint now_{std::chrono::hours{1}};
    TimePoint begin_ = now_;
    std::map<std::tuple<TimePoint, std::uint64_t>, std::function<void()>> events_;
    std::uint64_t number_ = 0;
    std::vector<SiteRow> rows_;
    std::vector<Site> routers_;
    std::array<Relay, kRelays> relays_;
    std::map<net::Ipv6Address, std::pair<std::size_t, std::size_t>> router_of_;
    std::vector<std::array<bool, kRelays>> links_;
    std::map<std::pair<std::size_t, std::size_t>, Duration> lost_;
    std::map<net::Ipv6Address, std::uint32_t> last_sequence_;  // what each router said to r2 last
    std::map<net::Ipv6Address, std::uint64_t> last_probe_;
    std::map<net::Ipv6Address, std::uint64_t> has_list_;
    std::uint64_t peer_has_ = 0;
    // The list that each router is being told, of `lists` and `short_lists`.
    struct Told {
        std::uint64_t generation = 0;
        std::uint64_t number = 0;  // of lists
        std::uint16_t part = 0;
    };
    std::map<net::Ipv6Address, Told> told_;
    std::size_t next_told_ = 0;
    bool repents_ = false;
    std::uint32_t lie_sequence_ = 0x40000000;
    std::uint64_t lies_told_ = 0;
    std::uint64_t forgeries_heard_ = 0;
    std::size_t epochs_refused_ = 0;
    double owed_ = 0;
};

}  // namespace ulagate::wg::control
