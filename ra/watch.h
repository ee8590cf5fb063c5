// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "ra/advertiser.h"
#include "ra/message.h"

namespace ulagate::ra {

// What the others are compared with.
struct Ours {
    const RouterAdvertisement& advertisement;  // as configured
    // From where we advertise now; nullopt: we are silent.
    const std::optional<Source>& source;
    TimePoint since;  // from there
    // The virtual router's address: while we are silent, another router of ours speaks from it.
    std::optional<net::Ipv6Address> shared;
};

// Who advertises on our link beside us.
struct Sender {
    net::Ipv6Address address;
    // As its advertisements say; the same address with another one is another sender.
    std::optional<net::MacAddress> link_address;
    std::uint64_t advertisements = 0;
    std::uint64_t changes = 0;  // of the findings
    TimePoint last;             // heard
    // It speaks from our own address while we do, for longer than a hand-over takes.
    bool split_brain = false;
    std::vector<std::string> findings;  // "the MTU is 1400, ours 1500"; of its last three advertisements
};

// For the log: the findings about a sender are others than before.
struct Notice {
    bool serious = false;  // it takes something away from us, and does not merely differ
    std::string text;
    bool operator==(const Notice&) const = default;
};

struct WatchCounters {
    std::uint64_t differing = 0;    // advertisements with findings
    std::uint64_t split_brain = 0;  // from our own address
    std::uint64_t forgotten = 0;    // senders, because there were too many
    std::uint64_t not_logged = 0;   // notices, because there were too many
};

// Compares the Router Advertisements of other routers with ours (RFC 4861 section 6.2.7, and beyond it routes
// and what is ours alone), and never acts on them. No socket, clock or log.
//
// Anybody can forge senders: 16 are remembered, of which those that differ stay longest, and ten notices at
// once and one a minute are given out.
class Watch {
public:
    std::vector<Notice> on_advertisement(const RouterAdvertisement& theirs, const net::Ipv6Address& from,
                                         const Ours& ours, TimePoint now);

    // Heard within half an hour, which is the longest interval there is (MaxRtrAdvInterval).
    [[nodiscard]] std::vector<Sender> senders(TimePoint now) const;
    // Somebody speaks on from our own address, from which we have spoken since then: heard within the last 90
    // s, three intervals of ours by default.
    [[nodiscard]] std::optional<Sender> split_brain(TimePoint since, TimePoint now) const;
    [[nodiscard]] const WatchCounters& counters() const { return counters_; }

private:
    struct Known {
        Sender sender;
        RouterAdvertisement last;
        std::optional<TimePoint> compared;
        std::vector<unsigned> missed;  // for each of its findings: advertisements without it since
        bool serious = false;
        // From our own address, in this time of our speaking.
        std::optional<TimePoint> first_beside_us;
    };
    static bool speaks_on(Known& known, const Ours& ours, TimePoint now);
    static bool take(Known& known, const std::vector<std::string>& found);
    Known& remember(const net::Ipv6Address& from, const std::optional<net::MacAddress>& link_address,
                    TimePoint now);

    std::vector<Known> known_;
    WatchCounters counters_;
    Budget notices_{10, std::chrono::minutes{1}};
};

}  // namespace ulagate::ra
