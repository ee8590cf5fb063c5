// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/vrrp/story.h"

// Who is Active beside us, and who comes and goes too often.
namespace ulagate::vrrp_rival_test {
namespace {

using namespace vrrp;

TEST(VrrpRival, F03_WhoIsActiveBesideUsForASecondIsNamed) {
    Story story = active(200);
    story.hear(100);
    EXPECT_EQ(story.machine.rival(story.now), std::nullopt) << "one advertisement crosses every hand-over";
    story.wait(500ms);
    story.hear(100);
    EXPECT_EQ(story.machine.rival(story.now), std::nullopt);
    story.wait(500ms);
    story.hear(100);
    const auto rival = story.machine.rival(story.now);
    ASSERT_TRUE(rival);
    EXPECT_EQ(rival->address, kOther);
    EXPECT_EQ(rival->priority, 100);
}

TEST(VrrpRival, F03_OneThatFallsSilentIsNone) {
    Story story = active(200);
    story.hear(100);
    story.wait(1s);
    story.hear(100);
    EXPECT_TRUE(story.machine.rival(story.now));
    story.wait(3600ms);
    EXPECT_TRUE(story.machine.rival(story.now)) << "it may come again within its down interval";
    story.wait(100ms);
    EXPECT_EQ(story.machine.rival(story.now), std::nullopt);
    story.hear(100);
    EXPECT_EQ(story.machine.rival(story.now), std::nullopt) << "it counts from anew";
}

TEST(VrrpRival, F03_OneThatSaysThatItStopsIsNone) {
    Story story = active(200);
    story.hear(100);
    story.wait(1s);
    story.hear(100);
    story.hear(0);
    EXPECT_EQ(story.machine.rival(story.now), std::nullopt);
}

TEST(VrrpRival, F03_ABackupHasNone) {
    Story story = backup(100);
    for (int i = 0; i < 5; ++i) {
        story.hear(200);
        story.wait(1s);
    }
    EXPECT_EQ(story.machine.rival(story.now), std::nullopt);
}

std::size_t changes(const Story::Words& words) {
    return static_cast<std::size_t>(std::count_if(words.begin(), words.end(), [](const std::string& word) {
        return word.find(" -> ") != std::string::npos;
    }));
}

// A host of the LAN that says 255 and 0 by turns made 3,646 lines of log in 4 s, and a route at the relay
// with each.
TEST(VrrpRival, F08_WhoComesAndGoesAllTheTimeIsDamped) {
    Story story{config(200, Centiseconds{10})};
    story.start();
    story.wait(1s);
    std::size_t count = 0;
    for (int i = 0; i < 400; ++i) {
        count += changes(story.hear(i % 2 == 0 ? 255 : 0, Centiseconds{10}));
        count += changes(story.wait(50ms));
    }
    // 20 s: three times to Backup and back within each ten of them.
    EXPECT_LE(count, 14U);
    ASSERT_TRUE(story.machine.restless(story.now));
    EXPECT_EQ(story.machine.restless(story.now)->address, kOther);
    story.wait(3300ms);
    EXPECT_EQ(story.machine.state(), State::active);
    story.wait(17s);
    EXPECT_EQ(story.machine.restless(story.now), std::nullopt);
}

// Nor from another address each time, nor one that says nothing when it goes.
TEST(VrrpRival, F08_ManyThatComeAndGoAreDampedAsWell) {
    for (const std::uint8_t goes : {std::uint8_t{0}, std::uint8_t{255}}) {
        Story story{config(200, Centiseconds{1})};
        story.start();
        story.wait(1s);
        std::size_t count = 0;
        for (int i = 0; i < 200; ++i) {
            const auto who = address("fe80::1:" + std::to_string(1 + i));
            count += changes(story.hear(255, Centiseconds{1}, who));
            count += changes(story.wait(50ms));
            if (goes == 0) count += changes(story.hear(0, Centiseconds{1}, who));
            count += changes(story.wait(50ms));
        }
        // In each ten seconds three by silence and three by words, to Backup and back.
        EXPECT_LE(count, 2U * 2U * (3U + 3U)) << "in 20 s";
    }
}

// Section 6.4.3, a must: honest routers on a link that loses were Active beside each other for ten seconds.
TEST(VrrpRival, F08_V34_AHigherPriorityIsFollowedHoweverOften) {
    Story story = active(100);
    for (int i = 0; i < 8; ++i) {
        story.hear(200, Centiseconds{10});
        ASSERT_EQ(story.machine.state(), State::backup) << i;
        if (i % 2 == 0) story.hear(0, Centiseconds{10});
        story.wait(3610ms);
        ASSERT_EQ(story.machine.state(), State::active) << i;
    }
}

TEST(VrrpRival, F08_TwiceIsNotOften) {
    Story story = active(100);
    for (int i = 0; i < 2; ++i) {
        story.hear(200, Centiseconds{10});
        EXPECT_EQ(story.machine.state(), State::backup);
        story.hear(0, Centiseconds{10});
        story.wait(100ms);
        EXPECT_EQ(story.machine.state(), State::active);
    }
    EXPECT_EQ(story.machine.restless(story.now), std::nullopt);
    story.hear(200, Centiseconds{10});
    EXPECT_TRUE(story.machine.restless(story.now));
}

// A fault is waited for as with the usual interval, and no longer; so is a third goodbye.
TEST(VrrpRival, F08_HowLongABackupWaits) {
    for (const bool says_so : {false, true}) {
        Story story{config(100, Centiseconds{10})};
        story.start();
        for (int i = 0; i < 3; ++i) {
            story.wait(400ms);
            EXPECT_EQ(story.machine.state(), State::active);
            story.hear(200, Centiseconds{10});
            if (says_so) story.hear(0, Centiseconds{10});
        }
        EXPECT_EQ(story.remaining(), 3609375us);
        // What goes well for ten seconds is forgotten.
        for (int i = 0; i < 100; ++i) {
            story.wait(100ms);
            story.hear(200, Centiseconds{10});
        }
        EXPECT_EQ(story.machine.state(), State::backup);
        EXPECT_EQ(story.remaining(), 360937500ns);
        story.hear(0, Centiseconds{10});
        EXPECT_EQ(story.remaining(), 60937500ns);
    }
}

}  // namespace
}  // namespace ulagate::vrrp_rival_test
