// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/plain_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ulagate::plain_relay_test {
namespace {

using namespace std::chrono_literals;

class PlainRelayStory : public testing::Test {
protected:
    // It stays like this for a while, looked at once a second.
    void stays(bool used, bool session, std::chrono::seconds how_long) {
        for (auto passed = 0s; passed < how_long; passed += 1s) {
            relay_.update(used, session, now_);
            now_ += 1s;
        }
    }
    [[nodiscard]] bool unreachable() const { return relay_.unreachable(now_); }

    PlainRelay relay_;
    PlainRelay::TimePoint now_{1000s};
};

TEST_F(PlainRelayStory, ABackupHasNoPeerThereAndThinksNoIllOfIt) {
    stays(false, false, 1h);
    EXPECT_FALSE(unreachable());
}

TEST_F(PlainRelayStory, ARouterThatTookOverWaitsForTheHandshake) {
    stays(false, false, 1h);
    stays(true, false, 10s);
    EXPECT_FALSE(unreachable());
    stays(true, true, 1s);
    EXPECT_FALSE(unreachable());
}

TEST_F(PlainRelayStory, WithoutASessionForMoreThanTenSecondsItIsOutOfReach) {
    stays(true, false, 11s);  // the last look is 10 s after the first
    EXPECT_FALSE(unreachable());
    stays(true, false, 1s);
    EXPECT_TRUE(unreachable());
    stays(true, false, 1h);
    EXPECT_TRUE(unreachable());
}

TEST_F(PlainRelayStory, ASessionThatEndedCountsFromItsEnd) {
    stays(true, true, 1h);
    stays(true, false, 11s);
    EXPECT_FALSE(unreachable());
    stays(true, false, 1s);
    EXPECT_TRUE(unreachable());
}

TEST_F(PlainRelayStory, ARouterThatBecameBackupForItRemembersItForFiveMinutes) {
    stays(true, false, 12s);
    stays(false, false, 298s);  // 299 s since it was judged last
    EXPECT_TRUE(unreachable());
    stays(false, false, 1s);
    EXPECT_FALSE(unreachable());
}

TEST_F(PlainRelayStory, AHandshakeEndsItAtOnce) {
    stays(true, false, 1min);
    ASSERT_TRUE(unreachable());
    stays(true, true, 1s);
    EXPECT_FALSE(unreachable());
    stays(false, false, 1s);
    EXPECT_FALSE(unreachable());
}

TEST_F(PlainRelayStory, TheNextTryHasItsTenSecondsAgain) {
    stays(true, false, 12s);
    stays(false, false, 5min);
    stays(true, false, 11s);
    EXPECT_FALSE(unreachable());
    stays(true, false, 1s);
    EXPECT_TRUE(unreachable());
}

TEST_F(PlainRelayStory, WhoTookOverRemindsItSevenTimes) {
    relay_.update(false, false, now_);
    EXPECT_EQ(relay_.deadline(), std::nullopt);
    const auto start = now_;
    relay_.update(true, false, now_);
    std::vector<std::chrono::milliseconds> reminders;
    while (relay_.deadline()) {
        EXPECT_FALSE(relay_.take_reminder(*relay_.deadline() - 1ms));
        now_ = *relay_.deadline();
        EXPECT_TRUE(relay_.take_reminder(now_));
        reminders.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(now_ - start));
        relay_.update(true, true, now_);
    }
    EXPECT_THAT(reminders, testing::ElementsAre(50ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms));
    EXPECT_FALSE(relay_.take_reminder(now_ + 1h));
}

TEST_F(PlainRelayStory, WhoIsNotActiveAnyMoreDoesNotRemindIt) {
    relay_.update(true, false, now_);
    relay_.update(false, false, now_ + 10ms);
    EXPECT_FALSE(relay_.take_reminder(now_ + 1s));
    relay_.update(true, false, now_ + 2s);
    EXPECT_TRUE(relay_.take_reminder(now_ + 2050ms));
}

}  // namespace
}  // namespace ulagate::plain_relay_test
