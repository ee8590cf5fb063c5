// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/fights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/kernel/reconciler_story.h"

namespace ulagate::fights_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Fights, F08_TheFirstTimesAtOnceThenEverLater) {
    Fights fights;
    auto now = kStart;
    for (unsigned i = 1; i < Fights::kAtOnce; ++i) {
        EXPECT_EQ(fights.restored("route a", now), i < Fights::kWorthALine);
        EXPECT_LE(fights.may_restore_at("route a"), now);
        EXPECT_THAT(fights.obstacles(), IsEmpty());
    }
    std::vector<std::chrono::nanoseconds> waits;
    for (unsigned i = 0; i < 7; ++i) {
        EXPECT_FALSE(fights.restored("route a", now));
        waits.push_back(fights.may_restore_at("route a") - now);
        now = fights.may_restore_at("route a");
    }
    EXPECT_THAT(waits, testing::ElementsAre(125ms, 250ms, 500ms, 1s, 2s, 2s, 2s));
    ASSERT_THAT(fights.obstacles(), SizeIs(1));
    EXPECT_THAT(fights.obstacles()[0].sentence, HasSubstr("(route a)"));
}

TEST(Fights, F08_WhatIsLeftAloneIsForgotten) {
    Fights fights;
    for (unsigned i = 0; i < 20; ++i) fights.restored("route a", kStart);
    fights.forget_calm(kStart + Fights::kCalm - 1ms);
    EXPECT_THAT(fights.obstacles(), SizeIs(1));
    fights.forget_calm(kStart + Fights::kCalm);
    EXPECT_THAT(fights.obstacles(), IsEmpty());
    EXPECT_TRUE(fights.restored("route a", kStart + Fights::kCalm)) << "and begins anew";
}

TEST(Fights, F08_TenThousandRoutesAreOneSentenceThatStays) {
    Fights fights;
    const auto lose_all = [&] {
        for (int i = 0; i < 10'000; ++i) fights.restored("route " + std::to_string(i), kStart);
        fights.restored("firewall", kStart);
    };
    for (unsigned i = 0; i < Fights::kAtOnce; ++i) lose_all();
    const auto first = fights.obstacles();
    EXPECT_THAT(first, SizeIs(2));
    for (int i = 0; i < 5; ++i) fights.restored("route another", kStart);
    lose_all();
    EXPECT_EQ(fights.obstacles(), first);
}

class Fight : public ReconcilerStory {};

// What is heard of `seconds` of somebody who removes our route again as soon as we have put it back.
TEST_F(Fight, F08_IsFoughtWithPatience) {
    settle();
    unsigned put_back = 0;
    unsigned lines = 0;
    const auto end = now_ + 60s;
    while (now_ < end) {
        kernel_.have.routes.erase(kOverlay);
        mark_all();
        for (const auto& step : run().done) {
            put_back += step.restored ? 1 : 0;
            lines += step.restored && !step.again ? 1 : 0;
        }
        now_ = std::min(reconciler_.deadline().value_or(now_ + 10ms), now_ + 300ms);
    }
    EXPECT_LE(put_back, 5U + 5U + 30U);
    EXPECT_GE(put_back, 30U);
    EXPECT_EQ(lines, 2U);
    EXPECT_THAT(reconciler_.fights().obstacles(), SizeIs(1));
    // The enemy is gone: all is well two seconds later, and soon forgotten.
    now_ += Fights::kLongestWait;
    mark_all();
    run();
    EXPECT_TRUE(kernel_.have.routes.contains(kOverlay));
    EXPECT_TRUE(reconciler_.settled());
    EXPECT_EQ(reconciler_.deadline(), std::nullopt);
    reconciler_.fights().forget_calm(now_ + Fights::kCalm);
    EXPECT_THAT(reconciler_.fights().obstacles(), IsEmpty());
}

TEST_F(Fight, F08_SoItIsAboutATunnelsPort) {
    settle();
    const auto ours = kernel_.have.tunnels.at("ulg-r1").listen_port;
    unsigned put_back = 0;
    unsigned lines = 0;
    for (const auto end = now_ + 60s; now_ < end; now_ += 100ms) {
        kernel_.have.tunnels.at("ulg-r1").listen_port = 5555;
        mark_all();
        for (const auto& step : run().done) {
            put_back += step.restored ? 1 : 0;
            lines += step.again ? 0 : 1;
        }
    }
    EXPECT_LE(put_back, 5U + 5U + 30U);
    EXPECT_GE(put_back, 30U);
    EXPECT_EQ(lines, 2U);
    EXPECT_THAT(reconciler_.fights().obstacles(), SizeIs(1));
    now_ += Fights::kLongestWait;
    run();
    EXPECT_EQ(kernel_.have.tunnels.at("ulg-r1").listen_port, ours);
}

TEST_F(Fight, F08_WhatWeWantDifferentlyDoesNotWait) {
    settle();
    for (int i = 0; i < 20; ++i) {
        kernel_.have.routes.erase(kOverlay);
        mark_all();
        run();
        now_ += 10ms;
    }
    ASSERT_FALSE(kernel_.have.routes.contains(kOverlay));
    ASSERT_TRUE(reconciler_.deadline());
    // An address that is lost for the first time is put back meanwhile.
    const auto addresses = kernel_.have.addresses;
    std::erase_if(kernel_.have.addresses, [](const auto& entry) { return entry.second.ours; });
    ASSERT_NE(kernel_.have.addresses, addresses);
    mark_all();
    run();
    EXPECT_EQ(kernel_.have.addresses, addresses);
}

}  // namespace
}  // namespace ulagate::fights_test
