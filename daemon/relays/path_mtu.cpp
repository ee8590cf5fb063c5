// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/path_mtu.h"

#include <algorithm>
#include <utility>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kParts = 8;  // of the unknown range, in a round: three rounds find the byte below 1500
constexpr unsigned kTriesOfEachSize = 3;
constexpr auto kRetry = 300ms;
constexpr auto kLastAnswer = 1s;                        // after the last try
constexpr auto kCheckEvery = 10s;                       // while packets flow
constexpr auto kRaiseEvery = std::chrono::minutes{10};  // RFC 4821 section 7.3
constexpr auto kFirstSilence = 10s;
constexpr unsigned kMostDoublings = 6;  // of it: about ten minutes

}  // namespace

void PathMtu::start(unsigned largest, TimePoint now) {
    const bool traffic = traffic_;
    *this = {};
    traffic_ = traffic;
    largest_ = std::min(largest, kLargest);
    again(now);
}

void PathMtu::again(TimePoint now) {
    // Too small an interface for anything to be found out.
    if (largest_ > kSmallest) search(0, largest_, now);
}

void PathMtu::set_traffic(bool flows) { traffic_ = flows; }

std::vector<unsigned> PathMtu::update(TimePoint now) {
    if (!deadline() || now < next_) return {};
    if (work_ == Work::resting) {
        if (!measured_ || (*measured_ < largest_ && now >= search_at_)) {
            search(0, largest_, now);
        } else if (*measured_ == kSmallest) {
            rest(now);
            return {};
        } else {
            work_ = Work::checking;
            ask({kSmallest, *measured_}, now);
        }
    } else if (tries_ >= kTriesOfEachSize) {
        end_round(now);
        if (work_ != Work::searching) return {};
    }
    ++tries_;
    next_ = now + (tries_ < kTriesOfEachSize ? std::chrono::milliseconds{kRetry} : kLastAnswer);
    std::vector<unsigned> left;
    std::copy_if(sizes_.begin(), sizes_.end(), std::back_inserter(left),
                 [this](unsigned size) { return size > best_; });
    return left;
}

void PathMtu::on_answer(unsigned bytes, TimePoint now) {
    if (work_ != Work::searching && work_ != Work::checking) return;
    if (!std::binary_search(sizes_.begin(), sizes_.end(), bytes)) return;
    best_ = std::max(best_, bytes);
    if (best_ != sizes_.back()) return;
    tries_ = kTriesOfEachSize;
    next_ = now;
}

std::optional<PathMtu::TimePoint> PathMtu::deadline() const {
    if (work_ == Work::none || (work_ == Work::resting && measured_ && !traffic_)) return std::nullopt;
    return next_;
}

void PathMtu::search(unsigned proved, unsigned possible, TimePoint now) {
    work_ = Work::searching;
    proved_ = proved;
    possible_ = possible;
    // The smallest is there to tell a path that takes no more from one where nobody answers.
    const unsigned from = std::max(proved, kSmallest);
    std::vector<unsigned> sizes{from};
    for (unsigned part = 1; part <= kParts; ++part) {
        const unsigned size = from + ((possible - from) * part + kParts - 1) / kParts;
        if (size != sizes.back()) sizes.push_back(size);
    }
    ask(std::move(sizes), now);
}

void PathMtu::ask(std::vector<unsigned> sizes, TimePoint now) {
    sizes_ = std::move(sizes);
    best_ = 0;
    tries_ = 0;
    next_ = now;
}

void PathMtu::end_round(TimePoint now) {
    if (work_ == Work::searching) {
        end_search_round(now);
    } else if (best_ == kSmallest) {
        search(0, largest_, now);
    } else {
        rest(now);  // as it was, or dead: that is for others to find out
    }
}

void PathMtu::end_search_round(TimePoint now) {
    if (best_ == 0) {
        unanswered(now);
        return;
    }
    silent_ = 0;
    const auto too_large = std::upper_bound(sizes_.begin(), sizes_.end(), best_);
    proved_ = best_;
    if (too_large != sizes_.end()) possible_ = *too_large - 1;
    if (proved_ < possible_) {
        search(proved_, possible_, now);
        return;
    }
    measured_ = proved_;
    search_at_ = now + kRaiseEvery;
    rest(now);
}

void PathMtu::rest(TimePoint now) {
    work_ = Work::resting;
    next_ = now + kCheckEvery;
}

void PathMtu::unanswered(TimePoint now) {
    work_ = Work::resting;
    next_ = now + kFirstSilence * (1U << std::min(silent_, kMostDoublings));
    search_at_ = next_;
    ++silent_;
}

}  // namespace ulagate
