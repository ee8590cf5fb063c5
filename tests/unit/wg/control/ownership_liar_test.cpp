// SPDX-License-Identifier: GPL-2.0-or-later
// What a router that says anything at any rate can do, and what it cannot.
#include "tests/unit/wg/control/ownership_story.h"
#include "wg/control/ownership.h"

namespace ulagate::wg::control::ownership_liar_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using What = Ownership::Complaint::What;

class OwnershipLiar : public OwnershipStory {
protected:
    std::size_t moves() {
        const auto all = events();
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const OwnershipEvent& e) {
            return std::holds_alternative<OwnerChanged>(e);
        }));
    }
};

TEST_F(OwnershipLiar, F06_ClaimsThatAlternateMoveThePrefixAFewTimesAtOnceAndThenSeldom) {
    claim(kA1, 1, 200);
    events();
    for (int i = 0; i < 12'000; ++i) {  // 200 a second for a minute
        run_until(at_ + 5ms);
        if (i % 100 == 0) claim(kA1, 1, 200);
        if (i % 2 == 0) {
            claim(kA2, 1000U + static_cast<unsigned>(i));
        } else {
            release(kA2, 1000U + static_cast<unsigned>(i));
        }
        if (i % 1000 == 999) events();
    }
    EXPECT_LE(relay_.counters().moves, Ownership::kQuickMoves + 60 / 2 + 1);
    EXPECT_GT(relay_.counters().deferred, 1000U);
    EXPECT_THAT(relay_.complaints(now().steady),
                ElementsAre(Ownership::Complaint{What::restless, "a", {}, kLan}));
    run_until(at_ + 1s);
    claim(kA1, 20'000, 200);
    run_until(at_ + 3s);
    EXPECT_EQ(owner(), 0U) << "the last word counts";
    EXPECT_EQ(relay_.owner_index(kOtherSite), 0U);
    run_until(at_ + 10min);
    EXPECT_THAT(relay_.complaints(now().steady), IsEmpty());
}

TEST_F(OwnershipLiar, F06_TheRestlessStillFailOverAtOnce) {
    for (int i = 0; i < 100; ++i) {
        claim(kA1, 10U + 2U * static_cast<unsigned>(i), 200);
        claim(kA2, 11U + 2U * static_cast<unsigned>(i));
    }
    const auto before = owner();
    ASSERT_TRUE(before);
    hello(kA1), hello(kA2);
    from(*before == 0 ? kA1 : kA2, Goodbye{});
    EXPECT_EQ(owner(), 1 - *before) << "a goodbye";
    claim(kA1, 900, 200);
    claim(kA2, 901);
    run_until(at_ + 20s);
    EXPECT_THAT(events(), Contains(::testing::VariantWith<Restless>(::testing::_)));
}

TEST_F(OwnershipLiar, F06_WhoReleasesIsRelievedWithinTwoSecondsHoweverRestlessItWas) {
    for (int i = 0; i < 100; ++i) {
        claim(kA1, 10U + 2U * static_cast<unsigned>(i), 200);
        claim(kA2, 11U + 2U * static_cast<unsigned>(i));
    }
    const std::size_t before = *owner();
    release(before == 0 ? kA1 : kA2, 10'000);
    run_until(at_ + Ownership::kMovePrice);
    EXPECT_EQ(owner(), 1 - before);
}

TEST_F(OwnershipLiar, F06_AnAbsurdEpochCountsAsNone) {
    claim(kA2, ~0ULL);
    EXPECT_EQ(owner(), 1U) << "a claim, beside none";
    EXPECT_THAT(events(), Contains(OwnershipEvent{EpochRefused{"a", 1, ~0ULL}}));
    sent();
    claim(kA1, 1, 200);
    EXPECT_EQ(owner(), 0U) << "which any honest one beats";
    for (const Outgoing& out : sent()) {
        const auto* ack = std::get_if<ClaimAck>(&out.packet.message);
        EXPECT_TRUE(ack == nullptr || ack->owners.front().epoch == 1);
    }
    for (int i = 0; i < 1000; ++i) claim(kA2, kMostEpoch + 1 + static_cast<unsigned>(i));
    EXPECT_EQ(owner(), 0U);
    EXPECT_THAT(relay_.complaints(now().steady),
                ElementsAre(Ownership::Complaint{What::epoch, "a", kA2, {}}));
    EXPECT_LE(events().size(), 2U) << "said once";
    claim(kA2, kMostEpoch);
    EXPECT_EQ(owner(), 1U) << "the last one that can be";
}

TEST_F(OwnershipLiar, F06_TheRelayNamesWhoClaimsTheSiteOfOthers) {
    for (unsigned i = 0; i < 1000; ++i) from(kB1, Claim{{kLan}, i, 100});
    EXPECT_EQ(owner(), 0U);
    EXPECT_EQ(moves(), 0U);
    EXPECT_THAT(relay_.complaints(now().steady),
                ElementsAre(Ownership::Complaint{What::foreign_prefix, "b", kB1, kLan}));
}

TEST_F(OwnershipLiar, F06_OneListASecondForEachRouter) {
    unsigned lists = 0;
    for (int i = 0; i < 10'000; ++i) {
        run_until(at_ + 1ms);
        lists += relay_.may_have_list(kB1, now().steady) ? 1U : 0U;
    }
    EXPECT_LE(lists, 4U + 13U);
    EXPECT_TRUE(relay_.may_have_list(kA1, now().steady)) << "that is nothing to others";
    EXPECT_FALSE(relay_.may_have_list(address("fd99::bad"), now().steady));
}

}  // namespace
}  // namespace ulagate::wg::control::ownership_liar_test
