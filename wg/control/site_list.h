// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/token_bucket.h"
#include "wg/control/message.h"

namespace ulagate::wg::control {

// Sites that can be reached through one relay, at one moment: sorted lists of prefixes that do not overlap.
class SiteSet {
public:
    SiteSet() = default;
    // In any order.
    explicit SiteSet(std::vector<net::Ipv6Prefix> prefixes, std::vector<net::Ipv6Prefix> transit = {});

    // Whether the prefix lies in a site that is connected to the relay itself.
    [[nodiscard]] bool covers(const net::Ipv6Prefix& prefix) const;
    // Whether it lies in one that the relay reaches through another relay only.
    [[nodiscard]] bool transits_to(const net::Ipv6Prefix& prefix) const;
    [[nodiscard]] const std::vector<net::Ipv6Prefix>& prefixes() const { return prefixes_; }
    [[nodiscard]] const std::vector<net::Ipv6Prefix>& transit() const { return transit_; }
    [[nodiscard]] std::size_t size() const { return prefixes_.size() + transit_.size(); }

private:
    std::vector<net::Ipv6Prefix> prefixes_;
    std::vector<net::Ipv6Prefix> transit_;
};

// The router's copy of the list that one relay publishes. It believes a message only as a whole: what lacks a
// part, or follows a generation that we do not have, changes nothing.
//
// A list costs its speaker nothing, and whoever hears it a comparison of all sites and a route for some. So
// it has at most kMostSites sites, or it is distrusted as a whole for a while; and what changes in it is
// shown at the price of kPrice a site, of which a whole list is always at hand: one that is another one all
// the time waits, and what comes later takes its place.
class SiteMirror {
public:
    // A relay has 10,000 routers at most.
    static constexpr std::size_t kMostSites = 16'384;
    static constexpr std::uint16_t kMostParts = 96;  // of kMostSites, however they lie in the overlay
    static constexpr Duration kPrice = std::chrono::milliseconds{4};
    static constexpr Duration kDistrust = std::chrono::minutes{1};

    // The overlay as our configuration has it; lists of another one are refused.
    explicit SiteMirror(const net::Ipv6Prefix& overlay) : overlay_(overlay.network()) {}

    // True: sites() is another one now.
    bool on_message(const Sites& message, TimePoint now);
    // The relay does not say any more which sites it has. True: it had said.
    bool forget();
    // `now` may be late; earlier than deadline() it does nothing. True: sites() is another one now.
    bool on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const { return show_at_; }

    [[nodiscard]] std::uint64_t generation() const { return generation_; }  // 0: none
    // Another object for each generation that was shown; nullptr: the relay does not say.
    [[nodiscard]] const std::shared_ptr<const SiteSet>& sites() const { return sites_; }
    // It said too much, and is not listened to.
    [[nodiscard]] bool distrusted(TimePoint now) const {
        return distrusted_until_ && now < *distrusted_until_;
    }

private:
    bool distrust(TimePoint now);
    bool apply(TimePoint now);
    bool show(TimePoint now);

    net::Ipv6Prefix overlay_;
    std::uint64_t generation_ = 0;
    std::shared_ptr<const SiteSet> heard_;  // of this generation
    std::shared_ptr<const SiteSet> sites_;
    std::optional<TimePoint> show_at_;  // they differ
    Budget budget_{kMostSites, kPrice};
    std::vector<std::optional<Sites>> parts_;  // of the message that is coming in
    std::size_t missing_ = 0;                  // of these
    std::size_t held_ = 0;                     // prefixes in them
    std::optional<TimePoint> distrusted_until_;
};

}  // namespace ulagate::wg::control
