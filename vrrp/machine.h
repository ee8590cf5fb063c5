// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/base/address.h"
#include "vrrp/packet.h"
#include "vrrp/time.h"

namespace ulagate::vrrp {

struct Config {
    std::uint8_t vrid = 1;
    std::uint8_t priority = 100;  // 1..254, or 255: the owner of the address
    Centiseconds interval{100};   // 1..4095
    bool preempt = true;          // take over from a lower priority
    Duration preempt_delay{0};    // but only when we have been ready for so long
    Duration start_delay{0};      // stay in Init for so long
    net::Ipv6Address address;     // the virtual router's link-local
    bool operator==(const Config&) const = default;
};

enum class State : std::uint8_t { init, backup, active };
std::string_view to_string(State state);  // "init", "backup", "active"

// Put one advertisement on the wire now: Machine::advertisement(priority).
struct SendAdvertisement {
    std::uint8_t priority = 0;
    bool operator==(const SendAdvertisement&) const = default;
};
// The virtual address is ours from now on: hold it, and tell the neighbours (unsolicited advertisements).
struct TakeAddress {
    bool operator==(const TakeAddress&) const = default;
};
// It is not ours any more: remove it, and fall silent about it.
struct ReleaseAddress {
    bool operator==(const ReleaseAddress&) const = default;
};
// Tell the neighbours again that the address is ours: another router had claimed it at the same time and
// has stopped now, and some of them may have believed it.
struct Announce {
    bool operator==(const Announce&) const = default;
};
// The state changed. The reason is in words: "no advertisement for 361 ms", "fe80::2 has priority 200".
struct Changed {
    State from = State::init;
    State to = State::init;
    std::string reason;
    bool operator==(const Changed&) const = default;
};

// What another router of the virtual router is configured to and we are not (RFC 9568 section 7.1, 8.3.2).
enum class Difference : std::uint8_t { interval, addresses, owner };
// For the log, which limits the rate: it comes with every advertisement that differs. Whose first address is
// another one is not a router of ours (see OtherVirtualRouter).
struct Differs {
    Difference what = Difference::interval;
    std::string text;  // "fe80::2 advertises every 1 s, we every 100 ms"
    bool operator==(const Differs&) const = default;
};

using Action = std::variant<SendAdvertisement, TakeAddress, ReleaseAddress, Announce, Changed, Differs>;
using Actions = std::vector<Action>;  // to be done in this order

// The router that was heard last.
struct Peer {
    net::Ipv6Address address;
    std::uint8_t priority = 0;  // 0: it has stopped
    Centiseconds interval{0};
    TimePoint when;
    bool operator==(const Peer&) const = default;
};

// Uses our VRID on this link for another virtual address, so that it is not a partner: the first address is
// the virtual router's link-local (RFC 9568 section 5.2.9), which is what hosts know it by, and to give way
// to who does not hold ours would leave it to nobody. RFC 9568 section 7.1 has us log that only; RFC 3768
// section 7.1 and keepalived ignore such advertisements as well.
struct OtherVirtualRouter {
    Peer who;
    std::optional<net::Ipv6Address> address;  // its first
    bool operator==(const OtherVirtualRouter&) const = default;
};

struct Transition {
    State from = State::init;
    State to = State::init;
    TimePoint when;
    std::string reason;
    bool operator==(const Transition&) const = default;
};

// Active_Down_Interval and Skew_Time of RFC 9568 section 6.1, not rounded to centiseconds.
Duration skew_time(std::uint8_t priority, Centiseconds active_interval);
Duration down_interval(std::uint8_t priority, Centiseconds active_interval);

// The VRRPv3 state machine of RFC 9568 section 6.4 and nothing else: no socket, clock or log. Values out of
// range in a Config are brought into it, as are those of set_priority().
//
// One thing more: who comes and goes all the time is damped. Each time that it comes it is followed, as
// section 6.4.3 demands, for two routers must not be Active beside each other. But when it has taken the
// Active state from us three times in ten seconds, a Backup waits for its return as long as with the RFC's
// usual interval of a second; and when routers said three times in ten seconds that they stop, the next such
// word does not hurry us. So ten seconds see three take-overs by silence and three by words at the most, or
// one in three seconds.
class Machine {
public:
    explicit Machine(Config config);

