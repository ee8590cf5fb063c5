// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/egress_monitor.h"

#include <tuple>
#include <utility>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kSpacing = 100ms;

bool same(const std::optional<Egress>& one, const std::optional<Egress>& other) {
    if (!one || !other) return one.has_value() == other.has_value();
    return std::tie(one->link, one->gateway, one->source) ==
           std::tie(other->link, other->gateway, other->source);
}

}  // namespace

void EgressMonitor::expect(const std::optional<Egress>& egress) {
    egress_ = egress;
    due_ = moved_ = false;
}

EgressMonitor::Send EgressMonitor::update(const std::optional<Egress>& egress, TimePoint now) {
    if (!same(egress, egress_)) due_ = moved_ = true;
    egress_ = egress;
    if (!due_ || !egress || now < not_before_) return Send::no;
    due_ = false;
    not_before_ = now + kSpacing;
    return std::exchange(moved_, false) ? Send::by_new_egress : Send::again;
}

std::optional<EgressMonitor::TimePoint> EgressMonitor::deadline() const {
    return due_ && egress_ ? std::optional{not_before_} : std::nullopt;
}

}  // namespace ulagate
