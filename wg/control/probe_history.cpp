// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/probe_history.h"

#include <algorithm>
#include <utility>

namespace ulagate::wg::control {
namespace {

// A probe without an answer for so long counts as lost.
constexpr Duration kLostAfter = std::chrono::seconds{1};
constexpr int kSmoothing = 8;  // RFC 6298: a new sample counts for an eighth

}  // namespace

bool ProbeHistory::on_sent(std::uint64_t id, TimePoint now) {
    // Any answer since the last probe will do, also one to an older probe: the way may be slower than the
    // interval.
    misses_ = heard_ ? 0 : misses_ + 1;
    heard_ = false;
    samples_.push_back({id, now, std::nullopt});
    if (samples_.size() > kSamples) samples_.pop_front();
    return misses_ >= kMissesUntilDown && std::exchange(alive_, false);
}

bool ProbeHistory::on_answer(std::uint64_t id, TimePoint now) {
    const auto sample = std::find_if(samples_.begin(), samples_.end(),
                                     [&](const Sample& s) { return s.id == id && !s.round_trip; });
    if (sample == samples_.end()) return false;
    last_ = now - sample->sent;
    sample->round_trip = last_;
    smoothed_ = smoothed_ ? *smoothed_ + (*last_ - *smoothed_) / kSmoothing : *last_;
    misses_ = 0;
    heard_ = true;
    alive_ = true;
    return true;
}

void ProbeHistory::clear() {
    samples_.clear();
    alive_ = false;
    heard_ = true;
    misses_ = 0;
}

bool ProbeHistory::judged(const Sample& sample, TimePoint now) {
    return sample.round_trip || now >= sample.sent + kLostAfter;
}

ProbeHistory::Loss ProbeHistory::loss(TimePoint now) const {
    Loss loss;
    for (const Sample& sample : samples_) {
        if (!judged(sample, now)) continue;
        ++loss.probes;
        if (!sample.round_trip) ++loss.lost;
    }
    return loss;
}

std::vector<std::optional<Duration>> ProbeHistory::round_trips(TimePoint now) const {
    std::vector<std::optional<Duration>> out;
    for (const Sample& sample : samples_) {
        if (judged(sample, now)) out.push_back(sample.round_trip);
    }
    return out;
}

}  // namespace ulagate::wg::control
