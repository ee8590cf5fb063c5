// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/way_watch.h"

#include <tuple>
#include <utility>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kSpacing = 100ms;

bool same(const std::optional<Way>& one, const std::optional<Way>& other) {
    if (!one || !other) return one.has_value() == other.has_value();
    return std::tie(one->link, one->gateway, one->source) ==
           std::tie(other->link, other->gateway, other->source);
}

}  // namespace

void WayWatch::expect(const std::optional<Way>& way) {
    way_ = way;
    due_ = moved_ = false;
}

WayWatch::Send WayWatch::update(const std::optional<Way>& way, TimePoint now) {
    if (!same(way, way_)) due_ = moved_ = true;
    way_ = way;
    if (!due_ || !way || now < not_before_) return Send::no;
    due_ = false;
    not_before_ = now + kSpacing;
    return std::exchange(moved_, false) ? Send::by_new_way : Send::again;
}

std::optional<WayWatch::TimePoint> WayWatch::deadline() const {
    return due_ && way_ ? std::optional{not_before_} : std::nullopt;
}

}  // namespace ulagate
