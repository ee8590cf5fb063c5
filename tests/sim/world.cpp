// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/world.h"

#include <fmt/format.h>

#include <algorithm>

#include "vrrp/neighbor.h"

namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kStoryLines = 120;
// A claim goes to the relay and back through the internet, which takes longer than anything on the LAN.
constexpr Duration kClaimRoundTrip = 20ms;

net::MacAddress mac_of(Station station) { return {{2, 0, 0, 0, 0, static_cast<std::uint8_t>(station + 1)}}; }
net::Ipv6Address link_local_of(std::uint8_t last) {
    return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}};
}

}  // namespace

World::World(std::uint64_t seed, std::vector<LanConfig> routers, std::size_t hosts)
    : dice(seed), wire(dice, routers.size(), routers.size() + hosts) {
    const net::Ipv6Address address = routers.front().vrrp.value().machine.address;
    // So that the largest address is not always that of the last one.
    const auto first = static_cast<std::uint8_t>(dice.number(0, 4));
    for (std::size_t i = 0; i < routers.size(); ++i) {
        Router::Setup setup;
        setup.station = i;
        setup.mac = mac_of(i);
        setup.address = link_local_of(static_cast<std::uint8_t>(1 + (i + first) % 5));
        setup.dice = &dice;
        setup.send = [this, i](Frame frame) {
            referee_.sent(i, frame, now_);
            wire.send(i, std::move(frame), now_);
        };
        setup.drained = [this, i] { return drained(i); };
        setup.changed = [this, i](const vrrp::Changed& change) {
            ++seen_.changes;
            if (change.to == vrrp::State::active) ++seen_.takeovers;
            tell(fmt::format("r{}", i + 1), fmt::format("{} -> {}: {}", vrrp::to_string(change.from),
                                                        vrrp::to_string(change.to), change.reason));
            referee_.changed(i, change, now_);
        };
        setup.tell = [this, i](const std::string& what) { tell(fmt::format("r{}", i + 1), what); };
        routers_.push_back(std::make_unique<Router>(std::move(setup), std::move(routers[i])));
    }
    for (std::size_t i = 0; i < hosts; ++i) {
        const Station station = station_of_host(i);
        Host::Setup setup;
        setup.mac = mac_of(station);
        setup.address = link_local_of(static_cast<std::uint8_t>(0x40 + i));
        setup.router = address;
        setup.period = std::chrono::milliseconds{dice.number(10, 100)};
        setup.send = [this, station](Frame frame) { wire.send(station, std::move(frame), now_); };
        setup.carries = [this, station](const net::MacAddress& mac) { return carried(station, mac); };
        setup.dice = &dice;
        hosts_.push_back(std::make_unique<Host>(std::move(setup)));
        hosts_.back()->boot(now_);
    }
    look_around();
}

void World::run_until(TimePoint end) {
    std::array<TimePoint, kMaxStations> wake{};
    wake.fill(TimePoint::max());
    const auto look = [&](Station s) {
        wake[s] = s < routers_.size() ? routers_[s]->wake() : hosts_[s - routers_.size()]->wake();
    };
    const std::size_t stations = routers_.size() + hosts_.size();
    for (Station s = 0; s < stations; ++s) look(s);
    look_around();  // the test may have changed anything
    // After an offence nothing more happens: the story ends with it, and routers that answer each other for
    // ever do not.
    while (!offence()) {
        const auto first = std::min_element(wake.begin(), wake.end());
        const TimePoint next = std::min(*first, wire.next());
        if (next > end) break;
        now_ = std::max(now_, next);
        if (wire.next() <= next) {
            const Wire::Delivery delivery = wire.take();
            if (!wire.joined(delivery.from, delivery.to)) continue;
            deliver(delivery);
            look(delivery.to);
            continue;
        }
        const auto s = static_cast<Station>(first - wake.begin());
        if (s < routers_.size()) {
            routers_[s]->run(now_);
            watch(s);
        } else {
            hosts_[s - routers_.size()]->run(now_);
        }
        look(s);
    }
    now_ = end;
    note_times();
    for (const auto& host : hosts_) host->look_again(now_);
}

