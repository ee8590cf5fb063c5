// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/kernel/desired.h"
#include "daemon/kernel/rtnl/state.h"
#include "daemon/lan/address_claims.h"
#include "daemon/lan/former_sources.h"
#include "daemon/lan/overlay_route.h"
#include "daemon/lan/send_watch.h"
#include "ra/advertiser.h"
#include "ra/watch.h"
#include "vrrp/machine.h"
#include "vrrp/neighbor.h"
#include "vrrp/packet.h"

namespace ulagate {

// What happened on one LAN since the start, for status.
struct LanCounters {
    std::uint64_t advertisements_sent = 0;
    std::uint64_t send_errors = 0;
    std::uint64_t solicitations_received = 0;
    std::uint64_t advertisements_received = 0;  // other routers'
    std::uint64_t refused = 0;                  // what RFC 4861 section 6.1 says to discard
    std::uint64_t vrrp_sent = 0;
    std::uint64_t vrrp_received = 0;
    vrrp::RefusalCounters vrrp_refused;
    std::uint64_t replies_unresolved = 0;  // which a multicast made up for
};

// Why this router is worth less than configured now.
struct Deduction {
    std::string reason;  // "no relay can be reached"
    std::uint8_t amount = 0;
    bool operator==(const Deduction&) const = default;
};

// Put this VRRP advertisement on the wire.
struct SendVrrp {
    net::Ipv6Address source;
    vrrp::Advertisement message;
    bool operator==(const SendVrrp&) const = default;
};
// Tell all neighbours that this address is here (unsolicited Neighbor Advertisement).
struct SendNeighbor {
    net::Ipv6Address address;
    net::MacAddress link_address;
    // By the LAN's interface, and not by the one that the virtual address is on (sending_interface()).
    bool from_own_interface = false;
    bool operator==(const SendNeighbor&) const = default;
};

using LanAction = std::variant<ra::Send, SendVrrp, SendNeighbor, vrrp::Changed, vrrp::Differs, ra::Notice>;
using LanActions = std::vector<LanAction>;  // to be done in this order

// One LAN of the router: VRRP, Neighbor Discovery and Router Advertisements as one machine. Only the Active
// router holds the virtual address, tells the neighbours, and advertises, all following from one transition;
// a hand-over is not a shutdown. Without [lan.vrrp] the router speaks from the interface's own address.
// Pure: the link's facts, packets and time come in, actions go out.
class LanRouter {
public:
    using TimePoint = ra::TimePoint;
    static constexpr std::size_t kSmallestMtu = 1280;  // RFC 8200 section 5
    static constexpr std::size_t kMostHeld = 8;        // addresses that are watched

    LanRouter(LanConfig config, ra::Random random);

