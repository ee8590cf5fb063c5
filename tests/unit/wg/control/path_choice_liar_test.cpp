// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/wg/control/path_choice_story.h"

// Lists that are long, and lies.
namespace ulagate::wg::control::path_choice_liar_test {
namespace {

using ::testing::SizeIs;

net::Ipv6Prefix numbered(unsigned number) {
    net::Ipv6Prefix out = prefix("fd12:3456:789a::/64");
    out.address.bytes.at(6) = static_cast<std::uint8_t>(number >> 8U);
    out.address.bytes.at(7) = static_cast<std::uint8_t>(number);
    return out;
}
std::vector<net::Ipv6Prefix> row(unsigned first, unsigned count) {
    std::vector<net::Ipv6Prefix> out;
    for (unsigned i = 0; i < count; ++i) out.push_back(numbered(first + i));
    return out;
}

class PathChoiceLiar : public PathChoiceStory {
protected:
    PathChoiceLiar() {
        for (const int number : {1, 2, 3}) lives(number);
        run_until(100s);
        lists(1, {kOwn, kB, kC});
        lists(3, {kOwn, kB, kC});
    }
    // The longest turn by the work of one update().
    std::uint64_t worst_turn(Duration end) {
        std::uint64_t worst = 0;
        while (choice_.deadline() && *choice_.deadline() <= kStart + end) {
            at_ = std::max(at_, *choice_.deadline() - kStart);
            const std::uint64_t before = choice_.work();
            decide();
            worst = std::max(worst, choice_.work() - before);
        }
        at_ = end;
        return worst;
    }
};

TEST_F(PathChoiceLiar, F06_SitesOfNobodyGetNoMoreRoutesThanThereIsRoom) {
    lists(2, row(0x1000, 16'000));
    EXPECT_LE(worst_turn(130s), 3 * PathChoice::kSlice + 1000);
    EXPECT_THAT(choice_.exceptions(), SizeIs(PathChoice::kMostIdle));
    EXPECT_EQ(on(kB), "r1");
}

TEST_F(PathChoiceLiar, F06_WhatOneRelaySaysTakesNoRoomFromAnother) {
    lists(2, row(0x1000, 16'000));
    run_until(130s);
    lists(3, {kOwn, kB, kC, numbered(0xf000)});
    run_until(140s);
    EXPECT_EQ(on(numbered(0xf000)), "r3");
    lists(3, [&] {
        auto many = row(0xf000, 200);
        many.push_back(kOwn);
        return many;
    }());
    run_until(150s);
    EXPECT_EQ(on(numbered(0xf0c7)), "r3");
}

TEST_F(PathChoiceLiar, F06_ASiteWithTrafficLeavesTheDefaultThoughThereIsNoRoom) {
    lists(2, row(0x1000, 16'000));
    run_until(130s);
    const net::Ipv6Prefix site = numbered(0x1000 + 15'000);
    EXPECT_EQ(on(site), "r1") << "nobody speaks to it";
    input_.active_prefixes = {site};
    decide();
    EXPECT_EQ(on(site), "r2");
    input_.active_prefixes.clear();
    run_until(160s);
    EXPECT_THAT(choice_.exceptions(), SizeIs(PathChoice::kMostIdle)) << "it gives its room back";
}

// 4,000 active prefixes one after the other must leave nothing behind.
TEST_F(PathChoiceLiar, F06_WhoeverHadTrafficOnceDoesNotStayForEver) {
    lists(2, row(0x1000, 16'000));
    run_until(130s);
    for (unsigned i = 0; i < 400; ++i) {
        input_.active_prefixes.clear();
        for (unsigned k = 0; k < 10; ++k) input_.active_prefixes.insert(numbered(0x1400 + 10 * i + k));
        decide();
        run_until(at_ + 1s);
        ASSERT_LE(choice_.exceptions().size(), PathChoice::kMostIdle + 10 * 13);
    }
}

TEST_F(PathChoiceLiar, F06_TransitByTheThousandsMovesNobody) {
    lists(2, {kOwn}, row(0x1000, 16'000));
    lists(1, row(0x1000, 2000), {kB, kC});
    EXPECT_LE(worst_turn(130s), 3 * PathChoice::kSlice + 1000);
    EXPECT_LE(choice_.exceptions().size(), 2 * PathChoice::kMostIdle);
}

TEST_F(PathChoiceLiar, F06_AListThatIsAnotherOneEverySecondCostsABoundedTurn) {
    std::uint64_t worst = 0;
    for (unsigned i = 0; i < 60; ++i) {
        lists(2, row(i % 2 == 0 ? 0x1000 : 0x5000, 16'000));
        worst = std::max(worst, worst_turn(at_ + 1s));
        ASSERT_LE(choice_.exceptions().size(), 2 * PathChoice::kMostIdle);
    }
    EXPECT_LE(worst, 3 * PathChoice::kSlice + 1000);
    EXPECT_EQ(on(kB), "r1");
    EXPECT_EQ(by_default(), "r1");
}

}  // namespace
}  // namespace ulagate::wg::control::path_choice_liar_test
