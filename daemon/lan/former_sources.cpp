// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/former_sources.h"

#include <algorithm>
#include <cstddef>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// RFC 4861 section 10: MAX_FINAL_RTR_ADVERTISEMENTS, MIN_DELAY_BETWEEN_RAS
constexpr unsigned kLastWords = 3;
constexpr auto kLastWordEvery = 3s;
constexpr std::size_t kMostFormer = 8;  // changes within some seconds; of more the oldest are left out

}  // namespace

void FormerSources::add(const net::Ipv6Address& address, Duration patience, TimePoint now) {
    remove(address);
    if (former_.size() == kMostFormer) former_.erase(former_.begin());
    former_.push_back({address, now + patience, kLastWords});
}

void FormerSources::remove(const net::Ipv6Address& address) {
    std::erase_if(former_, [&](const Former& former) { return former.address == address; });
}

std::vector<net::Ipv6Address> FormerSources::due(TimePoint now) {
    std::vector<net::Ipv6Address> out;
    for (Former& former : former_) {
        if (now < former.at) continue;
        out.push_back(former.address);
        former.at = now + kLastWordEvery;
        --former.left;
    }
    std::erase_if(former_, [](const Former& former) { return former.left == 0; });
    return out;
}

std::optional<FormerSources::TimePoint> FormerSources::deadline() const {
    std::optional<TimePoint> next;
    for (const Former& former : former_) next = std::min(next.value_or(former.at), former.at);
    return next;
}

}  // namespace ulagate