void World::deliver(const Wire::Delivery& delivery) {
    if (delivery.to >= routers_.size())
        return hosts_[delivery.to - routers_.size()]->receive(*delivery.frame, now_);
    const bool vrrp = delivery.frame->protocol == vrrp::kProtocol;
    if (vrrp) referee_.delivered(delivery.from, delivery.to, *delivery.frame, now_);
    routers_[delivery.to]->receive(delivery.frame, now_);
    if (vrrp) referee_.handled(delivery.to, *delivery.frame, now_);
    watch(delivery.to);
}

void World::plug(std::size_t router, bool in) {
    wire.plug(router, in);
    routers_.at(router)->carrier(in, now_);
}

std::vector<std::size_t> World::answering(unsigned segment) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        if (routers_[i]->answers() && wire.plugged(i) && wire.segment(i) == segment) found.push_back(i);
    }
    return found;
}

// After each event of a router, most of which change nothing that can be seen.
void World::watch(std::size_t router) {
    if (routers_[router]->face_version() == faces_seen_[router] && wire.virtual_version() == virtual_seen_)
        return;
    look_around();
}

void World::look_around() {
    for (std::size_t i = 0; i < routers_.size(); ++i) faces_seen_[i] = routers_[i]->face_version();
    virtual_seen_ = wire.virtual_version();
    for (const auto& host : hosts_) host->look_again(now_);
    std::array<unsigned, kMaxRouters> answers{};
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        if (wire.plugged(i) && routers_[i]->answers()) answers[i] = wire.segment(i) + 1;
    }
    note_times();
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        if (answers_in_[i] != answers[i]) answers_since_[i] = now_;
        for (std::size_t j = 0; j < i; ++j) {
            // Who says goodbye together with the last other one still holds it.
            const bool leave = routers_[i]->leaving() && routers_[j]->leaving();
            const bool two = answers[i] != 0 && answers[i] == answers[j] && !leave;
            if (two != two_since_[i][j].has_value())
                two_since_[i][j] = two ? std::optional{now_} : std::nullopt;
        }
    }
    answers_in_ = answers;
    const bool none = std::all_of(answers.begin(), answers.end(), [](unsigned a) { return a == 0; });
    if (none != none_since_.has_value()) none_since_ = none ? std::optional{now_} : std::nullopt;
}

void World::note_times() {
    const auto note = [&](Duration& longest, const std::optional<TimePoint>& since) {
        if (since) longest = std::max(longest, now_ - *since);
    };
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            const auto& since = two_since_[i][j];
            if (!since) continue;
            note(seen_.two, since);
            const auto a = routers_[i]->awake_since(now_);
            const auto b = routers_[j]->awake_since(now_);
            if (a && b) note(seen_.two_awake, std::max({*since, *a, *b}));
        }
    }
    note(seen_.none, none_since_);
    referee_.look(now_);
}

void World::forget() {
    seen_ = {};
    for (auto& row : two_since_) {
        for (auto& since : row) since = since ? std::optional{now_} : std::nullopt;
    }
    if (none_since_) none_since_ = now_;
    for (auto& host : hosts_) host->forget_flow();
}

bool World::carried(Station host, const net::MacAddress& mac) const {
    const bool is_virtual = mac.bytes[0] == 0;
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        if (!wire.joined(host, i) || !routers_[i]->carries(mac)) continue;
        if (!is_virtual || wire.forwards_virtual(host, i)) return true;
    }
    return false;
}

// A router that has taken over claims the site at once, wherever the partition of the LAN leaves it.
bool World::drained(std::size_t router) const {
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        if (i != router && answers_in_[i] != 0 && now_ - answers_since_[i] >= kClaimRoundTrip) return true;
    }
    return false;
}

void World::tell(const std::string& who, const std::string& what) {
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch()).count();
    story_.push_back(fmt::format("{:12.4f} {} {}", static_cast<double>(since) / 1e6, who, what));
    if (story_.size() > kStoryLines) story_.pop_front();
}

std::string World::story() const {
    std::string text;
    for (const std::string& line : story_) text += line + "\n";
    return text;
}

}  // namespace ulagate::sim
