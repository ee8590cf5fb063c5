// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/vrrp/story.h"

// RFC 9568 section 6.4, paragraph by paragraph.
namespace ulagate::vrrp::machine_test {
namespace {

TEST(VrrpTimers, V16_SkewAndDownIntervalAreFinerThanCentiseconds) {
    EXPECT_EQ(skew_time(100, Centiseconds{100}), 609375us);  // 156/256 of 1 s
    EXPECT_EQ(down_interval(100, Centiseconds{100}), 3609375us);
    EXPECT_EQ(skew_time(254, Centiseconds{1}), 78125ns);
    EXPECT_EQ(skew_time(255, Centiseconds{1}), 39062ns);
    EXPECT_EQ(down_interval(1, Centiseconds{1}), 30ms + 9960937ns);
    EXPECT_EQ(down_interval(1, Centiseconds{4095}), 122850ms + 40790039062ns);
    for (unsigned priority = 1; priority < 255; ++priority) {
        EXPECT_GT(skew_time(static_cast<std::uint8_t>(priority), kMinInterval),
                  skew_time(static_cast<std::uint8_t>(priority + 1), kMinInterval));
    }
}

TEST(VrrpMachine, V20_TheOwnerIsActiveFromTheStart) {
    Story story{config(255)};
    EXPECT_THAT(story.start(),
                ElementsAre("send 255", "take", "init -> active: the address is ours (priority 255)"));
    EXPECT_EQ(story.machine.state(), State::active);
    EXPECT_EQ(story.remaining(), 1s);
}

TEST(VrrpMachine, V21_OthersStartAsBackupWithTheirOwnInterval) {
    Story story{config(100)};
    EXPECT_EQ(story.machine.state(), State::init);
    EXPECT_EQ(story.machine.deadline(), std::nullopt);
    EXPECT_THAT(story.start(), ElementsAre("init -> backup: started"));
    EXPECT_EQ(story.machine.state(), State::backup);
    EXPECT_EQ(story.remaining(), 3609375us);
    EXPECT_THAT(story.start(), IsEmpty());
}

TEST(VrrpMachine, V21_StaysInInitForTheStartDelay) {
    Config slow = config(100);
    slow.start_delay = 5s;
    Story story{slow};
    EXPECT_THAT(story.start(), IsEmpty());
    EXPECT_THAT(story.start(), IsEmpty());
    EXPECT_EQ(story.machine.state(), State::init);
    EXPECT_THAT(story.hear(200), IsEmpty());
    EXPECT_THAT(story.wait(4999ms), IsEmpty());
    EXPECT_THAT(story.wait(1ms), ElementsAre("init -> backup: the start delay of 5.0 s is over"));
    EXPECT_EQ(story.remaining(), 3609375us);

    Story stopped{slow};
    stopped.start();
    EXPECT_THAT(stopped.stop(), IsEmpty());
    EXPECT_EQ(stopped.machine.deadline(), std::nullopt);
}

// What a Backup does is nothing at all: no action takes the address or sends.
TEST(VrrpMachine, V22_ABackupIsSilent) {
    Story story = backup(100);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_THAT(story.hear(200), IsEmpty());
        EXPECT_THAT(story.wait(1s), IsEmpty());
    }
    EXPECT_EQ(story.machine.state(), State::backup);
}

TEST(VrrpMachine, V23_AStoppedBackupSaysNothing) {
    Story story = backup(100);
    EXPECT_THAT(story.stop(), ElementsAre("backup -> init: stopped"));
    EXPECT_EQ(story.machine.deadline(), std::nullopt);
    EXPECT_THAT(story.stop(), IsEmpty());
    EXPECT_THAT(story.start(), ElementsAre("init -> backup: started"));
}

TEST(VrrpMachine, V24_BackupTakesOverWhenTheDownTimerEnds) {
    Story story = backup(100);
    EXPECT_THAT(story.wait(3609375us - 1ns), IsEmpty());
    EXPECT_THAT(story.wait(1ns),
                ElementsAre("send 100", "take", "backup -> active: no advertisement for 3.6 s"));
    EXPECT_EQ(story.machine.state(), State::active);
    EXPECT_EQ(story.machine.since(), story.now);
    EXPECT_EQ(story.remaining(), 1s);
}

TEST(VrrpMachine, V24_TheReasonSaysHowLongTheActiveRouterWasSilent) {
    Story story{config(100, Centiseconds{10})};
    story.start();
    story.wait(200ms);
    story.hear(200, Centiseconds{10});
    EXPECT_THAT(story.next(),
                ElementsAre("send 100", "take", "backup -> active: no advertisement for 360 ms"));
}

TEST(VrrpMachine, V25_PriorityZeroLeavesOnlyTheSkewToWait) {
    Story story = backup(100);
    story.hear(200);
    story.wait(300ms);
    EXPECT_THAT(story.hear(0), IsEmpty());
    EXPECT_EQ(story.remaining(), 609375us);
    EXPECT_THAT(story.next(), ElementsAre("send 100", "take", "backup -> active: fe80::2 has stopped"));
}

// The higher of two Backups is the quicker, and the other hears it in time.
TEST(VrrpMachine, V25_TheSkewDecidesWhoFollows) {
    Story high = backup(200);
    Story low = backup(100);
    high.hear(0);
    low.hear(0);
    EXPECT_EQ(high.remaining(), 218750us);
    EXPECT_EQ(low.remaining(), 609375us);
}

TEST(VrrpMachine, V26_ABackupLearnsTheIntervalOfAHigherOrEqualPriority) {
    for (const std::uint8_t priority : std::vector<std::uint8_t>{100, 101, 254, 255}) {
        Story story = backup(100);
        story.wait(2s);
        EXPECT_THAT(story.hear(priority, Centiseconds{10}), IsEmpty());
        EXPECT_EQ(story.remaining(), 360937500ns);
        EXPECT_EQ(story.machine.down_interval(), 360937500ns);
        EXPECT_THAT(story.hear(priority, Centiseconds{4095}), IsEmpty());
        EXPECT_EQ(story.remaining(), down_interval(100, kMaxInterval));
    }
}

TEST(VrrpMachine, V26_WithPreemptOffAlsoOfALowerPriority) {
    Config patient = config(100);
    patient.preempt = false;
    Story story{patient};
    story.start();
    story.wait(2s);
    EXPECT_THAT(story.hear(50, Centiseconds{10}), IsEmpty());
    EXPECT_EQ(story.remaining(), 360937500ns);
    EXPECT_THAT(story.next(),
                ElementsAre("send 100", "take", "backup -> active: no advertisement for 360 ms"))
        << "not because the other one was worth less";
}

TEST(VrrpMachine, V27_ABackupDoesNotHearALowerPriority) {
    Story story = backup(100);
    story.wait(2s);
    EXPECT_THAT(story.hear(99, Centiseconds{10}), IsEmpty());
    EXPECT_EQ(story.remaining(), 1609375us);
    story.wait(1s);
    story.hear(99, Centiseconds{10});
    EXPECT_THAT(story.next(),
                ElementsAre("send 100", "take", "backup -> active: fe80::2 has the lower priority 99"));
    EXPECT_EQ(story.remaining(), 1s);  // our own interval, not the other's
}

TEST(VrrpMachine, V28_PreemptIsTheDefault) { EXPECT_TRUE(Config{}.preempt); }

// The owner as a Backup is rare: its lease ran out.
TEST(VrrpMachine, V28_TheOwnerAlwaysPreemptsAndWithoutDelay) {
    Config patient = config(255);
    patient.preempt = false;
    patient.preempt_delay = 10s;
    Story story{patient};
    story.start();
    story.machine.lease_lost(story.now, "the process stood still for 5.0 s");
    ASSERT_EQ(story.machine.state(), State::backup);
    while (story.machine.state() == State::backup && story.now < kStart + 20s) {
        story.hear(254);
        story.wait(1s);
    }
    EXPECT_EQ(story.machine.state(), State::active);
    EXPECT_EQ(story.machine.since(), kStart + down_interval(255, Centiseconds{100}));
}

TEST(VrrpMachine, V31_AnActiveRouterAdvertisesEveryInterval) {
    Story story = active(100);
    EXPECT_THAT(story.wait(999ms), IsEmpty());
    EXPECT_THAT(story.wait(1ms), ElementsAre("send 100"));
    EXPECT_THAT(story.wait(3s), ElementsAre("send 100", "send 100", "send 100"));
    EXPECT_EQ(story.machine.advertisement(100), advertisement(100));
}

TEST(VrrpMachine, V32_AStoppedActiveRouterSaysSoOnce) {
    Story story = active(100);
    EXPECT_THAT(story.stop(), ElementsAre("send 0", "release", "active -> init: stopped"));
    EXPECT_EQ(story.machine.deadline(), std::nullopt);
    EXPECT_THAT(story.stop(), IsEmpty());
}

TEST(VrrpMachine, V33_AnActiveRouterAnswersPriorityZeroAtOnce) {
    Story story = active(100);
    story.wait(400ms);
    EXPECT_THAT(story.hear(0), ElementsAre("send 100", "announce"));
    EXPECT_EQ(story.remaining(), 1s);
}

TEST(VrrpMachine, V34_AnActiveRouterYieldsToAHigherPriority) {
    Story story = active(100);
    story.wait(400ms);
    EXPECT_THAT(story.hear(200, Centiseconds{100}),
                ElementsAre("release", "active -> backup: fe80::2 has priority 200"));
    EXPECT_EQ(story.remaining(), 3609375us);
    EXPECT_EQ(story.machine.since(), story.now);
}

TEST(VrrpMachine, V34_AndLearnsItsInterval) {
    Story story = active(100);
    story.hear(200, Centiseconds{10});
    EXPECT_EQ(story.remaining(), 360937500ns);
}

// Addresses are compared as unsigned numbers: fe80::80 is larger than fe80::1, and so is febf::.
TEST(VrrpMachine, V35_AtEqualPriorityTheLargerAddressWins) {
    for (const char* larger : {"fe80::2", "fe80::80", "fe80::ff00:0", "febf::"}) {
        Story story = active(100);
        EXPECT_THAT(story.hear(100, Centiseconds{100}, address(larger)),
                    ElementsAre("release", "active -> backup: " + std::string{larger} +
                                               " has the same priority and the larger address"));
        EXPECT_EQ(story.remaining(), 3609375us);
    }
    Story story = active(100);
    EXPECT_THAT(story.hear(100, Centiseconds{100}, address("fe80::")), ElementsAre("send 100"));
    EXPECT_EQ(story.machine.state(), State::active);
}

TEST(VrrpMachine, V36_ALowerPriorityIsAnsweredAtOnce) {
    Story story = active(100);
    story.wait(400ms);
    EXPECT_THAT(story.hear(99), ElementsAre("send 100"));
    EXPECT_EQ(story.remaining(), 600ms);  // the rhythm stays
    EXPECT_EQ(story.machine.state(), State::active);
}

// The answer to our own words would come back as well, and be answered, for ever.
TEST(VrrpMachine, V36_OurOwnReflectedAdvertisementIsNotAnswered) {
    Story story = active(100);
    EXPECT_THAT(story.hear(100, Centiseconds{100}, kSelf), IsEmpty());
    EXPECT_THAT(story.hear(0, Centiseconds{100}, kSelf), IsEmpty());
    EXPECT_EQ(story.machine.peer(), std::nullopt);
}

TEST(VrrpMachine, V07_AnotherVirtualRouterIsNotOurs) {
    Advertisement other = advertisement(200);
    other.vrid = 52;
    Story story = active(100);
    EXPECT_THAT(story.hear(other), IsEmpty());
    EXPECT_EQ(story.machine.state(), State::active);
    EXPECT_EQ(story.machine.peer(), std::nullopt);
}

TEST(VrrpMachine, V12_AnActiveRouterReportsAnotherInterval) {
    Story story{config(200, Centiseconds{10})};
    story.start();
    EXPECT_THAT(story.hear(254, Centiseconds{100}), IsEmpty());  // a Backup learns it
    story.wait(1h);
    EXPECT_THAT(story.hear(100, Centiseconds{100}),
                ElementsAre("differs: fe80::2 advertises every 1s, we every 100ms", "send 200"));
    EXPECT_THAT(story.hear(100, Centiseconds{10}), ElementsAre("send 200"));
}

TEST(VrrpMachine, V13_MoreAddressesAreReportedAndTheAdvertisementCounts) {
    Advertisement other = advertisement(200);
    other.addresses = {kVip, address("fe80::1234")};
    Story story = active(100);
    EXPECT_THAT(story.hear(other),
                ElementsAre("differs: fe80::2 advertises fe80::5eed and 1 more, we fe80::5eed", "release",
                            "active -> backup: fe80::2 has priority 200"));
    EXPECT_THAT(story.hear(other),
                ElementsAre("differs: fe80::2 advertises fe80::5eed and 1 more, we fe80::5eed"));
    EXPECT_EQ(story.remaining(), 3609375us);
    EXPECT_EQ(story.machine.other_virtual_router(story.now), std::nullopt);
}

// It counted once, as RFC 9568 section 7.1 has it: to a pair of somebody else with the VRID of every example
// the site's only router gave way for ever, and nobody held the address that hosts send to.
TEST(VrrpMachine, V13_F05_WhoeverHoldsAnotherAddressIsNoPartner) {
    Advertisement other = advertisement(250);
    other.addresses = {address("fe80::1234"), kVip};
    const std::string differs = "differs: fe80::2 advertises fe80::1234 and 1 more, we fe80::5eed";
    Story story = active(100);
    EXPECT_THAT(story.hear(other), ElementsAre(differs));
    EXPECT_EQ(story.machine.state(), State::active);
    EXPECT_EQ(story.machine.peer(), std::nullopt);
    EXPECT_EQ(story.machine.rival(story.now), std::nullopt);
    const Peer who{kOther, 250, Centiseconds{100}, story.now};
    EXPECT_EQ(story.machine.other_virtual_router(story.now),
              (OtherVirtualRouter{who, address("fe80::1234")}));
    story.wait(4s);
    EXPECT_EQ(story.machine.other_virtual_router(story.now), std::nullopt) << "gone";

    Story second = backup(100);
    second.wait(3s);
    EXPECT_THAT(second.hear(other), ElementsAre(differs));
    other.priority = 0;
    EXPECT_THAT(second.hear(other), ElementsAre(differs));
    EXPECT_EQ(second.remaining(), 609375us) << "neither kept it waiting nor hurried it";
}

// RFC 9568 section 7.1 as published drops what the owner hears; erratum 8298 has it logged and processed,
// because two owners would else never settle.
TEST(VrrpMachine, V48_TwoOwnersAreReportedAndSettled) {
    Story story{config(255)};
    story.start();
    EXPECT_THAT(
        story.hear(255),
        ElementsAre("differs: fe80::2 also has priority 255: only one router can own the address", "release",
                    "active -> backup: fe80::2 has the same priority and the larger address"));
    EXPECT_THAT(story.hear(255),
                ElementsAre("differs: fe80::2 also has priority 255: only one router can own the address"));
}

TEST(VrrpMachine, V48_TheOwnerReportsWhoClaimsItsAddress) {
    Story story{config(255)};
    story.start();
    EXPECT_THAT(story.hear(100),
                ElementsAre("differs: fe80::2 is Active for the address that we own", "send 255"));
    EXPECT_THAT(story.hear(0), ElementsAre("send 255", "announce"));
}

TEST(VrrpMachine, V39_ALateTimerActsOnce) {
    Story story = active(100);
    story.now += 1h;
    EXPECT_THAT(in_words(story.machine.on_deadline(story.now)), ElementsAre("send 100"));
    EXPECT_THAT(in_words(story.machine.on_deadline(story.now)), IsEmpty());
    EXPECT_EQ(story.remaining(), 1s);
}

// The process stood still; what waited in the socket is read first, and proves the Active router alive.
TEST(VrrpMachine, V39_AnAdvertisementThatWaitedMovesALateDeadline) {
    Story story = backup(100);
    story.now += 10s;
    EXPECT_THAT(story.hear(200), IsEmpty());
    EXPECT_THAT(in_words(story.machine.on_deadline(story.now)), IsEmpty());
    EXPECT_EQ(story.machine.state(), State::backup);
    EXPECT_EQ(story.remaining(), 3609375us);
}

TEST(VrrpMachine, V39_AStaleTimerIsNotAnEvent) {
    Story story = backup(100);
    EXPECT_THAT(in_words(story.machine.on_deadline(story.now)), IsEmpty());
    EXPECT_THAT(in_words(Machine{config(100)}.on_deadline(story.now)), IsEmpty());
}

TEST(VrrpMachine, V50_AnnouncesAgainWhenTheOtherActiveRouterIsSilent) {
    Story story{config(200, Centiseconds{10})};
    story.start();
    story.next();
    story.hear(100, Centiseconds{10});
    story.wait(50ms);
    story.hear(100, Centiseconds{10});
    const TimePoint silent = story.now + down_interval(100, Centiseconds{10});
    std::vector<TimePoint> announced;
    while (story.now < kStart + 10s) {
        for (const std::string& word : story.next()) {
            if (word == "announce") announced.push_back(story.now);
        }
    }
    EXPECT_THAT(announced, ElementsAre(silent));
}

TEST(VrrpMachine, V50_WhoYieldsHasNothingToAnnounce) {
    Story story = active(100);
    story.hear(50);
    story.hear(200);
    for (int i = 0; i < 20; ++i) {
        EXPECT_THAT(story.wait(1s), IsEmpty());
        EXPECT_THAT(story.hear(200), IsEmpty());
    }
}

}  // namespace
}  // namespace ulagate::vrrp::machine_test
