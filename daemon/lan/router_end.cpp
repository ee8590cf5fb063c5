// SPDX-License-Identifier: GPL-2.0-or-later
// How a LAN ends: another router takes over, the site leaves, or the LAN is taken out of the configuration.
// And what is taken back from hosts while it goes on.
#include <algorithm>
#include <utility>

#include "daemon/lan/router.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// Longer than any Backup waits after a priority of 0 (its skew is below one interval).
constexpr auto kTakeoverMargin = 200ms;

// From another router's first advertisement until its Neighbor Advertisement has reached the hosts and its
// claim the relays (ARCHITECTURE section 4.2): what comes to us until then is still forwarded.
constexpr auto kDrainTime = 1s;

}  // namespace

std::string LanRouter::reason_of(Exit exit) {
    switch (exit) {
        case Exit::none:
            break;
        case Exit::handing_over:
            return "the daemon stops";
        case Exit::withdrawing:
        case Exit::removed:
            return "the site has been withdrawn";
    }
    return {};
}

LanActions LanRouter::hand_over(TimePoint now) {
    LanActions out;
    if (leaving()) return out;
    exit_ = Exit::handing_over;
    waiting_for_ = reason_of(exit_);
    if (machine_) {
        take(machine_->stop(now, waiting_for_), now, out);
        advertise(advertiser_.set_source(std::nullopt, now), out);
    }
    announcer_.stop();
    return out;
}

LanActions LanRouter::withdraw(TimePoint now) { return withdraw_for(Exit::withdrawing, now); }

LanActions LanRouter::leave(TimePoint now) { return withdraw_for(Exit::removed, now); }

LanActions LanRouter::withdraw_for(Exit why, TimePoint now) {
    LanActions out;
    const bool has_begun = leaving();
    if (!has_begun || why == Exit::removed) exit_ = why;
    if (has_begun) return out;
    waiting_for_ = reason_of(exit_);
    announcer_.stop();
    if (!machine_) {
        advertise(advertiser_.withdraw(now), out);
        return out;
    }
    const bool spoke = source_.has_value();
    take(machine_->stop(now, waiting_for_), now, out);
    if (spoke) {
        // The address stays meanwhile: another router that takes over says so by its advertisement.
        final_ra_at_ = now + machine_->config().interval + kTakeoverMargin;
    } else {
        advertise(advertiser_.set_source(std::nullopt, now), out);
    }
    return out;
}

void LanRouter::end_final_ra(TimePoint now) {
    if (wants_address()) drained_at_ = now + kDrainTime;
    final_ra_at_.reset();
    source_.reset();
    advertiser_ = ra::Advertiser{config_.ra, {}};  // nor is the last word repeated, if it has been said
}

// Another router may have what was our virtual address, and takes over within four intervals.
void LanRouter::give_up_source(const net::Ipv6Address& address, TimePoint now) {
    const ra::Duration takeover =
        4 * vrrp::Duration{config_.vrrp ? config_.vrrp->machine.interval : vrrp::Centiseconds{0}};
    former_.add(address, std::max<ra::Duration>(takeover, std::chrono::seconds{1}), now);
}

std::optional<net::Ipv6Address> LanRouter::told_from() const {
    if (!config_.advertise || advertiser_.advertised().empty()) return std::nullopt;
    return machine_ ? machine_->config().address : spoke_from_;
}

LanActions LanRouter::follow_prefixes(const std::function<bool(const net::Ipv6Prefix&)>& is_elsewhere,
                                      TimePoint now) {
    std::vector<net::Ipv6Prefix> elsewhere;
    for (const ra::Stale& gone : advertiser_.stale()) {
        const auto* pio = std::get_if<ra::PrefixInformation>(&gone.option);
        if (pio != nullptr && is_elsewhere(pio->prefix.network())) elsewhere.push_back(pio->prefix.network());
    }
    LanActions out;
    if (!leaving()) advertise(advertiser_.set_elsewhere(std::move(elsewhere), now), out);
    return out;
}

}  // namespace ulagate
