// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/vrrp_story.h"

// Who is Active beside us, and who comes and goes too often.
namespace ulagate::vrrp_rival_test {
namespace {

using namespace vrrp;
using testing::Contains;
using testing::Not;

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
TEST(VrrpRival, F08_WhoComesAndGoesAllTheTimeIsNotFollowed) {
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
    EXPECT_EQ(story.machine.state(), State::active);
    EXPECT_TRUE(story.machine.not_followed(story.now));
}

TEST(VrrpRival, F08_ThreeTimesAreNone) {
    Story story = active(100);
    for (int i = 0; i < 3; ++i) {
        story.hear(200);
        EXPECT_EQ(story.machine.state(), State::backup);
        story.hear(0);
        story.wait(1s);
        EXPECT_EQ(story.machine.state(), State::active);
    }
    EXPECT_EQ(story.machine.not_followed(story.now), std::nullopt);
}

// Its partner has come back for good: it is followed as soon as the first of the three is 10 s old.
TEST(VrrpRival, F08_OneThatStaysIsFollowed) {
    Story story = active(100);
    const TimePoint begin = story.now;
    for (int i = 0; i < 3; ++i) {
        story.hear(200);
        story.hear(0);
        story.wait(1s);
    }
    EXPECT_THAT(story.hear(200), IsEmpty()) << "nor is it answered: it would go on for ever";
    EXPECT_TRUE(story.machine.not_followed(story.now));
    while (story.machine.state() == State::active && story.now < begin + 20s) {
        story.wait(500ms);
        story.hear(200);
    }
    EXPECT_EQ(story.machine.state(), State::backup);
    EXPECT_EQ(story.now - begin, 10s);
    EXPECT_EQ(story.machine.not_followed(story.now), std::nullopt);
}

// Hosts may have believed the other one.
TEST(VrrpRival, F08_AfterOneThatWasNotFollowedTheNeighborsHearOfUs) {
    Story story = active(100);
    for (int i = 0; i < 3; ++i) {
        story.hear(200);
        story.hear(0);
        story.wait(1s);
    }
    story.hear(200);
    EXPECT_THAT(story.wait(3200ms), Not(Contains("announce")));
    EXPECT_THAT(story.wait(100ms), Contains("announce"));
}

}  // namespace
}  // namespace ulagate::vrrp_rival_test
