// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/path_mtu.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

namespace ulagate::path_mtu_test {
namespace {

using namespace std::chrono_literals;

// A path that carries packets up to a size, there and back in a time.
class PathMtuStory : public testing::Test {
protected:
    using TimePoint = PathMtu::TimePoint;

    void begin(unsigned interface, unsigned path) {
        path_ = path;
        mtu_.start(interface, now_);
    }
    // Everything that happens in the next while.
    void run(std::chrono::milliseconds how_long) {
        const TimePoint end = now_ + how_long;
        while (true) {
            const auto due = mtu_.deadline();
            const bool answer_first = !answers_.empty() && (!due || answers_.begin()->first <= *due);
            const auto next = answer_first ? std::optional{answers_.begin()->first} : due;
            if (!next || *next > end) break;
            now_ = std::max(now_, *next);
            if (answer_first) {
                const unsigned size = answers_.begin()->second;
                answers_.erase(answers_.begin());
                mtu_.on_answer(size, now_);
            } else {
                send(mtu_.update(now_));
            }
        }
        now_ = end;
    }
    void send(const std::vector<unsigned>& sizes) {
        if (!sizes.empty()) rounds_.push_back(sizes);
        for (const unsigned size : sizes) {
            ++sent_;
            const bool lost = lose_every_ != 0 && sent_ % lose_every_ == 0;
            if (size <= path_ && !lost) answers_.emplace(now_ + round_trip_, size);
        }
    }
    std::chrono::milliseconds elapsed() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - TimePoint{});
    }

    PathMtu mtu_;
    TimePoint now_;
    unsigned path_ = 1500;
    std::chrono::milliseconds round_trip_ = 30ms;
    unsigned lose_every_ = 0;
    unsigned sent_ = 0;
    std::multimap<TimePoint, unsigned> answers_;
    std::vector<std::vector<unsigned>> rounds_;
};

TEST_F(PathMtuStory, APathAsWideAsTheInterfaceIsKnownAfterOneRoundTrip) {
    begin(1500, 1500);
    run(29ms);
    EXPECT_EQ(mtu_.bytes(), std::nullopt);
    run(1ms);
    EXPECT_EQ(mtu_.bytes(), 1500U);
    EXPECT_EQ(rounds_.size(), 1U);
    run(1h);
    EXPECT_EQ(rounds_.size(), 1U) << "without traffic nothing is sent";
}

TEST_F(PathMtuStory, ANarrowerPathIsFoundToTheByteInThreeRounds) {
    for (const unsigned path : {1280U, 1281U, 1400U, 1472U, 1480U, 1492U, 1499U}) {
        SCOPED_TRACE(path);
        mtu_ = {};
        answers_.clear();
        begin(1500, path);
        run(5s);
        EXPECT_EQ(mtu_.bytes(), path);
    }
}

TEST_F(PathMtuStory, JumboFramesAreFoundToo) {
    begin(9000, 8996);
    run(9s);
    EXPECT_EQ(mtu_.bytes(), 8996U);
    begin(65536, 65536);
    run(1s);
    EXPECT_EQ(mtu_.bytes(), PathMtu::kLargest);
}

TEST_F(PathMtuStory, NoRequestIsLargerThanTheInterfaceOrSmallerThanMatters) {
    begin(1500, 1333);
    run(20s);
    for (const auto& round : rounds_) {
        for (const unsigned size : round) {
            EXPECT_GE(size, PathMtu::kSmallest);
            EXPECT_LE(size, 1500U);
        }
    }
}

TEST_F(PathMtuStory, NothingIsSentOverAnInterfaceThatCarriesNoMoreThanTheSmallest) {
    begin(1280, 1280);
    run(1h);
    EXPECT_TRUE(rounds_.empty());
    EXPECT_EQ(mtu_.bytes(), std::nullopt);
}

TEST_F(PathMtuStory, LossDoesNotMakeThePathNarrower) {
    for (unsigned every = 3; every < 12; ++every) {
        SCOPED_TRACE(every);
        lose_every_ = every;
        mtu_ = {};
        answers_.clear();
        begin(1500, 1492);
        run(6s);
        EXPECT_EQ(mtu_.bytes(), 1492U);
    }
}

TEST_F(PathMtuStory, ASlowPathIsMeasuredToo) {
    round_trip_ = 1400ms;
    begin(1500, 1480);
    run(12s);
    EXPECT_EQ(mtu_.bytes(), 1480U);
}

TEST_F(PathMtuStory, WhereNobodyAnswersItIsTriedLessAndLessOften) {
    begin(1500, 0);
    run(11s);
    EXPECT_EQ(rounds_.size(), 3U) << "three tries";
    EXPECT_EQ(mtu_.bytes(), std::nullopt);
    run(24h);
    EXPECT_LT(rounds_.size(), 3U * (8 + 24 * 6));
    path_ = 1500;
    run(11min);
    EXPECT_EQ(mtu_.bytes(), 1500U);
}

TEST_F(PathMtuStory, WhileTrafficFlowsASmallerPathIsNoticedAndMeasured) {
    begin(1500, 1500);
    mtu_.set_traffic(true);
    run(60s);
    EXPECT_EQ(rounds_.size(), 1U + 5U) << "a check every 10 s";
    path_ = 1400;
    run(10s + 3s + 5s);
    EXPECT_EQ(mtu_.bytes(), 1400U);
}

TEST_F(PathMtuStory, ADeadPathIsNoNarrowOne) {
    begin(1500, 1492);
    mtu_.set_traffic(true);
    run(15s);
    path_ = 0;
    run(1min);
    EXPECT_EQ(mtu_.bytes(), 1492U);
    mtu_.again(now_);
    run(1min);
    EXPECT_EQ(mtu_.bytes(), 1492U) << "also when it dies in the middle of a search";
}

TEST_F(PathMtuStory, APathThatDiesBetweenTwoRoundsKeepsWhatWasKnown) {
    begin(1500, 1492);
    run(5s);
    mtu_.again(now_);
    run(1700ms);  // the first round is over
    path_ = 0;
    run(9s);
    EXPECT_EQ(mtu_.bytes(), 1492U);
}

TEST_F(PathMtuStory, ItIsRaisedAgainWithinTenMinutes) {
    begin(1500, 1400);
    mtu_.set_traffic(true);
    run(1min);
    path_ = 1500;
    run(8min);
    EXPECT_EQ(mtu_.bytes(), 1400U);
    run(1min + 15s);
    EXPECT_EQ(mtu_.bytes(), 1500U);
}

TEST_F(PathMtuStory, AnotherPathBeginsWithNothingKnown) {
    begin(1500, 1400);
    run(5s);
    begin(1500, 1492);
    EXPECT_EQ(mtu_.bytes(), std::nullopt);
    run(5s);
    EXPECT_EQ(mtu_.bytes(), 1492U);
}

TEST_F(PathMtuStory, AnAnswerThatNobodyAskedForCountsForNothing) {
    begin(1500, 0);
    send(mtu_.update(now_));
    mtu_.on_answer(9000, now_);
    mtu_.on_answer(1279, now_);
    run(5s);
    EXPECT_EQ(mtu_.bytes(), std::nullopt);
}

}  // namespace
}  // namespace ulagate::path_mtu_test
