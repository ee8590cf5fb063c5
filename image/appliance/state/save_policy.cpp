// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/state/save_policy.h"

#include <algorithm>
#include <utility>

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;

constexpr auto kTogether = 500ms;  // files that come together are one save
constexpr auto kSeldom = 60s;
constexpr auto kClock = 10min;

}  // namespace

SavePolicy::SavePolicy(std::set<std::string> known, TimePoint now)
    : known_(std::move(known)), saved_at_(now), deadline_(now + kClock) {}

void SavePolicy::on_change(const std::string& file, TimePoint now) {
    const bool is_new = known_.insert(file).second;
    const TimePoint when = is_new ? now + kTogether : std::max(now + kTogether, saved_at_ + kSeldom);
    deadline_ = std::min(deadline_, when);
}

void SavePolicy::on_saved(TimePoint now) {
    saved_at_ = now;
    deadline_ = now + kClock;
}

}  // namespace ulagate::appliance
