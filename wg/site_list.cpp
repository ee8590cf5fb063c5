// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/site_list.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace ulagate::wg::control {

namespace {

bool lies_in(const net::Ipv6Prefix& prefix, const std::vector<net::Ipv6Prefix>& sites) {
    const auto behind = std::upper_bound(sites.begin(), sites.end(), prefix);
    return behind != sites.begin() && std::prev(behind)->contains(prefix);
}

}  // namespace

SiteSet::SiteSet(std::vector<net::Ipv6Prefix> prefixes, std::vector<net::Ipv6Prefix> detours)
    : prefixes_(std::move(prefixes)), detours_(std::move(detours)) {
    std::sort(prefixes_.begin(), prefixes_.end());
    std::sort(detours_.begin(), detours_.end());
}

bool SiteSet::covers(const net::Ipv6Prefix& prefix) const { return lies_in(prefix, prefixes_); }

bool SiteSet::detours_to(const net::Ipv6Prefix& prefix) const { return lies_in(prefix, detours_); }

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
    enum class Way { direct, detour };
    std::map<net::Ipv6Prefix, Way> sites;
    if (parts_.front()->from != 0) {
        for (const net::Ipv6Prefix& prefix : sites_->prefixes()) sites.emplace(prefix, Way::direct);
        for (const net::Ipv6Prefix& prefix : sites_->detours()) sites.emplace(prefix, Way::detour);
    }
    for (const auto& part : parts_) {
        for (const net::Ipv6Prefix& prefix : part->removed) sites.erase(prefix);
        for (const net::Ipv6Prefix& prefix : part->detours) sites[prefix] = Way::detour;
        for (const net::Ipv6Prefix& prefix : part->added) sites[prefix] = Way::direct;
    }
    std::vector<net::Ipv6Prefix> direct;
    std::vector<net::Ipv6Prefix> detours;
    for (const auto& [prefix, way] : sites) (way == Way::direct ? direct : detours).push_back(prefix);
    generation_ = parts_.front()->to;
    sites_ = std::make_shared<const SiteSet>(std::move(direct), std::move(detours));
    parts_.clear();
}

bool SiteMirror::forget() {
    parts_.clear();
    generation_ = 0;
    return std::exchange(sites_, nullptr) != nullptr;
}

}  // namespace ulagate::wg::control