    // Why nothing is heard on this LAN (no sockets, no multicast groups); empty: it is. Before set_links().
    void set_deaf(std::string why) { deaf_ = std::move(why); }
    // The links as they are now. The address that we hold is used as soon as it appears there.
    // `settings` of the LAN's interface (daemon/kernel/desired.h: settings_of_others) say why it has no
    // address.
    LanActions set_links(const Links& links, const Addresses& addresses, TimePoint now,
                         const Sysctls& settings = {});
    LanActions set_config(LanConfig config, TimePoint now);
    LanActions set_deductions(std::vector<Deduction> deductions, TimePoint now);
    // No relay can be reached.
    LanActions set_isolated(bool isolated, TimePoint now);
    // The kernel forwards.
    LanActions set_forwarding(bool forwarding, TimePoint now);
    // For lifetimes that end at a point in time.
    void set_wall_clock(std::chrono::system_clock::time_point wall, TimePoint now) {
        advertiser_.set_wall_clock(wall, now);
    }
    // What hosts of this LAN were told before a restart.
    void recall(const std::vector<ra::Stale>& stale, TimePoint now) { advertiser_.recall(stale, now); }
    // And from which addresses. Of those that are not the sending one any more it is taken back.
    void recall_sources(std::vector<net::Ipv6Address> told_from) { recalled_ = std::move(told_from); }
    // From which address hosts of this LAN have their routes, as far as we know; for the memory on disk.
    [[nodiscard]] std::optional<net::Ipv6Address> told_from() const;
    // `is_elsewhere` knows whether a prefix that was this LAN's is at another site now.
    LanActions follow_prefixes(const std::function<bool(const net::Ipv6Prefix&)>& is_elsewhere,
                               TimePoint now);
    LanActions on_icmpv6(std::span<const std::byte> message, const ra::PacketInfo& info, TimePoint now);
    // A host's link-layer address could not be found out, so its unicast answer did not reach it.
    void on_unresolved(const net::Ipv6Address& host, TimePoint now);
    // `now` may be late: read what waits in the socket before on_deadline() (CONFORMANCE V-39).
    LanActions on_vrrp(std::span<const std::byte> packet, const vrrp::PacketInfo& info, TimePoint now);
    LanActions on_deadline(TimePoint now);
    // Another router shall take over: the address is given up, and hosts are told nothing.
    LanActions hand_over(TimePoint now);
    // Hosts may have heard of another router meanwhile: tells them anew where the virtual address is.
    LanActions announce_again(TimePoint now);
    // The site leaves: hosts are told, unless another router takes over. Done when done().
    LanActions withdraw(TimePoint now);
    // This LAN has been taken out of the configuration: as withdraw(), but the address goes at once.
    LanActions leave(TimePoint now);
    [[nodiscard]] bool done() const { return !deadline(); }
    // When another router was first heard as Active after hand_over() or withdraw().
    [[nodiscard]] std::optional<TimePoint> taken_over() const { return taken_over_; }
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    // The virtual address (and <site>::1) is to be on sending_interface(), leased.
    [[nodiscard]] bool wants_address() const;
    // It has just been put there for kAddressLease.
    void address_renewed(TimePoint now) { leased_until_ = now + kAddressLease; }
    // Where RAs and VRRP advertisements go out, and the virtual address is: the LAN's interface, or the
    // macvlan with the virtual MAC.
    [[nodiscard]] std::string sending_interface() const { return ulagate::sending_interface(config_); }

    void sent(const LanAction& action, TimePoint now);
    // Too many in a row, and another router is to take over: this one is mute.
    void send_failed(const LanAction& action, const std::string& error, TimePoint now);

    [[nodiscard]] const LanConfig& config() const { return config_; }
    [[nodiscard]] const LanCounters& counters() const { return counters_; }
    [[nodiscard]] const std::optional<ra::Source>& source() const { return source_; }
    [[nodiscard]] std::optional<TimePoint> last_sent() const { return last_sent_; }
    // Why we are silent on this LAN, in words; empty when we advertise.
    [[nodiscard]] const std::string& waiting_for() const { return waiting_for_; }
    // The LAN cannot carry anything: no link, no carrier, no address of its own; or we are deaf or mute
    // there.
    [[nodiscard]] bool link_dead() const { return !self_ || silenced_; }
    // Of what was sent last and did not leave; empty: all is well.
    [[nodiscard]] const std::string& send_error() const { return sends_.error(); }
    // Why the last packet that we discarded was discarded.
    [[nodiscard]] const std::string& last_refusal() const { return last_refusal_; }
    // The interface whose words of ours are heard here: another LAN of this router, or this one.
    [[nodiscard]] std::optional<std::string> own_voice(TimePoint now) const;
    // The other routers on the link, as far as they advertise.
    [[nodiscard]] const ra::Watch& watch() const { return watch_; }
    // Of this router on this LAN, those that hosts know best first: whoever else claims one is contradicted.
    [[nodiscard]] std::vector<net::Ipv6Address> held_addresses() const;
    // Who claims one of them.
    [[nodiscard]] std::vector<AddressClaims::Claim> claims(TimePoint now) const {
        return claims_.standing(now);
    }
    // The one that speaks from our address while we do.
    [[nodiscard]] std::optional<ra::Sender> split_brain(TimePoint now) const;
    // Nothing without [lan.vrrp].
    [[nodiscard]] const vrrp::Machine* machine() const { return machine_ ? &*machine_ : nullptr; }
    [[nodiscard]] const std::vector<Deduction>& deductions() const { return deductions_; }
    [[nodiscard]] const ra::Advertiser& advertiser() const { return advertiser_; }
    // Why hosts are told that there is no route; empty: they have it.
    [[nodiscard]] std::string route_withdrawn() const { return to_string(route_state_); }

private:
    // How it ends; once it does, it is never Active again.
    enum class Exit {
        none,
        handing_over,  // another router is to take over; hosts are told nothing
        withdrawing,   // the site leaves, and hosts are told
        removed,       // the same, because the LAN was taken out of the configuration
    };
    [[nodiscard]] static std::string reason_of(Exit exit);  // why, in words; "" for none
    [[nodiscard]] bool leaving() const { return exit_ != Exit::none; }

