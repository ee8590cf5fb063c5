// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/reconnect_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace ulagate::reconnect_schedule_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Silent = ReconnectSchedule::Silent;

wg::PublicKey key(unsigned n) {
    wg::PublicKey out;
    out.bytes[0] = static_cast<std::uint8_t>(n);
    out.bytes[1] = static_cast<std::uint8_t>(n >> 8U);
    return out;
}

class Reconnecting : public testing::Test {
protected:
    // The router n, whose last handshake was so long ago.
    static Silent silent(unsigned n, std::chrono::seconds ago) {
        return {key(n), ReconnectSchedule::WallTime{1'800'000'000s} - ago};
    }
    void update(const std::vector<Silent>& routers) { schedule_.update(routers, now_); }
    std::vector<wg::PublicKey> take() { return schedule_.take(now_); }
    [[nodiscard]] std::optional<std::chrono::milliseconds> deadline() const {
        if (!schedule_.deadline()) return std::nullopt;
        return std::chrono::duration_cast<std::chrono::milliseconds>(*schedule_.deadline() - kStart);
    }

    static constexpr ReconnectSchedule::TimePoint kStart{1000s};
    ReconnectSchedule::TimePoint now_ = kStart;
    ReconnectSchedule schedule_;
};

TEST_F(Reconnecting, NobodyIsSilent) {
    update({});
    EXPECT_EQ(deadline(), std::nullopt);
    EXPECT_THAT(take(), IsEmpty());
}

TEST_F(Reconnecting, BeginsAtOnceWithWhoWasThereLast) {
    update({silent(1, 300s), silent(2, 5s), silent(3, 100s)});
    EXPECT_EQ(deadline(), 0ms);
    EXPECT_THAT(take(), ElementsAre(key(2), key(3), key(1)));
    EXPECT_THAT(schedule_.reconnecting(), ElementsAre(key(1), key(2), key(3)));
    EXPECT_THAT(take(), IsEmpty()) << "once";
}

TEST_F(Reconnecting, TenThousandComeInHalfAMinuteThirtyATime) {
    constexpr unsigned kRouters = 10'000;
    std::vector<Silent> routers;
    for (unsigned i = 0; i < kRouters; ++i) routers.push_back(silent(i, std::chrono::seconds{i}));
    update(routers);
    std::vector<wg::PublicKey> order;
    while (order.size() < kRouters) {
        ASSERT_TRUE(schedule_.deadline());
        ASSERT_GE(*schedule_.deadline(), now_);
        now_ = *schedule_.deadline();
        const auto some = take();
        EXPECT_LE(some.size(), 30U);
        order.insert(order.end(), some.begin(), some.end());
        // By rate: never more than 300 in any second, and 30 to begin with.
        EXPECT_LE(order.size(), 30 + (now_ - kStart) / 100ms * 30);
    }
    EXPECT_EQ(now_ - kStart, 33'300ms);
    for (unsigned i = 0; i < kRouters; ++i) ASSERT_EQ(order[i], key(i));
}

TEST_F(Reconnecting, AStallDoesNotMakeACrowd) {
    std::vector<Silent> routers;
    for (unsigned i = 0; i < 100; ++i) routers.push_back(silent(i, 1s));
    update(routers);
    EXPECT_THAT(take(), SizeIs(30));
    now_ += 10s;
    EXPECT_THAT(take(), SizeIs(30));
    EXPECT_THAT(take(), IsEmpty());
    now_ += 100ms;
    EXPECT_THAT(take(), SizeIs(30));
}

TEST_F(Reconnecting, WhoComesByItselfNeedsNoReconnect) {
    std::vector<Silent> routers;
    for (unsigned i = 0; i < 40; ++i) routers.push_back(silent(i, std::chrono::seconds{i}));
    update(routers);
    EXPECT_THAT(take(), SizeIs(30));
    routers.erase(routers.begin() + 31, routers.end());  // 31 to 39 have come
    routers.erase(routers.begin());                      // and the first has answered
    update(routers);
    EXPECT_THAT(schedule_.reconnecting(), SizeIs(29));
    now_ += 100ms;
    EXPECT_THAT(take(), ElementsAre(key(30)));
    update({});
    EXPECT_THAT(schedule_.reconnecting(), IsEmpty());
    EXPECT_EQ(deadline(), std::nullopt);
}

TEST_F(Reconnecting, GivesUpAfterHalfAMinuteAndDoesNotBeginAgain) {
    update({silent(1, 5s)});
    EXPECT_THAT(take(), SizeIs(1));
    EXPECT_EQ(deadline(), 30s);
    now_ += 29'999ms;
    take();
    EXPECT_THAT(schedule_.reconnecting(), SizeIs(1));
    now_ += 1ms;
    EXPECT_THAT(take(), IsEmpty());
    EXPECT_THAT(schedule_.reconnecting(), IsEmpty());
    update({silent(1, 5s)});
    EXPECT_EQ(deadline(), std::nullopt);
    // It was there, and its device is lost once more.
    update({});
    update({silent(1, 1s)});
    EXPECT_THAT(take(), ElementsAre(key(1)));
}

}  // namespace
}  // namespace ulagate::reconnect_schedule_test
