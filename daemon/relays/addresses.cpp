// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr seconds kFirstLookupRetry = 1s;
constexpr seconds kLongestLookupRetry = 60s;
constexpr seconds kShortestLife = 30s;
constexpr seconds kLongestLife = 1h;
// Of a relay that is dead the next address is waited for, at first impatiently. A name server that keeps
// answers tells how long it will still do so; one that says 0 is asked this often.
constexpr seconds kShortestLifeWhileDead = 2s;
constexpr int kPatienceGrows = 10;  // a tenth of the time that it has been dead
constexpr seconds kLookupsAtMostEvery = 1s;

}  // namespace

RelayAddresses::RelayAddresses(std::string host) : host_(std::move(host)) {
    const auto address = net::parse_ip(host_);
    if (!address) return;
    literal_ = true;
    of(family_of(*address)).addresses = {*address};
}

void RelayAddresses::remember(const std::vector<net::IpAddress>& addresses) {
    if (literal_) return;
    for (const IpFamily family : kIpFamilies) {
        Known& known = of(family);
        if (known.answered_at) continue;
        known.addresses.clear();
        std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(known.addresses),
                     [&](const auto& address) { return family_of(address) == family; });
    }
}

void RelayAddresses::worked(const net::IpAddress& address) {
    if (!literal_) proven_ = address;
}

void RelayAddresses::set_alive(bool alive, TimePoint now) {
    if (alive) {
        lived_ = true;
        dead_since_.reset();
    } else if (!dead_since_) {
        dead_since_ = now;
        for (Known& known : known_) known.at_once |= lived_;
    }
}

void RelayAddresses::ask_again() {
    for (Known& known : known_) {
        known.at_once = true;
        known.failures = 0;
    }
}

RelayAddresses::TimePoint RelayAddresses::due(const Known& known) const {
    if (!known.answered_at) return TimePoint{};
    if (known.at_once) return known.asked_at + kLookupsAtMostEvery;
    if (known.failures > 0) {
        const unsigned doublings = std::min(known.failures - 1, 6U);
        return *known.answered_at + std::min(kFirstLookupRetry * (1U << doublings), kLongestLookupRetry);
    }
    auto shortest = kShortestLife;
    if (dead_since_) {
        const auto dead_for = std::chrono::duration_cast<seconds>(*known.answered_at - *dead_since_);
        shortest = std::clamp(dead_for / kPatienceGrows, kShortestLifeWhileDead, kShortestLife);
    }
    return *known.answered_at + std::clamp(known.ttl, shortest, kLongestLife);
}

bool RelayAddresses::ask(IpFamily family, TimePoint now) {
    Known& known = of(family);
    if (literal_ || known.asked || now < due(known)) return false;
    known.asked = true;
    known.at_once = false;
    known.asked_at = now;
    return true;
}

void RelayAddresses::on_answer(IpFamily family, const Result<std::vector<net::IpAddress>>& addresses,
                               seconds ttl, TimePoint now) {
    Known& known = of(family);
    known.asked = false;
    known.answered_at = now;
    known.error.clear();
    if (!addresses) {
        ++known.failures;
        known.error = addresses.error().text();
        return;  // the last good addresses stay
    }
    known.failures = 0;
    known.ttl = ttl;
    const Known& other = of(family == IpFamily::ipv6 ? IpFamily::ipv4 : IpFamily::ipv6);
    // A name that has lost all its addresses is a mistake of somebody's, and not ours to follow.
    if (!addresses->empty() || !other.addresses.empty()) known.addresses = *addresses;
}

std::optional<RelayAddresses::TimePoint> RelayAddresses::deadline() const {
    std::optional<TimePoint> next;
    for (const Known& known : known_) {
        if (literal_ || known.asked) continue;
        if (!next || due(known) < *next) next = due(known);
    }
    return next;
}

std::vector<net::IpAddress> RelayAddresses::all() const {
    std::vector<net::IpAddress> out;
    const auto longest = std::max(known_[0].addresses.size(), known_[1].addresses.size());
    for (std::size_t i = 0; i < longest; ++i) {
        for (const Known& known : known_) {
            if (i < known.addresses.size()) out.push_back(known.addresses[i]);
        }
    }
    if (proven_ && std::find(out.begin(), out.end(), *proven_) == out.end()) out.push_back(*proven_);
    return out;
}

std::string RelayAddresses::problem() const {
    if (literal_) return {};
    std::string error;
    bool good = false;
    for (const Known& known : known_) {
        if (known.failures > 0 && error.empty()) error = known.error;
        // One family that cannot be asked for is not a problem while the other has addresses.
        good |= known.answered_at && known.failures == 0 && !known.addresses.empty();
    }
    if (good) return {};
    if (!error.empty()) return error;
    const bool answered = known_[0].answered_at && known_[1].answered_at;
    if (answered) return fmt::format("resolve {}: no addresses", host_);
    return all().empty() ? fmt::format("{} is not resolved yet", host_) : std::string{};
}

}  // namespace ulagate
