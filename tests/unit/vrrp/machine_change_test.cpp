// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/vrrp/story.h"

// What RFC 9568 leaves to us: the preempt delay, priorities and settings that change, the lease, the record.
namespace ulagate::vrrp::machine_change_test {
namespace {

Config delayed(std::uint8_t priority, Duration delay = 10s) {
    Config made = config(priority);
    made.preempt_delay = delay;
    return made;
}

// Hears the other router once a second until we are Active; how long that took.
Duration until_active(Story& story, std::uint8_t priority, Duration limit = 1h) {
    const TimePoint from = story.now;
    while (story.machine.state() != State::active && story.now < from + limit) {
        story.hear(priority);
        story.wait(1s);
    }
    return story.machine.state() == State::active ? story.machine.since() - from : limit;
}

TEST(VrrpPreemptDelay, V27_ALowerPriorityIsObeyedForTheDelay) {
    Story story{delayed(200)};
    story.start();
    story.hear(100, Centiseconds{10});
    EXPECT_EQ(story.remaining(), down_interval(200, Centiseconds{10}));  // learnt, as if preempt were off
    // Heard at 0, 1, ... 9 s; the one at 10 s is not obeyed any more.
    EXPECT_EQ(until_active(story, 100), 9s + down_interval(200, Centiseconds{100}));
    EXPECT_EQ(story.machine.transitions().back().reason, "fe80::2 has the lower priority 100");
}

TEST(VrrpPreemptDelay, V24_ADeadRouterIsReplacedWithoutDelay) {
    Story story{delayed(200)};
    story.start();
    story.hear(100);
    EXPECT_EQ(story.remaining(), 3218750us);
    EXPECT_THAT(story.next(),
                ElementsAre("send 200", "take", "backup -> active: no advertisement for 3.2 s"));
}

TEST(VrrpPreemptDelay, V25_AStoppedRouterIsReplacedWithoutDelay) {
    Story story{delayed(200)};
    story.start();
    story.hear(100);
    story.hear(0);
    EXPECT_EQ(story.remaining(), 218750us);
}

TEST(VrrpPreemptDelay, V26_AHigherPriorityInBetweenStartsTheDelayAnew) {
    Story story{delayed(200)};
    story.start();
    until_active(story, 100, 8s);
    story.hear(201, Centiseconds{100}, address("fe80::3"));
    EXPECT_GT(until_active(story, 100), 9s);
}

TEST(VrrpPreemptDelay, V27_CountsFromTheMomentOurPriorityRose) {
    Story story{delayed(200)};
    story.start();
    story.machine.set_priority(50, story.now);
    EXPECT_EQ(until_active(story, 100, 60s), 60s);
    EXPECT_THAT(in_words(story.machine.set_priority(200, story.now)), IsEmpty());
    EXPECT_EQ(story.machine.priority(), 200);
    EXPECT_EQ(until_active(story, 100), 9s + down_interval(200, Centiseconds{100}));
}

// It says that it cannot do its work; a healthy Backup does not look on for ten seconds.
TEST(VrrpPreemptDelay, V27_ARouterThatLowersItselfIsRelievedWithoutDelay) {
    Story story{delayed(100)};
    story.start();
    until_active(story, 200, 60s);
    story.hear(200);
    story.wait(500ms);
    story.hear(50);
    EXPECT_EQ(story.remaining(), 3109375us);  // since the last advertisement that was higher than ours
    EXPECT_EQ(until_active(story, 50), 3109375us);
}

TEST(VrrpPreemptDelay, V26_LosingTheHigherPriorityEndsTheDelay) {
    Story story{delayed(200)};
    story.start();
    until_active(story, 100, 20s - 10s);
    story.machine.set_priority(100, story.now);
    EXPECT_EQ(until_active(story, 100, 60s), 60s);
    story.machine.set_priority(200, story.now);
    EXPECT_GT(until_active(story, 100), 9s);
}

TEST(VrrpPriority, V31_AnActiveRouterTellsItsNewPriorityAtOnce) {
    Story story = active(200);
    story.wait(400ms);
    EXPECT_THAT(in_words(story.machine.set_priority(50, story.now)), ElementsAre("send 50"));
    EXPECT_EQ(story.remaining(), 1s);
    EXPECT_THAT(in_words(story.machine.set_priority(50, story.now)), IsEmpty());
    EXPECT_THAT(story.hear(100), ElementsAre("release", "active -> backup: fe80::2 has priority 100"));
}

TEST(VrrpPriority, V15_StaysBetween1And254) {
    Story story = active(200);
    EXPECT_THAT(in_words(story.machine.set_priority(0, story.now)), ElementsAre("send 1"));
    EXPECT_THAT(in_words(story.machine.set_priority(255, story.now)), ElementsAre("send 254"));
    EXPECT_EQ(Machine{config(0)}.priority(), 1);
}

TEST(VrrpPriority, V15_TheOwnersIsAlways255) {
    Story story{config(255)};
    story.start();
    EXPECT_THAT(in_words(story.machine.set_priority(50, story.now)), IsEmpty());
    EXPECT_EQ(story.machine.priority(), 255);
}

TEST(VrrpConfig, V31_ANewIntervalIsAdvertisedAtOnce) {
    Story story = active(200);
    story.wait(400ms);
    EXPECT_THAT(in_words(story.machine.set_config(config(200, Centiseconds{10}), story.now)),
                ElementsAre("send 200"));
    EXPECT_EQ(story.machine.advertisement(200), advertisement(200, Centiseconds{10}));
    EXPECT_EQ(story.remaining(), 100ms);
    EXPECT_THAT(in_words(story.machine.set_config(config(200, Centiseconds{10}), story.now)), IsEmpty());
}

TEST(VrrpConfig, V15_DeductionsOutliveANewPriority) {
    Story story = active(200);
    story.machine.set_priority(150, story.now);
    EXPECT_THAT(in_words(story.machine.set_config(config(120), story.now)), ElementsAre("send 70"));
    EXPECT_THAT(in_words(story.machine.set_config(config(20), story.now)), ElementsAre("send 1"));
}

TEST(VrrpConfig, V21_ABackupThatHasHeardNobodyWaitsByItsNewInterval) {
    Story story{config(100, kMaxInterval)};
    story.start();
    EXPECT_THAT(in_words(story.machine.set_config(config(100, Centiseconds{10}), story.now)), IsEmpty());
    EXPECT_EQ(story.remaining(), 360937500ns);
}

TEST(VrrpConfig, V26_ABackupKeepsTheIntervalItHasLearnt) {
    Story story = backup(100);
    story.hear(200, Centiseconds{50});
    const auto deadline = story.machine.deadline();
    EXPECT_THAT(in_words(story.machine.set_config(config(100, Centiseconds{10}), story.now)), IsEmpty());
    EXPECT_EQ(story.machine.deadline(), deadline);
    EXPECT_EQ(story.machine.down_interval(), down_interval(100, Centiseconds{50}));
}

TEST(VrrpConfig, V10_ValuesOutOfRangeAreBroughtIntoIt) {
    EXPECT_EQ(Machine{config(100, Centiseconds{0})}.config().interval, kMinInterval);
    EXPECT_EQ(Machine{config(100, Centiseconds{5000})}.config().interval, kMaxInterval);
}

// Another router may be Active by now: priority 0 would be a lie, and we wait like everyone.
TEST(VrrpMachine, V51_ALostLeaseMakesABackupWithoutAWord) {
    Story story = active(200);
    story.wait(400ms);
    EXPECT_THAT(in_words(story.machine.lease_lost(story.now, "the process stood still for 4.0 s")),
                ElementsAre("release", "active -> backup: the process stood still for 4.0 s"));
    EXPECT_EQ(story.remaining(), 3218750us);
    EXPECT_THAT(in_words(story.machine.lease_lost(story.now, "again")), IsEmpty());
    EXPECT_EQ(story.machine.state(), State::backup);
}

TEST(VrrpMachine, V38_StartsAnewAfterTheLinkWasDown) {
    Story story = active(100);
    story.hear(50);
    EXPECT_THAT(in_words(story.machine.stop(story.now, "lan0 has no carrier")),
                ElementsAre("send 0", "release", "active -> init: lan0 has no carrier"));
    EXPECT_THAT(story.hear(200), IsEmpty());
    story.wait(1h);
    EXPECT_THAT(story.start(), ElementsAre("init -> backup: started"));
    EXPECT_EQ(story.machine.peer(), std::nullopt);
    EXPECT_EQ(story.remaining(), 3609375us);
}

TEST(VrrpRecord, TellsThePeerHeardLast) {
    Story story = backup(100);
    EXPECT_EQ(story.machine.peer(), std::nullopt);
    story.wait(1s);
    story.hear(200, Centiseconds{50});
    EXPECT_EQ(story.machine.peer(), (Peer{kOther, 200, Centiseconds{50}, kStart + 1s}));
    story.hear(0, Centiseconds{50});
    EXPECT_EQ(story.machine.peer()->priority, 0);
}

TEST(VrrpRecord, KeepsTheLastSixteenTransitions) {
    Story story{config(100)};
    for (int i = 0; i < 20; ++i) {
        story.start();
        story.wait(1s);
        story.stop();
        story.wait(1s);
    }
    const auto& transitions = story.machine.transitions();
    ASSERT_EQ(transitions.size(), 16U);
    EXPECT_EQ(transitions.front(), (Transition{State::init, State::backup, kStart + 24s, "started"}));
    EXPECT_EQ(transitions.back(), (Transition{State::backup, State::init, kStart + 39s, "stopped"}));
}

}  // namespace
}  // namespace ulagate::vrrp::machine_change_test
