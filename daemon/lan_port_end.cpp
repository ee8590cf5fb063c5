// SPDX-License-Identifier: GPL-2.0-or-later
// How a LAN ends: another router takes over, the site leaves, or the LAN is taken out of the configuration.
#include <utility>

#include "daemon/lan_port.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// Longer than any Backup waits after a priority of 0 (its skew is below one interval).
constexpr auto kTakeoverMargin = 200ms;

// From another router's first advertisement until its Neighbor Advertisement has reached the hosts and its
// claim the relays (ARCHITECTURE section 4.2): what comes to us until then is still forwarded.
constexpr auto kRelief = 1s;

}  // namespace

LanActions LanPort::hand_over(TimePoint now) {
    LanActions out;
    if (!leaving_.empty()) return out;
    waiting_for_ = leaving_ = "the daemon stops";
    if (machine_) {
        take(machine_->stop(now, leaving_), now, out);
        advertise(advertiser_.set_source(std::nullopt, now), out);
    }
    announcer_.stop();
    return out;
}

LanActions LanPort::withdraw(TimePoint now) {
    LanActions out;
    if (!leaving_.empty()) return out;
    waiting_for_ = leaving_ = "the site has been withdrawn";
    announcer_.stop();
    if (!machine_) {
        advertise(advertiser_.withdraw(now), out);
        return out;
    }
    const bool spoke = source_.has_value();
    take(machine_->stop(now, leaving_), now, out);
    if (spoke) {
        // The address stays meanwhile: another router that takes over says so by its advertisement.
        farewell_at_ = now + machine_->config().interval + kTakeoverMargin;
    } else {
        advertise(advertiser_.set_source(std::nullopt, now), out);
    }
    return out;
}

LanActions LanPort::leave(TimePoint now) {
    taken_out_ = true;
    return withdraw(now);
}

void LanPort::end_farewell(TimePoint now) {
    if (wants_address()) relieved_at_ = now + kRelief;
    farewell_at_.reset();
    source_.reset();
    advertiser_ = ra::Advertiser{config_.ra, {}};  // nor is the last word repeated, if it has been said
}

}  // namespace ulagate
