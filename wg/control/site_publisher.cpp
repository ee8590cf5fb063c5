// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/site_publisher.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "wg/control/site_codec.h"

namespace ulagate::wg::control {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kGather = milliseconds{200};
// The first list: this long after the start, and this long after the last router that came, but not later
// than that.
constexpr Duration kFirstAfter = seconds{5};
constexpr Duration kFirstAfterLast = seconds{3};
constexpr Duration kFirstAtLatest = seconds{30};
constexpr std::size_t kMaxLog = 4096;  // prefixes
// 2000 messages a second, with a second's worth at once: 10,000 routers that have lost the list are not
// answered in one burst that drowns what they carry.
constexpr Duration kPrice = microseconds{500};
constexpr Duration kCredit = seconds{1};
constexpr std::size_t kRunOverhead = 4;

// Fills messages of which each fits into a datagram.
class Splitter {
public:
    explicit Splitter(const Sites& whole) : empty_(whole) {
        empty_.added.clear();
        empty_.removed.clear();
        empty_.transit.clear();
        parts_.push_back(empty_);
        put_all(whole.added, &Sites::added);
        put_all(whole.removed, &Sites::removed);
        put_all(whole.transit, &Sites::transit);
    }
    std::vector<Sites> parts() && {
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            parts_[i].part = static_cast<std::uint16_t>(i);
            parts_[i].parts = static_cast<std::uint16_t>(parts_.size());
        }
        return std::move(parts_);
    }

private:
    using List = std::vector<net::Ipv6Prefix> Sites::*;

    void put_all(const std::vector<net::Ipv6Prefix>& prefixes, List list) {
        for (const net::Ipv6Prefix& prefix : prefixes) {
            if (used_ + size(prefix, list) > kMaxSitesBytes) {
                parts_.push_back(empty_);
                used_ = 0;
            }
            used_ += size(prefix, list);
            (parts_.back().*list).push_back(prefix);
        }
    }
    [[nodiscard]] std::size_t size(const net::Ipv6Prefix& prefix, List list) const {
        const auto& before = parts_.back().*list;
        const bool same_run = !before.empty() && before.back().length == prefix.length;
        if (same_run) return size_in_run(&before.back(), prefix, empty_.overlay);
        return kRunOverhead + size_in_run(nullptr, prefix, empty_.overlay);
    }

    Sites empty_;
    std::vector<Sites> parts_;
    std::size_t used_ = 0;
};

}  // namespace

SitePublisher::SitePublisher(const Setup& setup, TimePoint now)
    : overlay_(setup.overlay.network()),
      first_generation_(setup.first_generation),
      started_(now),
      commit_at_(now + kFirstAfter),
      paid_until_(now) {}

void SitePublisher::set_connected(std::span<const net::Ipv6Prefix> prefixes, TimePoint until, TimePoint now) {
    for (const net::Ipv6Prefix& prefix : prefixes) {
        if (!is_site(prefix, overlay_)) continue;
        const auto known = entries_.find(prefix);
        if (until <= now) {
            if (known == entries_.end() || known->second.until <= now) continue;
            known->second.until = now;  // its place in ends_ will find it dead
            touch(prefix, false, now);
            continue;
        }
        Entry& entry = known == entries_.end() ? entries_[prefix] : known->second;
        const bool is_new = entry.until <= now;
        entry.until = until;
        if (!std::exchange(entry.watched, true)) ends_.emplace(until, prefix);
        if (is_new) touch(prefix, true, now);
    }
}

void SitePublisher::set_elsewhere(const Transit& elsewhere, TimePoint now) {
    for (const auto& [prefix, relay] : elsewhere) {
        const auto before = elsewhere_.find(prefix);
        if (!is_site(prefix, overlay_) || (before != elsewhere_.end() && before->second == relay)) continue;
        touch(prefix, false, now);
    }
    for (const auto& [prefix, relay] : elsewhere_) {
        if (!elsewhere.contains(prefix)) touch(prefix, false, now);
    }
    elsewhere_ = elsewhere;
}