    // The interface is up and has the link-local address to advertise from; stop() when that ends.
    Actions start(TimePoint now);
    // Active: says so with one advertisement of priority 0. Others: nothing is sent.
    Actions stop(TimePoint now, std::string reason = "stopped");
    // `from` is the packet's source, `self` the address that we advertise from.
    Actions on_advertisement(const Advertisement& advertisement, const net::Ipv6Address& from,
                             const net::Ipv6Address& self, TimePoint now);
    // `now` may be late by any time: it acts once. Read what waits in the socket first, for an advertisement
    // that lies there moves the deadline. Earlier than deadline() it does nothing.
    Actions on_deadline(TimePoint now);
    // Same vrid and address; for others make a new Machine. What set_priority() took off stays off.
    Actions set_config(Config config, TimePoint now);
    // The priority after deductions. An Active router tells the others at once.
    Actions set_priority(std::uint8_t effective, TimePoint now);
    // The address has left us while we were Active (its lease ran out): to Backup, and nothing is said, as
    // another router may be Active by now.
    Actions lease_lost(TimePoint now, std::string reason);

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] TimePoint since() const { return since_; }
    [[nodiscard]] std::uint8_t priority() const { return priority_; }
    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] const std::optional<Peer>& peer() const { return peer_; }
    // Who is Active beside us and goes on being so for a second, though it has heard us or should have: an
    // advertisement or two cross at every hand-over. Nothing unless we are Active.
    [[nodiscard]] std::optional<Peer> rival(TimePoint now) const;
    // Heard within its own down interval, three seconds at least.
    [[nodiscard]] std::optional<OtherVirtualRouter> other_virtual_router(TimePoint now) const;
    // Who took the Active state from us three times in ten seconds, as it did last; for twenty seconds.
    [[nodiscard]] std::optional<Peer> restless(TimePoint now) const;
    // How long silence must last until this router takes over, unless it did so too often.
    [[nodiscard]] Duration down_interval() const;
    // The last 16, oldest first.
    [[nodiscard]] const std::deque<Transition>& transitions() const { return transitions_; }
    [[nodiscard]] Advertisement advertisement(std::uint8_t priority) const;

private:
    class LastTimes {
    public:
        void note(TimePoint now);
        [[nodiscard]] bool often(TimePoint now) const;  // three times in ten seconds

    private:
        std::array<std::optional<TimePoint>, 3> when_;
    };

    void begin(TimePoint now, std::string reason, Actions& actions);
    void become_active(TimePoint now, std::string reason, Actions& actions);
    void change(State to, TimePoint now, std::string reason, Actions& actions);
    void send(TimePoint now, Actions& actions);
    void learn(const Advertisement& advertisement);
    void hear_as_backup(const Advertisement& advertisement, const net::Ipv6Address& from, TimePoint now);
    void hear_as_active(const Advertisement& advertisement, const net::Ipv6Address& from, bool larger_address,
                        TimePoint now, Actions& actions);
    [[nodiscard]] Duration patience(TimePoint now) const;
    bool obeys(const Advertisement& advertisement, const net::Ipv6Address& from, TimePoint now);
    Actions assume_priority(int priority, bool announce, TimePoint now);
    [[nodiscard]] std::string why_active(TimePoint now) const;
    [[nodiscard]] Actions differences(const Advertisement& advertisement, const net::Ipv6Address& from) const;

    Config config_;
    std::uint8_t priority_ = 100;  // config_.priority less the deductions
    State state_ = State::init;
    TimePoint since_;
    Centiseconds active_interval_{100};      // Active_Adver_Interval: learned while Backup
    std::optional<TimePoint> timer_;         // start delay, Active_Down_Timer or Adver_Timer
    std::optional<TimePoint> rival_silent_;  // when a second Active router counts as gone
    std::optional<Peer> rival_;              // as last heard
    TimePoint rival_since_;                  // since when there has been one
    std::optional<OtherVirtualRouter> other_virtual_router_;
    LastTimes changes_;      // Active to Backup, because of an advertisement
    LastTimes stops_;        // of one to whom we had given way
    bool gave_way_ = false;  // and nobody has stopped since
    std::optional<Peer> restless_;
    std::optional<TimePoint> preempt_from_;  // from when on a lower priority is not obeyed
    std::optional<Peer> peer_;
    std::deque<Transition> transitions_;
};

}  // namespace ulagate::vrrp
