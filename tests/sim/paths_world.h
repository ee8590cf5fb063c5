// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "wg/control/ownership.h"
#include "wg/control/path_choice.h"
#include "wg/control/peer_relay.h"
#include "wg/control/relay_session.h"
#include "wg/control/remote_probe.h"
#include "wg/control/site_publisher.h"

namespace ulagate::wg::control {

inline constexpr Duration kLook =
    std::chrono::milliseconds{100};  // how often it is looked at what the sites reach

// An overlay in virtual time: the routers of many sites and three relays, each of the parts that the daemon
// joins, and between them the links of every site to every relay, which can be cut (each direction), lose and
// delay. It looks at every decision of every router when it is made, and at what all pairs of sites are left
// with ten times a second, and notes what must not be.
class PathWorld {
public:
    static constexpr std::size_t kRelays = 3;
    // How long two sites may be without a path though one has worked all the time.
    static constexpr Duration kActiveBudget = std::chrono::milliseconds{6500};  // with traffic: they probe
    static constexpr Duration kIdleBudget = std::chrono::seconds{15};           // without: the relays' lists
    static constexpr Duration kTransitBudget = std::chrono::seconds{15};        // from relay to relay
    // What works stays for so long.
    static constexpr Duration kSiteHold = std::chrono::seconds{10};
    static constexpr Duration kDefaultHold = std::chrono::seconds{30};

    // `linked`: there is a tunnel between any two relays.
    PathWorld(unsigned seed, std::size_t sites, bool linked = false);

    std::uint64_t draw(std::uint64_t low, std::uint64_t high) { return low + random_() % (high - low + 1); }
    bool chance(unsigned percent) { return random_() % 100 < percent; }
    [[nodiscard]] TimePoint now() const { return now_; }
    void after(Duration time, std::function<void()> what);
    void run_for(Duration time);

    struct Link {
        bool to_relay = true;
        bool to_site = true;
        unsigned loss = 0;  // percent, each way
        Duration delay = std::chrono::milliseconds{10};
        // Set by the world.
        TimePoint changed = TimePoint::min();
        std::optional<TimePoint> good_since;  // both ways, with the relay, and without loss
    };
    [[nodiscard]] const Link& link(std::size_t site, std::size_t relay) const {
        return edges_.at(site).links.at(relay);
    }
    void set_link(std::size_t site, std::size_t relay, const Link& link);
    void power_off(std::size_t relay);
    void stop(std::size_t relay);  // says goodbye
    void start(std::size_t relay);
    void talk(std::size_t a, std::size_t b);
    void fall_silent(std::size_t a, std::size_t b);

    [[nodiscard]] const PathChoice& choice(std::size_t site) const { return edges_.at(site).choice; }
    [[nodiscard]] const net::Ipv6Prefix& prefix(std::size_t site) const { return edges_.at(site).prefix; }
    // How often the path of one site to another was another one.
    [[nodiscard]] unsigned moves(std::size_t from, std::size_t to) const {
        return edges_.at(from).to.at(to).moves;
    }
    [[nodiscard]] unsigned default_moves(std::size_t site) const { return edges_.at(site).default_moves; }

    // The lists cannot know of a link that works one way only.
    bool judge_idle = true;
    std::vector<std::string> faults;
    Duration worst_active{};
    Duration worst_idle{};
    Duration worst_transit{};
    std::uint64_t turned_back = 0;  // packets that had come from a relay and would have gone to a relay
    std::uint64_t events = 0;

private:
    struct Remote {
        std::string relay;
        std::optional<TimePoint> moved;
        unsigned moves = 0;
        std::optional<TimePoint> active_since;   // traffic flows
        std::optional<TimePoint> silent_since;   // none any more
        std::optional<TimePoint> without_since;  // a path
        TimePoint looked_at;
    };
    struct Edge {
        net::Ipv6Prefix prefix;
        net::Ipv6Address address;
        std::vector<RelaySession> sessions;
        PathChoice choice;
        RemoteProbe probe{1};
        std::array<Link, kRelays> links;
        std::vector<Remote> to;
        std::string by_default;
        std::optional<TimePoint> default_moved;
        unsigned default_moves = 0;
        PathChoice::Input input;
        std::optional<TimePoint> alarm;
    };
    struct RelayNode {
        std::string name;
        bool runs = false;
        TimePoint changed = TimePoint::min();
        std::optional<TimePoint> says_since;  // which sites are connected
        Ownership ownership{1};
        std::optional<SitePublisher> publisher;
        std::map<std::size_t, PeerRelay> peers;
        std::optional<TimePoint> alarm;
    };
    struct Event {
        TimePoint at;
        std::uint64_t number = 0;
        std::function<void()> what;
        bool operator<(const Event& other) const {
            return std::tie(other.at, other.number) < std::tie(at, number);
        }
    };
    [[nodiscard]] Now both() const { return {now_, UnixTime{}}; }
    static std::size_t relay_number(const std::string& name);

    void to_relay(std::size_t site, std::size_t relay, std::function<void()> arrives);
    void to_site(std::size_t site, std::size_t relay, std::function<void()> arrives);
    void act(std::size_t site, std::size_t relay, SessionOutcome outcome);
    void act(RelayNode& node, std::size_t relay, const Outcome& outcome);
    void act_peer(std::size_t relay, std::size_t peer, SessionOutcome outcome);
    void look_elsewhere(std::size_t relay);
    std::optional<std::size_t> last_relay(std::size_t relay, std::size_t to);
    void at_relay(std::size_t site, std::size_t relay, const Packet& packet);
    void decide(std::size_t site);
    void watch(std::size_t site);
    void send_probes(std::size_t site, const RemoteProbe::Outcome& outcome);
    void asked(std::size_t from, std::size_t to, std::size_t relay, const Packet& probe);
    void tick(std::size_t site);
    void wake(std::size_t site);
    void set_alarm(std::size_t site);
    void set_alarm(RelayNode& node, std::size_t relay);

    // --- what must not be ---
    void note_moves(std::size_t site);
    static bool surely_good(const PathChoice::Input& input, const net::Ipv6Prefix& site,
                            const std::string& relay);
    static bool surely_bad(const PathChoice::Input& input, const net::Ipv6Prefix& site,
                           const std::string& relay);
    void note_unannounced(std::size_t site);
    void note_links(std::size_t relay);
    void look_at_pairs();
    void look_at(std::size_t from, std::size_t to);
    void judge_transit(std::size_t from, std::size_t to, TimePoint begin);
    [[nodiscard]] std::optional<TimePoint> bad_since(std::size_t site, std::size_t relay, bool up) const;
    [[nodiscard]] bool arrives(std::size_t from, std::size_t to);
    void fault(const std::string& what);

    std::mt19937_64 random_;
    TimePoint now_{std::chrono::hours{1}};
    std::priority_queue<Event> events_;
    std::uint64_t number_ = 0;
    bool linked_;
    std::vector<SiteRow> rows_;
    std::map<net::Ipv6Address, std::size_t> site_of_;  // by tunnel address, and by <site>::1
    std::vector<Edge> edges_;
    std::array<RelayNode, kRelays> relays_;
    unsigned looks_ = 0;
};

}  // namespace ulagate::wg::control
