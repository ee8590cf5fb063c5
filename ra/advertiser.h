// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/base/address.h"
#include "ra/direct_replies.h"
#include "ra/message.h"
#include "ra/replies.h"
#include "ra/stale.h"

namespace ulagate::ra {

// Uniform in [low, high]. An argument, so that a test decides what is drawn.
using Random = std::function<Duration(Duration low, Duration high)>;

struct Config {
    std::chrono::milliseconds min_interval{10'000};  // MinRtrAdvInterval, RFC 4861 section 6.2.1
    std::chrono::milliseconds max_interval{30'000};  // MaxRtrAdvInterval
    bool unicast_replies = true;                     // RFC 7772: answer a solicitation to its sender only
    bool source_link_layer_address = true;           // in a Source Link-Layer Address option
    // When the lifetimes of the prefixes are over (RFC 4861 section 6.2.1: lifetimes that decrement in real
    // time). They are never longer than those in `advertisement`.
    std::optional<std::chrono::sys_seconds> valid_until;
    std::optional<std::chrono::sys_seconds> preferred_until;
    // All of the message but the source link-layer address, which is the link's (see Source).
    RouterAdvertisement advertisement;
    bool operator==(const Config&) const = default;
};

// From where we may advertise now.
struct Source {
    net::Ipv6Address address;                     // link-local: the interface's own, or the virtual router's
    std::optional<net::MacAddress> link_address;  // goes into the Source Link-Layer Address option
    bool operator==(const Source&) const = default;
};

// One RA to put on the wire.
struct Send {
    net::Ipv6Address source;
    net::Ipv6Address destination;  // ff02::1 or the one host that asked
    RouterAdvertisement message;
    bool former_source = false;  // the last words from an address that may be ours no more
    // If there are any: to each of these at its link-layer address, and to no other destination.
    std::vector<Neighbor> hosts{};
    bool operator==(const Send&) const = default;
};

// All nodes on the link (RFC 4291 section 2.7.1): where every multicast advertisement goes.
inline constexpr net::Ipv6Address kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

// When a router sends which Router Advertisement on one link: RFC 4861 section 6.2.4 - 6.2.8 and nothing
// else. No socket, clock or log. It advertises while it has a source; who may have one (VRRP) is decided
// above.
//
// What a stranger can make it do is bounded: see DirectReplies and Replies. Whoever asks beyond that is
// answered by one multicast advertisement, which the 3 s rule (MIN_DELAY_BETWEEN_RAS) limits by itself.
class Advertiser {
public:
    Advertiser(Config config, Random random);

    // nullopt: silent at once, without a last word (a hand-over is not a shutdown). A new source: the first
    // three advertisements come quickly again, the first as soon as the 3 s rule allows; with each of them
    // hosts are told to forget `former`, an address that was ours. The source it already has: nothing
    // changes.
    std::vector<Send> set_source(std::optional<Source> source, TimePoint now,
                                 std::optional<net::Ipv6Address> former = std::nullopt);
    // Other content or intervals; announced quickly if we are advertising. What is gone is taken back (see
    // StaleList), or hosts would keep it.
    std::vector<Send> set_config(Config config, TimePoint now);
    // Silent from here, and hosts are told that nothing is to be reached through this address any more
    // (RFC 4861 section 6.2.8). What is not the address's own, as prefixes, stays.
    std::vector<Send> abandon_source();
    // What the lifetimes of Config::valid_until count down by. Without it they do not.
    void set_wall_clock(std::chrono::system_clock::time_point wall, TimePoint now) {
        wall_offset_ = wall.time_since_epoch() - now.time_since_epoch();
    }
    // Hosts have heard our content, from another router or before a restart: what goes has to be taken back.
    void assume_known() { known_to_hosts_ = true; }
    // What hosts were told before a restart; taken back unless it is still advertised.
    void recall(const std::vector<Stale>& stale, TimePoint now);
    // Those of stale() that are on another link now (see StaleList); announced quickly.
    std::vector<Send> set_elsewhere(std::vector<net::Ipv6Prefix> prefixes, TimePoint now);
    // From an address that was ours: nothing is to be reached through it any more (RFC 4861 section 6.2.8).
    // What is not the address's own, as prefixes, stays.
    [[nodiscard]] Send forget_address(const net::Ipv6Address& address) const;
    // What hosts may know of us: what we advertise, and what we do no more.
    [[nodiscard]] std::vector<Option> advertised() const;
    [[nodiscard]] std::vector<Stale> stale() const { return stale_.all(); }
    // `sender`: from which link-layer address it came, if that is known.
    std::vector<Send> on_solicitation(const RouterSolicitation& solicitation, const net::Ipv6Address& from,
                                      TimePoint now, std::optional<net::MacAddress> sender = std::nullopt);
    // The link-layer address of a host that was answered could not be found out, as on links whose switches
    // do not pass the question on: the answer is multicast.
    void on_unresolved(const net::Ipv6Address& host, TimePoint now);
    // Hosts may have taken us for no router any more: a multicast as soon as the 3 s rule allows.
    void remind(TimePoint now);
    // The service ends (RFC 4861 section 6.2.5): lifetimes 0, three times; done when deadline() is empty.
    // The source is forgotten with it: solicitations are ignored, set_source(nullopt) changes nothing (so a
    // caller that reports the link as it is does not cut the final ones short), and set_source() with a
    // value, even the same one, starts anew.
    std::vector<Send> withdraw(TimePoint now);
    // `now` may be late; earlier than deadline() it does nothing.
    std::vector<Send> on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] bool advertising() const { return source_.has_value(); }
    // Hosts that wait for their unicast answer.
    [[nodiscard]] std::size_t pending_replies() const { return replies_.waiting() + direct_waiting(); }
    // These and those who were answered, as far as strangers can make us use memory for them.
    [[nodiscard]] std::size_t remembered_hosts() const { return replies_.remembered() + direct_waiting(); }

private:
    void forget_source();
    std::vector<Send> announce(TimePoint now);
    std::vector<Send> multicast(TimePoint now);
    Send send_final_ra(TimePoint now);
    std::vector<Send> unicast_replies(TimePoint now);
    [[nodiscard]] bool is_there(const RouterSolicitation& solicitation,
                                const std::optional<net::MacAddress>& sender) const;
    DirectReplies& direct();
    [[nodiscard]] std::size_t direct_waiting() const { return direct_ ? direct_->waiting() : 0; }
    void clear_replies();
    void reply_by_multicast(TimePoint now);
    [[nodiscard]] TimePoint earliest_multicast(TimePoint now) const;
    enum class Removed { all, prefixes };
    [[nodiscard]] RouterAdvertisement message(const Source& source, Removed removed, TimePoint now) const;
    void count_down(PrefixInformation& pio, TimePoint now) const;
    Duration draw(Duration low, Duration high) const;
    Duration next_interval() const;

    Config config_;
    Random random_;
    std::optional<Source> source_;
    std::optional<TimePoint> last_multicast_;  // outlives the source: the 3 s rule is the link's
    std::optional<TimePoint> next_multicast_;
    unsigned quick_left_ = 0;       // of the first three advertisements
    bool multicast_reply_ = false;  // next_multicast_ already answers a solicitation
    Replies replies_;
    std::optional<DirectReplies> direct_;  // since somebody needed it
    StaleList stale_;
    bool known_to_hosts_ = false;             // config_
    std::optional<Duration> wall_offset_;     // system_clock - steady_clock
    std::optional<net::Ipv6Address> former_;  // hosts are told to forget it, as long as quick_left_
    std::optional<Send> final_ra_;            // what withdraw() repeats
    unsigned final_ra_left_ = 0;
};

}  // namespace ulagate::ra
