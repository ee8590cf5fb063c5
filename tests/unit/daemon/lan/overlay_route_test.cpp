// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/overlay_route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/lan/router_vrrp_story.h"

// The route to the overlay follows the tunnel, if the configuration says so.
namespace ulagate::lan_router_story::overlay_route_test {
namespace {

using testing::Each;

LanConfig withdrawing(LanConfig config) {
    config.withdraw_when_isolated = true;
    config.isolated_after = 30s;
    return config;
}

LanConfig single() {
    LanConfig config = lan(100);
    config.vrrp.reset();
    return config;
}

Words isolate(Story& story, bool isolated) {
    return story.record(story.router.set_isolated(isolated, story.now));
}

// Up for long enough to have said all that it says quickly.
Story settled(const LanConfig& config) {
    Story story{config};
    isolate(story, true);
    story.look();
    isolate(story, false);
    story.wait(100s);
    story.advertisements.clear();
    return story;
}

std::vector<std::uint32_t> route_lifetimes(const ra::RouterAdvertisement& message) {
    std::vector<std::uint32_t> out;
    for (const ra::Option& option : message.options) {
        if (const auto* route = std::get_if<ra::RouteInformation>(&option))
            out.push_back(route->lifetime.count());
    }
    return out;
}

TEST(OverlayRoute, IsKeptUnlessTheConfigurationSaysOtherwise) {
    Story story = settled(single());
    EXPECT_THAT(isolate(story, true), IsEmpty());
    EXPECT_THAT(story.wait(10h), Each("ra"));
    EXPECT_EQ(story.router.route_withdrawn(), "");
}

TEST(OverlayRoute, IsWithdrawnAfterAWhileWithoutRelays) {
    Story story = settled(withdrawing(single()));
    isolate(story, true);
    EXPECT_THAT(story.wait(29999ms), Each("ra"));
    EXPECT_EQ(story.router.route_withdrawn(), "");
    story.wait(3s);  // the last advertisement may have been just before
    EXPECT_EQ(story.router.route_withdrawn(), "no relay can be reached");
    EXPECT_THAT(route_lifetimes(story.advertisements.back().message), ElementsAre(0));
    EXPECT_THAT(story.wait(10min), Each("last ra")) << "and whoever comes later does not get it";
}

TEST(OverlayRoute, ComesBackAtOnce) {
    Story story = settled(withdrawing(single()));
    isolate(story, true);
    story.wait(100s);
    story.wait(4s);
    while (story.now - *story.router.last_sent() < 3s) story.wait(1s);
    EXPECT_THAT(isolate(story, false), ElementsAre("ra"));
    EXPECT_THAT(route_lifetimes(story.advertisements.back().message), ElementsAre(1800));
    EXPECT_EQ(story.router.route_withdrawn(), "");
}

TEST(OverlayRoute, ARelayThatIsBackInTimeChangesNothing) {
    Story story = settled(withdrawing(single()));
    isolate(story, true);
    story.wait(29s);
    isolate(story, false);
    isolate(story, true);
    EXPECT_THAT(story.wait(29s), Each("ra")) << "it counts anew";
}

// A path that comes and goes is told no faster than one advertisement in three seconds.
TEST(OverlayRoute, R16_NeverFlapsFasterThanAdvertisementsMay) {
    LanConfig config = withdrawing(single());
    config.isolated_after = 0ms;
    Story story = settled(config);
    const ra::TimePoint begin = story.now;
    for (int i = 0; i < 300; ++i) {
        isolate(story, i % 2 == 0);
        story.wait(100ms);
    }
    EXPECT_LE(story.advertisements.size(), 1U + static_cast<std::size_t>((story.now - begin) / 3s));
    EXPECT_GE(story.advertisements.size(), 2U);
}

// The other routes do not lead through the tunnel.
TEST(OverlayRoute, OnlyTheOverlayIsWithdrawn) {
    LanConfig config = withdrawing(single());
    config.ra.advertisement.router_lifetime = std::chrono::duration<std::uint16_t>{1800};
    config.ra.advertisement.options.emplace_back(ra::RouteInformation{prefix("fd99::/48")});
    Story story = settled(config);
    isolate(story, true);
    story.wait(100s);
    EXPECT_THAT(route_lifetimes(story.advertisements.back().message), ElementsAre(0, 1800));
    EXPECT_EQ(story.advertisements.back().message.router_lifetime.count(), 1800);
}

TEST(OverlayRoute, R37_WhoDoesNotForwardIsNoRouter) {
    LanConfig config = single();
    config.ra.advertisement.router_lifetime = std::chrono::duration<std::uint16_t>{1800};
    config.ra.advertisement.options.emplace_back(ra::RouteInformation{prefix("fd99::/48")});
    Story story = settled(config);
    story.record(story.router.set_forwarding(false, story.now));
    story.wait(3s);
    EXPECT_EQ(story.advertisements.back().message.router_lifetime.count(), 0);
    EXPECT_THAT(route_lifetimes(story.advertisements.back().message), ElementsAre(0, 0));
    EXPECT_THAT(story.router.route_withdrawn(), testing::HasSubstr("does not forward"));
    story.wait(10s);
    story.record(story.router.set_forwarding(true, story.now));
    story.wait(3s);
    EXPECT_EQ(story.advertisements.back().message.router_lifetime.count(), 1800);
    EXPECT_THAT(route_lifetimes(story.advertisements.back().message), ElementsAre(1800, 1800));
}

// Of two routers the one that reaches a relay becomes Active, and the route is back by its first word.
TEST(OverlayRoute, AnotherRouterThatIsNotIsolatedGivesTheRouteBack) {
    Story isolated = active(withdrawing(lan(200)));
    isolate(isolated, true);
    isolated.wait(100s);
    EXPECT_THAT(route_lifetimes(isolated.advertisements.back().message), ElementsAre(0));
    Story other = backup(withdrawing(lan(100)));
    isolate(other, false);
    other.wait(400ms);
    other.put_address();
    EXPECT_THAT(route_lifetimes(other.advertisements.back().message), ElementsAre(1800));
    // It was isolated itself, and says so from the beginning.
    Story third = backup(withdrawing(lan(100)));
    isolate(third, true);
    for (int i = 0; i < 400; ++i) {
        third.hear(200);
        third.wait(100ms);
    }
    third.wait(400ms);
    third.put_address();
    EXPECT_THAT(route_lifetimes(third.advertisements.back().message), ElementsAre(0));
}

TEST(OverlayRoute, AReloadMayChangeItsMind) {
    Story story = settled(withdrawing(single()));
    isolate(story, true);
    story.wait(100s);
    ASSERT_NE(story.router.route_withdrawn(), "");
    story.record(story.router.set_config(single(), story.now));
    EXPECT_EQ(story.router.route_withdrawn(), "");
    story.wait(3s);
    EXPECT_THAT(route_lifetimes(story.advertisements.back().message), ElementsAre(1800));
    story.record(story.router.set_config(withdrawing(single()), story.now));
    EXPECT_NE(story.router.route_withdrawn(), "") << "it has been isolated for long";
}

TEST(OverlayRoute, WhoLeavesIsNotKeptByIt) {
    Story story = settled(withdrawing(single()));
    isolate(story, true);
    story.record(story.router.withdraw(story.now));
    story.wait(10s);
    EXPECT_TRUE(story.router.done());
}

}  // namespace
}  // namespace ulagate::lan_router_story::overlay_route_test
