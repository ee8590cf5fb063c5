// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/passage_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::passage_check_test {
namespace {

using namespace std::chrono_literals;
using firewall::Checkpoint;
using firewall::Passage;
using Lost = PassageCheck::Lost;

// One passage whose counters a test lets grow second by second.
class PassageStory : public ::testing::Test {
protected:
    void second(std::initializer_list<std::pair<Checkpoint, std::uint64_t>> grown = {}) {
        for (const auto& [point, packets] : grown) counts_.at(static_cast<std::size_t>(point)) += packets;
        at_ += 1s;
        check_.note(passage_, counts_, at_);
    }
    void seconds(int count, std::initializer_list<std::pair<Checkpoint, std::uint64_t>> grown) {
        for (int i = 0; i < count; ++i) second(grown);
    }
    [[nodiscard]] std::optional<Lost> lost() const {
        const auto found = check_.finding(passage_);
        return found ? std::optional{found->where} : std::nullopt;
    }
    static constexpr std::pair<Checkpoint, std::uint64_t> kCame{Checkpoint::came, 3};
    static constexpr std::pair<Checkpoint, std::uint64_t> kRouted{Checkpoint::routed, 3};
    static constexpr std::pair<Checkpoint, std::uint64_t> kForwarded{Checkpoint::forwarded, 3};
    static constexpr std::pair<Checkpoint, std::uint64_t> kLeft{Checkpoint::left, 3};

