// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/names/name_server_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace ulagate::name_server_turns_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::Pair;

constexpr NameServerTurns::TimePoint kStart{1000s};

// Who is asked when, while nobody says anything; the end is {when, -1}.
std::vector<std::pair<milliseconds, int>> silence(NameServerTurns turns) {
    std::vector<std::pair<milliseconds, int>> out;
    for (auto now = kStart; now < kStart + 10min; now += 100ms) {
        const auto since = std::chrono::duration_cast<milliseconds>(now - kStart);
        while (const auto server = turns.next(now)) out.emplace_back(since, static_cast<int>(*server));
        if (!turns.over(now)) continue;
        out.emplace_back(since, -1);
        break;
    }
    return out;
}

TEST(NameServerTurns, F12_ASilentServerIsAskedAgainAndWaitedFor) {
    EXPECT_THAT(silence({1, 2s, 3}), ElementsAre(Pair(0ms, 0), Pair(2s, 0), Pair(6s, 0), Pair(14s, -1)));
}

TEST(NameServerTurns, F12_TheNextOneIsAskedAfterSilence) {
    EXPECT_THAT(silence({2, 2s, 2}),
                ElementsAre(Pair(0ms, 0), Pair(2s, 1), Pair(4s, 0), Pair(8s, 1), Pair(16s, -1)));
}

TEST(NameServerTurns, F12_WhoWasAskedLastHasTimeToo) {
    EXPECT_THAT(silence({1, 1s, 1}), ElementsAre(Pair(0ms, 0), Pair(8s, -1)));
}

TEST(NameServerTurns, F12_AFailureIsTheNextOnesTurnAtOnce) {
    NameServerTurns turns{2, 2s, 3};
    EXPECT_EQ(turns.next(kStart), 0U);
    EXPECT_EQ(turns.next(kStart), std::nullopt);
    turns.failed(0, kStart + 10ms);
    EXPECT_EQ(turns.deadline(), kStart + 10ms);
    EXPECT_EQ(turns.next(kStart + 10ms), 1U);
    EXPECT_FALSE(turns.over(kStart + 10ms));
    EXPECT_EQ(turns.next(kStart + 3s), 1U) << "the first is not asked again";
    turns.failed(1, kStart + 4s);
    EXPECT_TRUE(turns.over(kStart + 4s));
    EXPECT_EQ(turns.next(kStart + 4s), std::nullopt);
}

TEST(NameServerTurns, F12_WithoutServersItIsOver) {
    NameServerTurns turns{0, 2s, 3};
    EXPECT_EQ(turns.next(kStart), std::nullopt);
    EXPECT_TRUE(turns.over(kStart));
}

}  // namespace
}  // namespace ulagate::name_server_turns_test