    [[nodiscard]] std::string find_link_problem(const Links& links) const;
    [[nodiscard]] std::string why_mute() const;
    void follow_sends(TimePoint now, LanActions& out);
    [[nodiscard]] bool has_own_mac(const ra::RouterAdvertisement& advertisement) const;
    bool is_own_voice(const net::Ipv6Address& source, TimePoint now);
    void give_up_source(const net::Ipv6Address& address, TimePoint now);
    [[nodiscard]] std::string why_no_link_local(const Addresses& addresses, const Sysctls& settings) const;
    [[nodiscard]] std::optional<ra::Source> find_source(const Links& links, const Addresses& addresses);
    [[nodiscard]] std::uint8_t effective_priority() const;
    void check_lease(TimePoint now, LanActions& out);
    void compare(const ra::RouterAdvertisement& theirs, const net::Ipv6Address& from, TimePoint now,
                 LanActions& out);
    void follow_addresses(const Addresses& addresses);
    void on_claim(const ra::NeighborAdvertisement& advertisement, const ra::PacketInfo& info, TimePoint now,
                  LanActions& out);
    void take(const vrrp::Actions& actions, TimePoint now, LanActions& out);
    void announce(LanActions& out) const;
    void end_final_ra(TimePoint now);
    LanActions withdraw_for(Exit why, TimePoint now);
    void follow_route(TimePoint now, LanActions& out);
    void advertise(std::vector<ra::Send>&& advertisements, LanActions& out) const;
    [[nodiscard]] std::optional<net::Ipv6Address> own_link_local(const Addresses& addresses) const;

    LanConfig config_;
    OverlayRoute route_;
    RouteState route_state_ = RouteState::full;  // as hosts are told
    ra::Advertiser advertiser_;
    ra::Watch watch_;
    std::optional<vrrp::Machine> machine_;
    vrrp::Announcer announcer_;
    std::vector<Deduction> deductions_;
    std::optional<net::Ipv6Address> self_;  // the interface's own link-local address, while the link works
    std::optional<net::MacAddress> mac_;    // the interface's
    std::optional<ra::Source> source_;      // from where we advertise
    TimePoint sending_since_;               // from there
    // Without [lan.vrrp]: the address that we advertised from last.
    std::optional<net::Ipv6Address> spoke_from_;
    FormerSources former_;
    std::vector<net::Ipv6Address> recalled_;                 // for former_, as soon as the link works
    std::map<net::Ipv6Address, std::string> own_addresses_;  // link-local, of all interfaces
    std::set<net::MacAddress> own_macs_;                     // of all interfaces
    struct Held {
        net::Ipv6Address address;
        bool is_virtual = false;
    };
    std::vector<Held> held_;
    AddressClaims claims_;
    struct OwnVoice {
        std::string interface;
        TimePoint heard;
    };
    std::optional<OwnVoice> own_voice_;
    std::size_t mtu_ = kSmallestMtu;         // of the sending interface
    std::optional<TimePoint> leased_until_;  // the virtual address, as last put
    std::optional<TimePoint> final_ra_at_;   // withdrawn; nobody has taken over yet
    std::optional<TimePoint> drained_at_;    // withdrawn; another has taken over, and all know it by then
    std::optional<TimePoint> taken_over_;
    std::optional<TimePoint> last_sent_;
    LanCounters counters_;
    SendWatch sends_;
    bool silenced_ = false;  // mute, and others are to take over
    std::string deaf_;
    std::string waiting_for_;
    std::string last_refusal_;
    Exit exit_ = Exit::none;
};

}  // namespace ulagate
