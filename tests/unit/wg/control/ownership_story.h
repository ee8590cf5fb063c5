// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "tests/unit/text_values.h"
#include "tests/unit/wg/test_support.h"
#include "wg/control/ownership.h"

namespace ulagate::wg::control {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

inline const net::Ipv6Prefix kLan = prefix("fd12:3456:789a:a::/64");
inline const net::Ipv6Prefix kOtherSite = prefix("fd12:3456:789a:b::/64");
inline const net::Ipv6Address kA1 = address("fd99::a1");  // index 0, priority 200
inline const net::Ipv6Address kA2 = address("fd99::a2");  // index 1, priority 100
inline const net::Ipv6Address kA3 = address("fd99::a3");  // index 2, priority 50
inline const net::Ipv6Address kB1 = address("fd99::b1");

inline RouterRow router(const net::Ipv6Address& at, unsigned key, std::uint8_t priority) {
    return {at, wg::test::key(key), priority};
}

inline std::vector<SiteRow> two_sites() {
    return {{"a", {kLan}, {router(kA1, 1, 200), router(kA2, 2, 100), router(kA3, 3, 50)}},
            {"b", {kOtherSite}, {router(kB1, 11, 100)}}};
}

// A relay in virtual time. Every story starts at 0.
class OwnershipStory : public ::testing::Test {
protected:
    void configure(const std::vector<SiteRow>& rows) { record(relay_.set_config(rows, now())); }
    OwnershipStory() { configure(two_sites()); }

    [[nodiscard]] Now now() const {
        return {kStart + at_, kWall + std::chrono::duration_cast<milliseconds>(at_)};
    }
    void record(Outcome outcome) {
        std::move(outcome.send.begin(), outcome.send.end(), std::back_inserter(sent_));
        std::move(outcome.events.begin(), outcome.events.end(), std::back_inserter(events_));
    }
    // What the router sends, with the next number of its own.
    void from(const net::Ipv6Address& sender, Message message) {
        record(relay_.on_packet(sender, {++sequences_[sender], std::move(message)}, now()));
    }
    void hello(const net::Ipv6Address& sender) { from(sender, Hello{}); }
    void claim(const net::Ipv6Address& sender, std::uint64_t epoch, std::uint8_t priority = 100) {
        from(sender, Claim{{kLan}, epoch, priority});
    }
    void release(const net::Ipv6Address& sender, std::uint64_t epoch) {
        from(sender, Release{{kLan}, epoch});
    }

    // From alarm to alarm.
    void run_until(Duration end) {
        while (relay_.deadline() && *relay_.deadline() <= kStart + end) {
            at_ = std::max(at_, *relay_.deadline() - kStart);
            record(relay_.on_deadline(now()));
        }
        at_ = end;
    }
    [[nodiscard]] std::optional<milliseconds> deadline() const {
        if (!relay_.deadline()) return std::nullopt;
        return std::chrono::duration_cast<milliseconds>(*relay_.deadline() - kStart);
    }
    [[nodiscard]] std::optional<std::size_t> owner() const { return relay_.owner_index(kLan); }
    std::vector<Outgoing> sent() { return std::exchange(sent_, {}); }
    std::vector<OwnershipEvent> events() { return std::exchange(events_, {}); }
    // What was sent to one router, without its numbers.
    std::vector<Message> sent_to(const net::Ipv6Address& to) {
        std::vector<Message> messages;
        for (const Outgoing& out : sent_) {
            if (out.to == to) messages.push_back(out.packet.message);
        }
        return messages;
    }
    static OwnershipEvent moved(std::optional<std::size_t> from, std::size_t to, Reason reason) {
        return OwnerChanged{"a", kLan, from, to, reason};
    }

    static constexpr TimePoint kStart{1000s};
    static constexpr UnixTime kWall{1'700'000'000'000ms};
    Duration at_{};
    Ownership relay_{1000};
    std::map<net::Ipv6Address, std::uint32_t> sequences_;
    std::vector<Outgoing> sent_;
    std::vector<OwnershipEvent> events_;
};

}  // namespace ulagate::wg::control
