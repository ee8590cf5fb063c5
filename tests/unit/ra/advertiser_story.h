// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "ra/advertiser.h"
#include "tests/unit/text_values.h"

namespace ulagate::ra {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

inline const net::Ipv6Address kHost = address("fe80::a");
inline const net::Ipv6Address kOtherHost = address("fe80::b");
inline const net::Ipv6Address kNobody = address("::");
inline const Source kSource{address("fe80::5eed"), net::MacAddress{{2, 0, 0, 0, 0, 1}}};

inline net::Ipv6Address host(unsigned n) {
    net::Ipv6Address host = kHost;
    host.bytes[12] = static_cast<std::uint8_t>(n >> 16U);
    host.bytes[13] = static_cast<std::uint8_t>(n >> 8U);
    host.bytes[14] = static_cast<std::uint8_t>(n);
    return host;
}

inline net::MacAddress mac(unsigned n) {
    return {{2, 0x99, static_cast<std::uint8_t>(n >> 24U), static_cast<std::uint8_t>(n >> 16U),
             static_cast<std::uint8_t>(n >> 8U), static_cast<std::uint8_t>(n)}};
}
inline Neighbor neighbor(unsigned n) { return {host(n), mac(n)}; }

inline PrefixInformation lan() { return {prefix("fd12:3456:789a:a::/64")}; }
inline RouteInformation overlay() { return {prefix("fd12:3456:789a::/48"), Preference::high, Seconds{1800}}; }

inline Config config() {  // every 10 to 30 s
    Config config;
    config.advertisement.options = {lan(), overlay()};
    return config;
}

// What was on the wire: when, counted from the start of the story, and to whom.
struct Sent {
    milliseconds at;
    net::Ipv6Address to;
    bool operator==(const Sent&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Sent& sent) {
    return out << sent.at.count() << " ms to " << net::to_string(sent.to);
}
inline Sent to_all(milliseconds at) { return {at, kAllNodes}; }

// One router on one link in virtual time. Chance gives what the story says, else always the upper bound.
class AdvertiserStory : public ::testing::Test {
protected:
    void configure(const Config& config) {
        advertiser_ = Advertiser{config, [this](Duration low, Duration high) { return draw(low, high); }};
    }
    AdvertiserStory() { configure(config()); }

    Duration draw(Duration low, Duration high) {
        asked_.emplace_back(low, high);
        if (draws_.empty()) return high;
        const Duration drawn = draws_.front();
        draws_.pop_front();
        return drawn;
    }
    void chance_gives(std::initializer_list<Duration> draws) { draws_.assign(draws); }

    void record(const std::vector<Send>& sends) {
        for (const Send& send : sends) {
            const auto at = std::chrono::duration_cast<milliseconds>(now_ - kStart);
            if (send.hosts.empty()) wire_.push_back({at, send.destination});
            for (const Neighbor& host : send.hosts) wire_.push_back({at, host.address});
            last_ = send;
        }
    }
    // Advances the clock from alarm to alarm.
    void run_until(Duration end) {
        while (advertiser_.deadline() && *advertiser_.deadline() <= kStart + end) {
            now_ = std::max(now_, *advertiser_.deadline());
            record(advertiser_.on_deadline(now_));
        }
        now_ = kStart + end;
    }
    void source(std::optional<Source> source) { record(advertiser_.set_source(std::move(source), now_)); }
    void solicit(const net::Ipv6Address& from) { record(advertiser_.on_solicitation({}, from, now_)); }
    // From a host that tells the link-layer address its frame comes from.
    void solicit(const Neighbor& host) {
        record(advertiser_.on_solicitation({host.link_address}, host.address, now_, host.link_address));
    }
    void reconfigure(const Config& config) { record(advertiser_.set_config(config, now_)); }
    void withdraw() { record(advertiser_.withdraw(now_)); }
    std::vector<Sent> wire() { return std::exchange(wire_, {}); }
    std::optional<milliseconds> deadline() const {
        if (!advertiser_.deadline()) return std::nullopt;
        return std::chrono::duration_cast<milliseconds>(*advertiser_.deadline() - kStart);
    }
    // The three quick advertisements are over (0 s, 16 s, 32 s); the next comes at 62 s.
    void settle() {
        source(kSource);
        run_until(32s);
        ASSERT_EQ(deadline(), 62s);
        wire();
    }

    static constexpr TimePoint kStart{1000s};
    std::deque<Duration> draws_;
    std::vector<std::pair<Duration, Duration>> asked_;
    TimePoint now_ = kStart;
    Advertiser advertiser_{{}, {}};
    std::vector<Sent> wire_;
    std::optional<Send> last_;
};

}  // namespace ulagate::ra
