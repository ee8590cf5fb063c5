// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/ra/advertiser_story.h"

// Who is answered when too many ask, and when an answer does not arrive.
namespace ulagate::ra::replies_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class Replies : public AdvertiserStory {
protected:
    // 10,000 solicitations a second from ever new hosts, up to `end`.
    void flood_until(Duration end) {
        for (Duration at = now_ - kStart; at < end; at += 100us) {
            run_until(at);
            solicit(host(++strangers_));
            ASSERT_LE(advertiser_.pending_replies(), 128U);
            ASSERT_LE(advertiser_.remembered_hosts(), 128U + 202U + 256U);
        }
        run_until(end);
    }
    std::vector<milliseconds> multicasts(const std::vector<Sent>& wire) {
        std::vector<milliseconds> at;
        for (const Sent& sent : wire) {
            if (sent.to == kAllNodes) at.push_back(sent.at);
        }
        return at;
    }
    unsigned strangers_ = 1000;
};

TEST_F(Replies, R42_AHostThatWasAnsweredBeforeIsAnsweredDuringAFloodToo) {
    settle();
    run_until(40s);
    solicit(kHost);
    run_until(41s);
    ASSERT_THAT(wire(), ElementsAre(Sent{40500ms, kHost}));
    flood_until(46s);
    wire();
    solicit(kHost);
    flood_until(47s);
    EXPECT_THAT(wire(), Contains(Sent{46500ms, kHost})) << "within half a second, as without the flood";
    flood_until(51s);
    EXPECT_THAT(multicasts(wire()), ElementsAre(48506ms))
        << "and the multicasts go on as the 3 s rule allows";
}

TEST_F(Replies, R42_AHostThatAppearsDuringAFloodIsAnsweredByTheNextMulticast) {
    settle();
    run_until(40s);
    flood_until(41s);
    wire();
    solicit(kHost);
    flood_until(45s);
    const auto sent = wire();
    EXPECT_THAT(sent, Not(Contains(Sent{41500ms, kHost})));
    EXPECT_THAT(multicasts(sent), ElementsAre(44006ms))
        << "3.5 s after the one before: the 3 s rule, and the delay";
}

TEST_F(Replies, R42_WhoIsAnsweredInAFloodIsNoBetterThanOthers) {
    settle();
    run_until(40s);
    draws_.assign(10'000, 0ms);
    for (unsigned n = 1; n <= 60; ++n) solicit(host(n));  // 50 are answered, then it is a flood
    run_until(44s);
    draws_.clear();
    solicit(kHost);  // answered, but less than 10 s after a flood
    run_until(45s);
    ASSERT_THAT(wire(), Contains(Sent{44500ms, kHost}));
    flood_until(46s);
    solicit(kHost);
    flood_until(47s);
    EXPECT_THAT(wire(), Not(Contains(Sent{46500ms, kHost})));
}

TEST_F(Replies, R42_KnownHostsHaveLimitsToo) {
    settle();
    run_until(40s);
    solicit(kHost);
    run_until(42s);
    wire();
    draws_.assign(10'000, 0ms);
    for (Duration at = 42s; at < 45s; at += 1ms) {
        run_until(at);
        solicit(kHost);
    }
    run_until(45s);
    EXPECT_THAT(wire(), ElementsAre(Sent{42s, kHost}, Sent{43s, kHost}, Sent{44s, kHost}, Sent{45s, kHost}));
}

TEST_F(Replies, R42_OnlyTheLastKnownHostsAreRemembered) {
    settle();
    for (unsigned n = 0; n < 300; ++n) {
        run_until(40s + n * 1s);
        solicit(host(n));
    }
    run_until(400s);
    EXPECT_EQ(advertiser_.remembered_hosts(), 256U + 1U);
}

TEST_F(Replies, R16_R19_WhoCannotBeResolvedIsAnsweredByMulticast) {
    settle();
    run_until(40s);
    solicit(kHost);
    run_until(43s);
    ASSERT_THAT(wire(), ElementsAre(Sent{40500ms, kHost}));
    advertiser_.on_unresolved(kHost, now_);
    advertiser_.on_unresolved(kOtherHost, now_);
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(to_all(43500ms))) << "one for both";
    advertiser_.on_unresolved(kHost, now_);
    run_until(51s);
    advertiser_.on_unresolved(kHost, now_);
    run_until(60s);
    EXPECT_THAT(wire(), ElementsAre(to_all(50500ms), to_all(54s))) << "never closer than 3 s";
}

TEST_F(Replies, R09_WithoutASourceNobodyIsMadeUpFor) {
    advertiser_.on_unresolved(kHost, now_);
    EXPECT_EQ(deadline(), std::nullopt);
    settle();
    withdraw();
    run_until(100s);
    wire();
    advertiser_.on_unresolved(kHost, now_);
    run_until(200s);
    EXPECT_THAT(wire(), IsEmpty());
}

}  // namespace
}  // namespace ulagate::ra::replies_test
