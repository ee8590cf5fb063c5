// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relay_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstRetry = 1s;
constexpr auto kLongestRetry = 60s;
constexpr auto kRefresh = 5min;  // getaddrinfo does not tell the TTL
// WireGuard repeats an initiation every 5 s; two of them unanswered is a reason to try the other family.
constexpr auto kPatience = 12s;

bool is_ipv6(const net::IpAddress& address) { return std::holds_alternative<net::Ipv6Address>(address); }

}  // namespace

RelayEndpoint::RelayEndpoint(std::string host, std::uint16_t port) : host_(std::move(host)), port_(port) {
    if (const auto address = net::parse_ip(host_)) {
        literal_ = true;
        ask_at_.reset();
        candidates_ = {*address};
    } else {
        trouble_ = fmt::format("{} is not resolved yet", host_);
    }
}

bool RelayEndpoint::ask(TimePoint now) {
    if (asked_ || !ask_at_ || now < *ask_at_) return false;
    asked_ = true;
    return true;
}

void RelayEndpoint::on_answer(const Result<std::vector<net::IpAddress>>& addresses, TimePoint now) {
    asked_ = false;
    if (!addresses || addresses->empty()) {
        const unsigned doublings = std::min(failures_++, 6U);
        const auto delay = std::min<std::chrono::seconds>(kFirstRetry * (1U << doublings), kLongestRetry);
        ask_at_ = now + delay;
        trouble_ = addresses ? fmt::format("resolve {}: no addresses", host_) : addresses.error().text();
        return;  // the last good addresses stay
    }
    failures_ = 0;
    trouble_.clear();
    ask_at_ = now + kRefresh;
    candidates_ = *addresses;
    std::stable_partition(candidates_.begin(), candidates_.end(), is_ipv6);
}

void RelayEndpoint::choose(const HasWay& has_way, bool alive, TimePoint now) {
    if (alive && chosen_ && has_way(*chosen_)) {
        tried_since_ = now;
        return;  // even when the name has other addresses now: round-robin DNS is no reason to move
    }
    std::vector<net::IpAddress> usable;
    std::copy_if(candidates_.begin(), candidates_.end(), std::back_inserter(usable), has_way);
    if (usable.empty()) {
        if (!chosen_ && !candidates_.empty()) chosen_ = candidates_.front();
        return;
    }
    const auto current = chosen_ ? std::find(usable.begin(), usable.end(), *chosen_) : usable.end();
    if (current != usable.end() && now < tried_since_ + kPatience) return;
    const bool last = current == usable.end() || current + 1 == usable.end();
    chosen_ = last ? usable.front() : *(current + 1);
    tried_since_ = now;
}

void RelayEndpoint::retry_now() {
    if (!literal_ && (failures_ > 0 || candidates_.empty())) ask_at_ = TimePoint{};
}

std::optional<RelayEndpoint::TimePoint> RelayEndpoint::deadline() const {
    return asked_ ? std::nullopt : ask_at_;
}

std::optional<net::Endpoint> RelayEndpoint::endpoint() const {
    if (!chosen_) return std::nullopt;
    return net::Endpoint{*chosen_, port_};
}

}  // namespace ulagate
