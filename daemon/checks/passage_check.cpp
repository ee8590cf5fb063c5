// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/passage_check.h"

#include <algorithm>

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using firewall::Checkpoint;

// A firewall that loads its rules again is closed for a moment.
constexpr auto kWindow = 4s;
constexpr auto kLeastSpan = 3s;
// Of three a second.
constexpr std::uint64_t kProbes = 6;
constexpr std::uint64_t kTraffic = 3;
// A router that gives way for it has no traffic any more that could show that it is over.
constexpr auto kHeld = 60s;

std::uint64_t at(const PassageCheck::Counts& counts, Checkpoint point) {
    return counts.at(static_cast<std::size_t>(point));
}

// An edge that looks for its relay over IPv6 and IPv4 in turn makes a new table each time, because the MTU
// differs: what the old one counted still says what gets through. From here on all is counted from the end of
// the old table, which wraps for its own samples; only differences are used.
template <typename Samples>
void count_from_a_new_table(Samples& samples) {
    const auto end = samples.back().counts;
    for (auto& sample : samples) {
        for (std::size_t i = 0; i < end.size(); ++i) sample.counts.at(i) -= end.at(i);
    }
}

}  // namespace

void PassageCheck::note(const firewall::Passage& passage, const Counts& counts, TimePoint now) {
    State& state = passages_[passage];
    auto& samples = state.samples;
    if (!samples.empty()) {
        bool back = false;
        for (std::size_t i = 0; i < counts.size(); ++i)
            back = back || counts.at(i) < samples.back().counts.at(i);
        if (now - samples.back().when > kWindow) {
            samples.clear();
        } else if (back) {
            count_from_a_new_table(samples);
        }
    }
    samples.push_back({now, counts});
    state.ever_came = state.ever_came || at(samples.back().counts, Checkpoint::came) !=
                                             at(samples.front().counts, Checkpoint::came);
    while (samples.size() > 2 && samples.at(1).when <= now - kWindow) samples.pop_front();

    Counts grown{};
    for (std::size_t i = 0; i < grown.size(); ++i) grown.at(i) = counts.at(i) - samples.front().counts.at(i);
    const bool passes = at(grown, Checkpoint::traffic_left) > 0 || at(grown, Checkpoint::left) > 0;
    if (!passes && loses_traffic(passage)) {
        state.traffic = Finding{Lost::behind, at(grown, Checkpoint::traffic_came)};
        state.traffic_until = now + kHeld;
    } else if (passes || now >= state.traffic_until) {
        state.traffic.reset();
    }
}

std::optional<PassageCheck::Finding> PassageCheck::judge(firewall::Passage::Kind kind, const Counts& grown) {
    const std::uint64_t came = at(grown, Checkpoint::came);
    if (at(grown, Checkpoint::left) > 0 || came < kProbes) return std::nullopt;
    if (at(grown, Checkpoint::routed) == 0) return Finding{Lost::before_routing, came};
    if (firewall::is_forwarded(kind) && at(grown, Checkpoint::forwarded) == 0)
        return Finding{Lost::by_routing, came};
    return Finding{Lost::behind, came};
}

std::optional<PassageCheck::Finding> PassageCheck::finding(const firewall::Passage& passage,
                                                           bool probed) const {
    const auto known = passages_.find(passage);
    if (known == passages_.end() || known->second.samples.empty()) return std::nullopt;
    const auto& samples = known->second.samples;
    if (probed && samples.back().when - samples.front().when >= kLeastSpan) {
        Counts grown{};
        for (std::size_t i = 0; i < grown.size(); ++i)
            grown.at(i) = samples.back().counts.at(i) - samples.front().counts.at(i);
        if (const auto found = judge(passage.kind, grown)) return found;
        // They came until now: something takes them away before the first checkpoint. Where no probe at all
        // arrives, it is ours that do not start.
        if (known->second.ever_came && at(grown, Checkpoint::came) == 0 && any_came())
            return Finding{Lost::before_routing, 0};
    }
    return known->second.traffic;
}

bool PassageCheck::any_came() const {
    return std::any_of(passages_.begin(), passages_.end(), [](const auto& entry) {
        const auto& samples = entry.second.samples;
        return !samples.empty() &&
               at(samples.back().counts, Checkpoint::came) != at(samples.front().counts, Checkpoint::came);
    });
}

bool PassageCheck::loses_traffic(const firewall::Passage& passage) const {
    const auto known = passages_.find(passage);
    if (known == passages_.end() || known->second.samples.empty()) return false;
    const Sample& first = known->second.samples.front();
    const Sample& last = known->second.samples.back();
    return last.when - first.when >= kLeastSpan &&
           at(last.counts, Checkpoint::traffic_came) - at(first.counts, Checkpoint::traffic_came) >=
               kTraffic &&
           at(last.counts, Checkpoint::traffic_left) == at(first.counts, Checkpoint::traffic_left);
}

}  // namespace ulagate
