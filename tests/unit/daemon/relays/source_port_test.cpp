// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/source_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace ulagate::source_port_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr SourcePort::TimePoint kStart{1000s};
constexpr std::uint16_t kWish = 51820;

// A tunnel that works from some ports, in virtual time.
class Story : public testing::Test {
protected:
    bool update() {
        SourcePort::View view;
        view.sending = sending;
        view.alive = has_port && works.contains(port.port());
        view.rounds = rounds;
        if (has_port) view.in_use = in_use;
        view.refused = refused;
        view.settling = settling;
        const bool changed = port.update(
            view, [this](std::uint16_t one) { return !taken.contains(one); },
            [this] { return random += 7919; }, now);
        if (changed) {
            seen.insert(port.port());
            changes.push_back(std::chrono::duration_cast<seconds>(now - kStart));
        }
        in_use = port.port();
        has_port = true;
        return changed;
    }
    void run(seconds time) {
        for (const auto end = now + time; now < end; now += 500ms) update();
    }

    SourcePort port{kWish};
    SourcePort::TimePoint now = kStart;
    std::set<std::uint16_t> works;
    std::set<std::uint16_t> taken;
    std::set<std::uint16_t> seen;
    std::vector<seconds> changes;
    std::uint32_t random = 1;
    std::uint16_t in_use = 0;
    unsigned rounds = 5;
    bool sending = true;
    bool has_port = false;
    bool refused = false;
    bool settling = false;
};

TEST_F(Story, F09_WhatWorksStays) {
    works = {kWish};
    run(3600s);
    EXPECT_EQ(port.port(), kWish);
    EXPECT_TRUE(changes.empty());
    EXPECT_FALSE(port.wish_is_taken());
}

TEST_F(Story, F09_AStaleMappingIsLeftAfterSomeVainTries) {
    works = {kWish};
    run(10s);
    works.clear();
    run(SourcePort::kVain);
    EXPECT_EQ(port.port(), kWish);
    run(1s);
    ASSERT_NE(port.port(), kWish);
    EXPECT_GE(port.port(), 49152);
    works = {port.port()};
    const auto good = port.port();
    run(3600s);
    EXPECT_EQ(port.port(), good);
    EXPECT_TRUE(port.wish_was_vain());
    // And once more, from there.
    works.clear();
    run(SourcePort::kVain + 1s);
    EXPECT_NE(port.port(), good);
    EXPECT_NE(port.port(), kWish);
}

TEST_F(Story, F09_WhenNobodyAnswersItIsMostlyWhereItWasGood) {
    works = {kWish};
    run(10s);
    works.clear();
    changes.clear();
    const auto begin = now;
    std::chrono::milliseconds at_home{0};
    while (now < begin + 24h) {
        update();
        if (port.port() == kWish) at_home += 500ms;
        now += 500ms;
    }
    EXPECT_GT(at_home, 24h * 9 / 10);
    EXPECT_LE(seen.size(), 24U * 12 + 10) << "a new mapping each five minutes at most";
    // Once a relay is there again it works from the place that the relay knows.
    while (port.port() != kWish) {
        update();
        now += 500ms;
    }
    works = {kWish};
    changes.clear();
    run(3600s);
    EXPECT_TRUE(changes.empty());
}

TEST_F(Story, F09_ManyAddressesGetTheirRoundsFirst) {
    rounds = 1;
    run(SourcePort::kVain + 2s);
    EXPECT_EQ(port.port(), kWish);
    run(SourcePort::kVainAtMost - SourcePort::kVain);
    EXPECT_NE(port.port(), kWish);
}

TEST_F(Story, F09_NothingIsJudgedWhileNothingIsSent) {
    sending = false;
    run(3600s);
    EXPECT_EQ(port.port(), kWish);
    EXPECT_EQ(port.deadline(), std::nullopt);
}

TEST_F(Story, F09_ATakenPortIsLeftAtOnceAndTakenAgainWhenItIsFree) {
    taken = {kWish};
    EXPECT_TRUE(update());
    EXPECT_NE(port.port(), kWish);
    EXPECT_TRUE(port.wish_is_taken());
    works = {port.port(), kWish};
    run(3600s);
    EXPECT_TRUE(port.wish_is_taken());
    taken.clear();
    run(SourcePort::kLookAgain + 1s);
    EXPECT_EQ(port.port(), kWish);
    EXPECT_FALSE(port.wish_is_taken());
}

// A daemon that was killed finds its own tunnel, which has the port, before that has answered.
TEST_F(Story, F09_WhileTheInterfaceHasNotAnsweredNoPortIsTaken) {
    works = taken = {kWish};
    settling = true;
    run(5s);
    EXPECT_EQ(port.port(), kWish);
    EXPECT_FALSE(port.wish_is_taken());
    settling = false;
    in_use = kWish;
    run(5s);
    EXPECT_EQ(port.port(), kWish);
}

TEST_F(Story, F09_OursIsNotTaken) {
    update();
    works = {kWish};
    taken = {kWish};  // by ourselves: a test socket would say so
    run(10s);
    EXPECT_EQ(port.port(), kWish);
}

TEST_F(Story, F09_TheKernelsWordCounts) {
    update();
    refused = true;
    EXPECT_TRUE(update());
    EXPECT_NE(port.port(), kWish);
    EXPECT_TRUE(port.wish_is_taken());
}

TEST_F(Story, F09_WithoutAnyFreePortTheOldOneStays) {
    for (unsigned one = 49152; one < 65536; ++one) taken.insert(static_cast<std::uint16_t>(one));
    works.clear();
    taken.insert(kWish);
    has_port = true;
    in_use = kWish;
    run(600s);
    EXPECT_EQ(port.port(), kWish);
}

}  // namespace
}  // namespace ulagate::source_port_test
