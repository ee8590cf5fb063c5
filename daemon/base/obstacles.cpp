// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/obstacles.h"

#include <algorithm>
#include <utility>

namespace ulagate {
namespace {

bool contains(const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

void Obstacles::set(const std::string& check, std::vector<Obstacle> found) {
    if (found.empty()) {
        by_check_.erase(check);
    } else {
        by_check_[check] = std::move(found);
    }
}

Obstacles::Changes Obstacles::take_changes() {
    std::vector<std::string> now;
    for (const Obstacle& obstacle : all()) {
        if (!contains(now, obstacle.sentence)) now.push_back(obstacle.sentence);
    }
    Changes changes;
    for (const std::string& sentence : now) {
        if (!contains(told_, sentence)) changes.appeared.push_back(sentence);
    }
    for (const std::string& sentence : told_) {
        if (!contains(now, sentence)) changes.gone.push_back(sentence);
    }
    told_ = std::move(now);
    return changes;
}

std::vector<Obstacle> Obstacles::all() const {
    std::vector<Obstacle> out;
    for (const auto& [check, found] : by_check_) out.insert(out.end(), found.begin(), found.end());
    return out;
}

std::vector<std::string> Obstacles::cuts(const std::string& lan) const {
    std::vector<std::string> out;
    for (const Obstacle& obstacle : all()) {
        if (!obstacle.cuts || (!obstacle.lan.empty() && obstacle.lan != lan)) continue;
        if (!contains(out, obstacle.reason)) out.push_back(obstacle.reason);
    }
    return out;
}

}  // namespace ulagate
