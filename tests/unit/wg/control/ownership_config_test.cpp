// SPDX-License-Identifier: GPL-2.0-or-later
#include <string>

#include "tests/unit/wg/control/ownership_story.h"
#include "wg/control/ownership.h"

// A new configuration under a running relay, and many sites.
namespace ulagate::wg::control::ownership_config_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(OwnershipStory, TheSameConfigurationChangesNothing) {
    hello(kA2);
    claim(kA3, 5);
    events(), sent();
    configure(two_sites());
    EXPECT_THAT(events(), IsEmpty());
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_EQ(owner(), 2U);
    EXPECT_EQ(deadline(), 3000ms);
    run_until(3s);
    EXPECT_EQ(owner(), 2U) << "nobody else is heard by then";
}

TEST_F(OwnershipStory, AnOwnerKeepsItsClaimAtANewIndex) {
    claim(kA3, 5, 77);
    events(), sent();
    configure({{"a", {kLan}, {router(kA3, 3, 50), router(kA1, 1, 200)}}});
    EXPECT_EQ(owner(), 0U);
    EXPECT_TRUE(relay_.prefix(kLan, now().steady)->claimed);
    EXPECT_THAT(events(), IsEmpty()) << "it is the same router";
    EXPECT_EQ(deadline(), 3000ms);
}

TEST_F(OwnershipStory, AnOwnerThatIsGoneIsReplacedByALiveOne) {
    hello(kA3);
    claim(kA1, 5);
    events(), sent();
    auto rows = two_sites();
    rows.front().routers.erase(rows.front().routers.begin());
    configure(rows);
    EXPECT_EQ(owner(), 1U) << "router 2 is router 1 now";
    EXPECT_THAT(events(), ElementsAre(moved(std::nullopt, 1, Reason::configuration)));
    EXPECT_THAT(sent_to(kA3), ElementsAre(ClaimAck{std::nullopt, {Owner{kLan, kA3, 5, 50}}}));
    claim(kA1, 6);
    EXPECT_EQ(relay_.counters().unknown_senders, 1U);
}

TEST_F(OwnershipStory, ARouterWithANewKeyIsAnotherRouter) {
    hello(kA2);
    claim(kA1, 5);
    events();
    auto rows = two_sites();
    rows.front().routers.front().key = wg::test::key(99);
    configure(rows);
    EXPECT_EQ(owner(), 1U);
    EXPECT_FALSE(relay_.router(kA1, now().steady)->live);
    EXPECT_THAT(events(), ElementsAre(moved(std::nullopt, 1, Reason::configuration)));
}

TEST_F(OwnershipStory, WithoutAnyClaimNewPrioritiesDecideAnew) {
    auto rows = two_sites();
    rows.front().routers.at(2).priority = 255;
    configure(rows);
    EXPECT_EQ(owner(), 2U);
    EXPECT_THAT(events(), ElementsAre(moved(0, 2, Reason::configuration)));
    // With one, they do not.
    claim(kA2, 1);
    run_until(60s);
    configure(two_sites());
    EXPECT_EQ(owner(), 1U);
}

TEST_F(OwnershipStory, APrefixThatMovesToAnotherSiteForgetsItsOldRouters) {
    claim(kA1, 5);
    events();
    auto rows = two_sites();
    rows.front().prefixes.clear();
    rows.back().prefixes.push_back(kLan);
    configure(rows);
    EXPECT_EQ(owner(), 0U);
    EXPECT_FALSE(relay_.prefix(kLan, now().steady)->claimed);
    claim(kA1, 6);
    EXPECT_EQ(relay_.counters().refused, 1U);
    from(kB1, Claim{{kLan, kOtherSite}, 1, 1});
    EXPECT_TRUE(relay_.prefix(kLan, now().steady)->claimed);
}

TEST_F(OwnershipStory, ASiteWithoutRoutersHasNoOwner) {
    configure({{"a", {kLan}, {}}});
    EXPECT_EQ(owner(), std::nullopt);
    EXPECT_EQ(relay_.prefix(kLan, now().steady), std::nullopt);
    configure(two_sites());
    EXPECT_EQ(owner(), 0U);
    configure({});
    EXPECT_EQ(owner(), std::nullopt);
}

TEST_F(OwnershipStory, ManyPrefixesTravelInSeveralMessages) {
    SiteRow site{"a", {}, {router(kA1, 1, 200), router(kA2, 2, 100)}};
    for (unsigned i = 0; i < 30; ++i) {
        site.prefixes.push_back(std::get<net::Ipv6Prefix>(wg::test::numbered_prefix(i)));
    }
    configure({site});
    events();
    hello(kA2);
    const auto answers = sent_to(kA2);
    ASSERT_THAT(answers, SizeIs(2));
    EXPECT_THAT(std::get<HelloAck>(answers.at(0)).owners, SizeIs(kMaxPrefixes));
    EXPECT_THAT(std::get<ClaimAck>(answers.at(1)).owners, SizeIs(6));
    EXPECT_EQ(std::get<ClaimAck>(answers.at(1)).answers, std::nullopt);

    const auto middle = site.prefixes.begin() + kMaxPrefixes;
    from(kA1, Claim{{site.prefixes.begin(), middle}, 1, 200});
    from(kA1, Claim{{middle, site.prefixes.end()}, 1, 200});
    events(), sent();
    from(kA1, Goodbye{});
    EXPECT_THAT(events(), SizeIs(30));
    EXPECT_THAT(sent_to(kA2), SizeIs(2));
}

// What 10,000 sites cost, counted in prefixes looked at: each message those of its own site, each moment of
// the clock only those whose lease ends.
TEST_F(OwnershipStory, TenThousandSitesCostNoMoreThanTheirMessages) {
    constexpr unsigned kSites = 10'000;
    std::vector<SiteRow> rows;
    const auto numbered = [](unsigned site, std::uint8_t router_index) {
        net::Ipv6Address at = address("fd99::");
        at.bytes[12] = router_index;
        at.bytes[14] = static_cast<std::uint8_t>(site >> 8U);
        at.bytes[15] = static_cast<std::uint8_t>(site);
        return at;
    };
    for (unsigned i = 0; i < kSites; ++i) {
        rows.push_back({std::to_string(i),
                        {std::get<net::Ipv6Prefix>(wg::test::numbered_prefix(i))},
                        {router(numbered(i, 1), 2 * i, 200), router(numbered(i, 2), 2 * i + 1, 100)}});
    }
    configure(rows);
    events(), sent();
    const std::uint64_t before = relay_.counters().elections;
    const auto one_second = [&](bool owners_live) {
        for (unsigned i = 0; i < kSites; ++i) {
            run_until(at_ + 100us);  // evenly over the second
            if (owners_live) from(numbered(i, 1), Claim{rows[i].prefixes, 1, 200});
            hello(numbered(i, 2));
            sent_.clear();
        }
    };
    for (int i = 0; i < 3; ++i) one_second(true);
    EXPECT_EQ(relay_.counters().elections - before, 3 * 2 * kSites);
    EXPECT_THAT(events(), IsEmpty());

    // All owners die: each prefix moves once, when its own lease ends.
    for (int i = 0; i < 4; ++i) one_second(false);
    EXPECT_EQ(relay_.counters().elections - before, (3 * 2 + 4 + 1) * kSites);
    EXPECT_THAT(events(), SizeIs(kSites));
}

}  // namespace
}  // namespace ulagate::wg::control::ownership_config_test
