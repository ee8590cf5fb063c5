// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/address_claims.h"

#include <algorithm>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr RateLimit kAnswers{50ms, 10};
// A router that becomes Active advertises just before or just after it has told the hosts, and tells them
// three times, a second apart (RFC 4861 section 7.2.6).
constexpr auto kPartnerBefore = 1s;
constexpr auto kPartnerAfter = 500ms;
constexpr auto kPartnerTells = 3s;

}  // namespace

bool AddressClaims::partner_speaks(TimePoint now) const {
    return partner_ && now - *partner_ <= kPartnerBefore;
}

bool AddressClaims::heard(const Claim& claim, TimePoint now) {
    std::erase_if(known_, [now](const Known& each) { return now - each.last > kRemembered; });
    const auto same = std::find_if(known_.begin(), known_.end(), [&](const Known& each) {
        return each.claim.address == claim.address && each.claim.mac == claim.mac;
    });
    if (same == known_.end()) {
        if (known_.size() < kMaxClaims) known_.push_back({claim, now, now, partner_speaks(now)});
    } else {
        same->last = now;
        if (same->partner && now - same->first > kPartnerTells && !partner_speaks(now)) {
            same->first = now;
            same->partner = false;
        }
    }
    return answers_.take(now, kAnswers);
}

void AddressClaims::partner_spoke(TimePoint now) {
    partner_ = now;
    for (Known& each : known_) {
        if (now - each.first <= kPartnerAfter) each.partner = true;
    }
}

std::vector<AddressClaims::Claim> AddressClaims::standing(TimePoint now) const {
    std::vector<Claim> out;
    for (const Known& each : known_) {
        if (!each.partner && now - each.first >= kPartnerAfter && now - each.last <= kRemembered)
            out.push_back(each.claim);
    }
    return out;
}

}  // namespace ulagate
