// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "daemon/base/address.h"
#include "ra/message.h"

namespace ulagate::ra {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// Uniform in [low, high]. An argument, so that a test decides what is drawn.
using Random = std::function<Duration(Duration low, Duration high)>;

struct Config {
    std::chrono::milliseconds min_interval{10'000};  // MinRtrAdvInterval, RFC 4861 section 6.2.1
    std::chrono::milliseconds max_interval{30'000};  // MaxRtrAdvInterval
    bool unicast_replies = true;                     // RFC 7772: answer a solicitation to its sender only
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
    bool operator==(const Send&) const = default;
};

// When a router sends which Router Advertisement on one link: RFC 4861 section 6.2.4 - 6.2.8 and nothing
// else. No socket, clock or log. It advertises while it has a source; who may have one (VRRP) is decided
// above.
class Advertiser {
public:
    Advertiser(Config config, Random random);

    // Nothing: silent at once, without a last word (a hand-over is not a shutdown). A new source: the first
    // three advertisements come quickly again, the first as soon as the 3 s rule allows.
    std::vector<Send> set_source(std::optional<Source> source, TimePoint now);
    // Other content or intervals; announced quickly if we are advertising.
    std::vector<Send> set_config(Config config, TimePoint now);
    std::vector<Send> on_solicitation(const RouterSolicitation& solicitation, const net::Ipv6Address& from,
                                      TimePoint now);
    // The service ends (RFC 4861 section 6.2.5): lifetimes 0, three times; done when deadline() is empty.
    std::vector<Send> withdraw(TimePoint now);
    std::vector<Send> on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] bool advertising() const;
};

}  // namespace ulagate::ra
