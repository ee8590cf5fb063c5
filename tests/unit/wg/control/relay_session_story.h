// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <utility>
#include <vector>

#include "tests/unit/text_values.h"
#include "tests/unit/wg/test_support.h"
#include "wg/control/relay_session.h"

namespace ulagate::wg::control {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

inline const net::Ipv6Prefix kLan = prefix("fd12:3456:789a:a::/64");
inline const net::Ipv6Prefix kVlan = prefix("fd12:3456:789a:b::/64");
inline const net::Ipv6Address kUs = address("fd99::a1");
inline const net::Ipv6Address kOther = address("fd99::a2");

// What was sent: when, counted from the start of the story, and what.
struct Sent {
    milliseconds at;
    Message message;
    bool operator==(const Sent&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Sent& sent) {
    return out << sent.at.count() << " ms " << type_name(sent.message);
}

// One router's session in virtual time; the relay is what the test says it is. Probes are kept apart from the
// rest.
class RelaySessionStory : public ::testing::Test {
protected:
    [[nodiscard]] Now now() const { return {kStart + at_, kWall}; }
    void record(SessionOutcome outcome) {
        const auto at = std::chrono::duration_cast<milliseconds>(at_);
        for (Packet& packet : outcome.send) {
            EXPECT_EQ(packet.sequence, next_sequence_++);
            const bool probe = std::holds_alternative<Probe>(packet.message);
            (probe ? probes_ : sent_).push_back({at, std::move(packet.message)});
        }
        std::move(outcome.events.begin(), outcome.events.end(), std::back_inserter(events_));
    }
    void start() { record(session_.start(now())); }
    void lans(const std::vector<LanClaim>& lans) { record(session_.set_lans(lans, now())); }
    void active(std::uint8_t priority = 200) { lans({{kLan, ClaimState::active, priority}}); }
    void standby() { lans({{kLan, ClaimState::standby, 200}}); }
    void relay_says(Message message) {
        record(session_.on_packet({++relay_sequence_, std::move(message)}, now()));
    }
    // Answers the last message that we sent.
    void relay_answers(const Owner& owner) { relay_says(ClaimAck{next_sequence_ - 1, {owner}}); }
    void relay_echoes() { relay_says(ProbeAck{std::get<Probe>(probes_.back().message).id}); }
    void run_until(Duration end) {
        while (session_.deadline() && *session_.deadline() <= kStart + end) {
            at_ = std::max(at_, *session_.deadline() - kStart);
            record(session_.on_deadline(now()));
        }
        at_ = end;
    }
    // As run_until(), with a relay that answers every claim with `owner` and every probe.
    void run_answered(Duration end, const Owner& owner) {
        while (session_.deadline() && *session_.deadline() <= kStart + end) {
            at_ = std::max(at_, *session_.deadline() - kStart);
            const std::size_t sent = sent_.size();
            const std::size_t probes = probes_.size();
            record(session_.on_deadline(now()));
            if (sent_.size() > sent) relay_says(ClaimAck{next_sequence_ - 1, {owner}});
            if (probes_.size() > probes) relay_echoes();
        }
        at_ = end;
    }
    std::vector<Sent> sent() { return std::exchange(sent_, {}); }
    std::vector<SessionEvent> events() { return std::exchange(events_, {}); }
    static Sent claim(milliseconds at, std::uint64_t epoch, std::uint8_t priority = 200) {
        return {at, Claim{{kLan}, epoch, priority}};
    }
    static Sent hello(milliseconds at) { return {at, Hello{About{kVersion, 0, kWall}}}; }
    static Owner owned_by(const net::Ipv6Address& who, std::uint64_t epoch) {
        return {kLan, who, epoch, 100};
    }

    static constexpr TimePoint kStart{1000s};
    static constexpr UnixTime kWall{1'700'000'000'000ms};
    Duration at_{};
    std::uint32_t next_sequence_ = 0xfffffffe;
    std::uint32_t relay_sequence_ = 500;
    RelaySession session_{{kUs, 41, next_sequence_, 7000}};
    std::vector<Sent> sent_;
    std::vector<Sent> probes_;
    std::vector<SessionEvent> events_;
};

}  // namespace ulagate::wg::control
