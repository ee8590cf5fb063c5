// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/site_list.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace ulagate::wg::control {

SiteSet::SiteSet(std::vector<net::Ipv6Prefix> prefixes) : prefixes_(std::move(prefixes)) {
    std::sort(prefixes_.begin(), prefixes_.end());
}

bool SiteSet::covers(const net::Ipv6Prefix& prefix) const {
    const auto behind = std::upper_bound(prefixes_.begin(), prefixes_.end(), prefix);
    return behind != prefixes_.begin() && std::prev(behind)->contains(prefix);
}

bool SiteMirror::on_message(const Sites& message) {
    if (message.overlay != overlay_ || message.to == generation_) return false;
    if (message.from != 0 && message.from != generation_) return false;
    const auto same = [&](const std::optional<Sites>& part) {
        return part && part->from == message.from && part->to == message.to;
    };
    if (parts_.size() != message.parts || std::none_of(parts_.begin(), parts_.end(), same)) {
        parts_.assign(message.parts, std::nullopt);
        missing_ = message.parts;
    }
    auto& part = parts_.at(message.part);
    if (part) return false;
    part = message;
    if (--missing_ > 0) return false;
    apply();
    return true;
}

void SiteMirror::apply() {
    std::set<net::Ipv6Prefix> sites;
    if (parts_.front()->from != 0) sites.insert(sites_->prefixes().begin(), sites_->prefixes().end());
    for (const auto& part : parts_) {
        for (const net::Ipv6Prefix& prefix : part->removed) sites.erase(prefix);
        sites.insert(part->added.begin(), part->added.end());
    }
    generation_ = parts_.front()->to;
    sites_ = std::make_shared<const SiteSet>(std::vector<net::Ipv6Prefix>{sites.begin(), sites.end()});
    parts_.clear();
}

bool SiteMirror::forget() {
    parts_.clear();
    generation_ = 0;
    return std::exchange(sites_, nullptr) != nullptr;
}

}  // namespace ulagate::wg::control