void SitePublisher::touch(const net::Ipv6Prefix& prefix, bool connected, TimePoint now) {
    touched_.insert(prefix);
    if (generation_ != 0) {
        if (!commit_at_) commit_at_ = now + kGather;
    } else if (connected) {
        commit_at_ =
            std::min(std::max(started_ + kFirstAfter, now + kFirstAfterLast), started_ + kFirstAtLatest);
    }
}

void SitePublisher::on_deadline(TimePoint now) {
    while (!ends_.empty() && ends_.begin()->first <= now) {
        const net::Ipv6Prefix prefix = ends_.begin()->second;
        ends_.erase(ends_.begin());
        const auto entry = entries_.find(prefix);
        if (entry->second.until > now) {
            ends_.emplace(entry->second.until, prefix);
            continue;
        }
        entries_.erase(entry);
        touch(prefix, false, now);
    }
    if (commit_at_ && *commit_at_ <= now) commit(now);
}

void SitePublisher::commit(TimePoint now) {
    commit_at_.reset();
    std::vector<net::Ipv6Prefix> changed;
    for (const net::Ipv6Prefix& prefix : touched_) {
        if (settle(prefix, now)) changed.push_back(prefix);
    }
    touched_.clear();
    if (generation_ == 0) {
        generation_ = first_generation_;
        return;
    }
    if (changed.empty()) return;
    ++generation_;
    prepared_.clear();
    logged_ += changed.size();
    log_.push_back(std::move(changed));
    for (; logged_ > kMaxLog; log_.pop_front()) logged_ -= log_.front().size();
}

// True: routers are to know. Which other relay is taken is ours alone.
bool SitePublisher::settle(const net::Ipv6Prefix& prefix, TimePoint now) {
    const auto entry = entries_.find(prefix);
    const bool connected = entry != entries_.end() && entry->second.until > now;
    const bool moved = connected ? published_.insert(prefix).second : published_.erase(prefix) > 0;
    const auto elsewhere = elsewhere_.find(prefix);
    if (connected || elsewhere == elsewhere_.end()) return transit_.erase(prefix) > 0 || moved;
    return transit_.insert_or_assign(prefix, elsewhere->second).second || moved;
}

std::optional<TimePoint> SitePublisher::deadline() const {
    if (ends_.empty()) return commit_at_;
    return commit_at_ ? std::min(*commit_at_, ends_.begin()->first) : ends_.begin()->first;
}

bool SitePublisher::remembers(std::uint64_t generation) const {
    return generation != 0 && generation_ - generation <= log_.size();
}

Sites SitePublisher::changes_since(std::uint64_t generation, Asker asker) const {
    Sites all{overlay_, 0, generation_, 0, 1, {}, {}};
    const bool with_transit = asker == Asker::router;
    if (generation == 0) {
        all.added.assign(published_.begin(), published_.end());
        for (const auto& [prefix, relay] : transit_) {
            if (with_transit) all.transit.push_back(prefix);
        }
    } else {
        all.from = generation;
        const auto steps = static_cast<std::ptrdiff_t>(generation_ - generation);
        std::set<net::Ipv6Prefix> touched;
        for (auto step = log_.end() - steps; step != log_.end(); ++step)
            touched.insert(step->begin(), step->end());
        for (const net::Ipv6Prefix& prefix : touched) {
            const bool transit = with_transit && transit_.contains(prefix);
            (published_.contains(prefix) ? all.added : transit ? all.transit : all.removed).push_back(prefix);
        }
    }
    for (auto* list : {&all.added, &all.removed, &all.transit})
        std::sort(list->begin(), list->end(), site_before);
    return all;
}

std::vector<Sites> SitePublisher::answer(std::uint64_t has, TimePoint now, Asker asker) {
    if (has == generation_ || generation_ == 0 || paid_until_ > now + kCredit) return {};
    const std::uint64_t from = remembers(has) ? has : 0;
    auto prepared = prepared_.find({from, asker});
    if (prepared == prepared_.end())
        prepared =
            prepared_.emplace(std::pair{from, asker}, Splitter{changes_since(from, asker)}.parts()).first;
    const std::vector<Sites>& parts = prepared->second;
    if (parts.size() > kMaxParts) return {};  // more sites than a list can have
    paid_until_ = std::max(paid_until_, now) + kPrice * static_cast<int>(parts.size());
    return parts;
}

}  // namespace ulagate::wg::control