    Passage passage_{Passage::Kind::to_sites, "eth0"};
    PassageCheck check_;
    PassageCheck::Counts counts_{};
    PassageCheck::TimePoint at_{1000s};
};

TEST_F(PassageStory, F03_ProbesThatGetThroughAreWell) {
    seconds(20, {kCame, kRouted, kForwarded, kLeft});
    EXPECT_EQ(lost(), std::nullopt);
}

TEST_F(PassageStory, F03_WhereNothingComesNothingIsSaid) {
    seconds(20, {});
    EXPECT_EQ(lost(), std::nullopt);
}

TEST_F(PassageStory, F03_AFilterIsFoundWithinFiveSeconds) {
    seconds(20, {kCame, kRouted, kForwarded, kLeft});
    seconds(3, {kCame, kRouted, kForwarded});
    EXPECT_EQ(lost(), std::nullopt) << "one that loads its rules again is closed for a moment";
    second({kCame, kRouted, kForwarded});
    EXPECT_EQ(lost(), Lost::behind);
    second({kCame, kRouted, kForwarded, kLeft});
    EXPECT_EQ(lost(), std::nullopt) << "over at once";
}

// netdev chains, tc and XDP are asked before our first checkpoint.
TEST_F(PassageStory, F03_WhatCameAndDoesNotComeAnyMoreIsLostBeforeAllThatCounts) {
    const Passage other{Passage::Kind::from_sites, "eth0"};
    PassageCheck::Counts others{};
    const auto another = [&](std::uint64_t grown) {
        for (std::uint64_t& count : others) count += grown;
        check_.note(other, others, at_);
    };
    seconds(20, {kCame, kRouted, kForwarded, kLeft});
    for (int i = 0; i < 3; ++i) {
        second();
        another(3);
        EXPECT_EQ(lost(), std::nullopt);
    }
    second();
    another(3);
    EXPECT_EQ(check_.finding(passage_), (PassageCheck::Finding{Lost::before_routing, 0}));
    EXPECT_EQ(check_.finding(passage_, false), std::nullopt) << "no probe was sent";
    for (int i = 0; i < 5; ++i) {
        second();
        another(0);
    }
    EXPECT_EQ(lost(), std::nullopt) << "none comes by any passage: the probes are to blame";
    another(3);
    second({kCame, kRouted, kForwarded, kLeft});
    EXPECT_EQ(lost(), std::nullopt);
}

TEST_F(PassageStory, F03_ASolicitationWithoutAnAnswerIsLost) {
    passage_ = {Passage::Kind::resolution, "eth0"};
    seconds(5, {kCame, kRouted, kLeft});
    EXPECT_EQ(lost(), std::nullopt);
    seconds(5, {kCame, kRouted});
    EXPECT_EQ(lost(), Lost::behind) << "a filter of what comes in, or of what goes out";
}

TEST_F(PassageStory, F03_WhatIsLostIsLostWhereItWasSeenLast) {
    seconds(5, {kCame});
    EXPECT_EQ(lost(), Lost::before_routing);
    check_.forget();
    seconds(5, {kCame, kRouted});
    EXPECT_EQ(lost(), Lost::by_routing);
}

TEST_F(PassageStory, F03_OfWhatEndsHereNothingIsForwarded) {
    passage_ = {Passage::Kind::vrrp, "eth0"};
    seconds(5, {kCame, kRouted});
    EXPECT_EQ(lost(), Lost::behind);
    seconds(5, {kCame, kRouted, kLeft});
    EXPECT_EQ(lost(), std::nullopt);
}

TEST_F(PassageStory, F03_OneThatPassesIsEnough) {
    seconds(20, {kCame, kRouted, {Checkpoint::forwarded, 3}, {Checkpoint::left, 1}});
    EXPECT_EQ(lost(), std::nullopt) << "somebody lets one service through and means it";
}

TEST_F(PassageStory, F03_WithoutProbesRealTrafficTells) {
    seconds(5, {{Checkpoint::traffic_came, 2}, {Checkpoint::traffic_left, 2}});
    EXPECT_EQ(lost(), std::nullopt);
    seconds(4, {{Checkpoint::traffic_came, 2}});
    EXPECT_EQ(lost(), Lost::behind);
    EXPECT_TRUE(check_.loses_traffic(passage_));
}

TEST_F(PassageStory, F03_WhatAStrangerSendsInAProbesPlaceSaysNothing) {
    seconds(10, {kCame, kRouted, kForwarded});
    EXPECT_EQ(check_.finding(passage_, false), std::nullopt);
}

TEST_F(PassageStory, F03_TwoPacketsAreNoProof) {
    seconds(5, {});
    second({{Checkpoint::traffic_came, 2}});
    seconds(10, {});
    EXPECT_EQ(lost(), std::nullopt);
}

TEST_F(PassageStory, F03_ARouterThatGaveWayForItSeesNoTrafficAndRemembers) {
    seconds(5, {{Checkpoint::traffic_came, 2}});
    ASSERT_EQ(lost(), Lost::behind);
    seconds(50, {});
    EXPECT_EQ(lost(), Lost::behind);
    seconds(20, {});
    EXPECT_EQ(lost(), std::nullopt);
}

TEST_F(PassageStory, F03_TheCountersOfANewTableAreNoLoss) {
    seconds(10, {kCame, kRouted, kForwarded, kLeft});
    counts_ = {};
    second({kCame, kRouted, kForwarded});
    EXPECT_EQ(lost(), std::nullopt);
    seconds(3, {kCame, kRouted, kForwarded, kLeft});
    EXPECT_EQ(lost(), std::nullopt);
}

// An edge without a relay tries one address after another, with other rules for each.
TEST_F(PassageStory, F03_AFilterIsFoundWhileTheTableIsMadeAnewAllTheTime) {
    seconds(20, {kCame, kRouted, kForwarded, kLeft});
    for (int i = 0; i < 8; ++i) {
        if (i % 2 == 0) counts_ = {};
        second({kCame, kRouted, kForwarded});
    }
    EXPECT_EQ(lost(), Lost::behind);
    counts_ = {};
    second({kCame, kRouted, kForwarded, kLeft});
    EXPECT_EQ(lost(), std::nullopt);
    for (int i = 0; i < 20; ++i) {
        counts_ = {};
        second({kCame, kRouted, kForwarded, {Checkpoint::left, 1}});
        EXPECT_EQ(lost(), std::nullopt);
    }
}

TEST_F(PassageStory, F03_AfterAStallTheWindowBeginsAnew) {
    seconds(3, {kCame, kRouted, kForwarded});
    at_ += 60s;
    second({kCame, kRouted, kForwarded});
    EXPECT_EQ(lost(), std::nullopt);
}

}  // namespace
}  // namespace ulagate::passage_check_test
