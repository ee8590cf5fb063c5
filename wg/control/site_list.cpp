// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/site_list.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ulagate::wg::control {

namespace {

using Prefixes = std::vector<net::Ipv6Prefix>;

bool lies_in(const net::Ipv6Prefix& prefix, const Prefixes& sites) {
    const auto behind = std::upper_bound(sites.begin(), sites.end(), prefix);
    return behind != sites.begin() && std::prev(behind)->contains(prefix);
}

enum class Connection { direct, transit, none };
struct Site {
    net::Ipv6Prefix prefix;
    Connection connection = Connection::none;
};
bool before(const Site& a, const Site& b) { return a.prefix < b.prefix; }

// What all parts say, sorted; of a prefix that is named more than once the last word.
std::vector<Site> changes_of(const std::vector<std::optional<Sites>>& parts) {
    std::vector<Site> all;
    for (const auto& part : parts) {
        for (const net::Ipv6Prefix& prefix : part->removed) all.push_back({prefix, Connection::none});
        for (const net::Ipv6Prefix& prefix : part->transit) all.push_back({prefix, Connection::transit});
        for (const net::Ipv6Prefix& prefix : part->added) all.push_back({prefix, Connection::direct});
    }
    std::stable_sort(all.begin(), all.end(), before);
    std::vector<Site> last;
    for (const Site& site : all) {
        if (!last.empty() && last.back().prefix == site.prefix) last.pop_back();
        last.push_back(site);
    }
    return last;
}

std::vector<Site> all_of(const SiteSet& set) {
    std::vector<Site> all;
    for (const net::Ipv6Prefix& prefix : set.prefixes()) all.push_back({prefix, Connection::direct});
    const auto middle = static_cast<std::ptrdiff_t>(all.size());
    for (const net::Ipv6Prefix& prefix : set.transit()) all.push_back({prefix, Connection::transit});
    std::inplace_merge(all.begin(), all.begin() + middle, all.end(), before);
    return all;
}

std::size_t difference(const Prefixes& a, const Prefixes& b) {
    Prefixes out;
    std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
    return out.size();
}

}  // namespace

SiteSet::SiteSet(Prefixes prefixes, Prefixes transit)
    : prefixes_(std::move(prefixes)), transit_(std::move(transit)) {
    std::sort(prefixes_.begin(), prefixes_.end());
    std::sort(transit_.begin(), transit_.end());
}

bool SiteSet::covers(const net::Ipv6Prefix& prefix) const { return lies_in(prefix, prefixes_); }

bool SiteSet::transits_to(const net::Ipv6Prefix& prefix) const { return lies_in(prefix, transit_); }

bool SiteMirror::on_message(const Sites& message, TimePoint now) {
    if (distrusted(now) || message.overlay != overlay_ || message.to == generation_) return false;
    if (message.from != 0 && message.from != generation_) return false;
    if (message.parts > kMostParts) return distrust(now);
    const auto same = [&](const std::optional<Sites>& part) {
        return part && part->from == message.from && part->to == message.to;
    };
    if (parts_.size() != message.parts || std::none_of(parts_.begin(), parts_.end(), same)) {
        parts_.assign(message.parts, std::nullopt);
        missing_ = message.parts;
        held_ = 0;
    }
    auto& part = parts_.at(message.part);
    if (part) return false;
    held_ += message.added.size() + message.removed.size() + message.transit.size();
    if (held_ > kMostSites) return distrust(now);
    part = message;
    if (--missing_ > 0) return false;
    return apply(now);
}

bool SiteMirror::distrust(TimePoint now) {
    distrusted_until_ = now + kDistrust;
    return forget();
}

bool SiteMirror::apply(TimePoint now) {
    const std::vector<Site> changes = changes_of(parts_);
    std::vector<Site> known;
    if (parts_.front()->from != 0) known = all_of(*heard_);
    generation_ = parts_.front()->to;
    parts_.clear();
    Prefixes direct;
    Prefixes transit;
    const auto take = [&](const Site& site) {
        if (site.connection == Connection::direct) direct.push_back(site.prefix);
        if (site.connection == Connection::transit) transit.push_back(site.prefix);
    };
    auto old = known.begin();
    for (const Site& change : changes) {
        for (; old != known.end() && before(*old, change); ++old) take(*old);
        while (old != known.end() && old->prefix == change.prefix) ++old;
        take(change);
    }
    std::for_each(old, known.end(), take);
    if (direct.size() + transit.size() > kMostSites) return distrust(now);
    heard_ = std::make_shared<const SiteSet>(std::move(direct), std::move(transit));
    return show(now);
}

// Shows what was heard last, as soon as the budget covers how much it differs.
bool SiteMirror::show(TimePoint now) {
    const SiteSet none;
    const SiteSet& shown = sites_ ? *sites_ : none;
    const auto cost = static_cast<std::int64_t>(difference(shown.prefixes(), heard_->prefixes()) +
                                                difference(shown.transit(), heard_->transit()));
    if (sites_ && cost == 0) {  // it is back where it was
        show_at_.reset();
        return false;
    }
    if (!budget_.take(cost, now)) {
        show_at_ = budget_.ready_at(cost);
        return false;
    }
    show_at_.reset();
    sites_ = heard_;
    return true;
}

bool SiteMirror::on_deadline(TimePoint now) { return show_at_ && *show_at_ <= now && show(now); }

bool SiteMirror::forget() {
    parts_.clear();
    generation_ = 0;
    heard_ = nullptr;
    show_at_.reset();
    return std::exchange(sites_, nullptr) != nullptr;
}

}  // namespace ulagate::wg::control
