// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::init::supervisor_test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr TimePoint kBoot{};
constexpr std::size_t kRouter = 0;
constexpr std::size_t kManager = 1;
constexpr Message kReady{true, false, false};
constexpr Message kAlive{false, true, false};
constexpr Message kStopping{false, false, true};

Supervisor two() { return Supervisor{{"ulagate", "appliance"}, Limits{}}; }

Supervisor both_ready() {
    Supervisor s = two();
    s.start(kBoot);
    s.on_message(kRouter, kReady, kBoot);
    s.on_message(kManager, kReady, kBoot);
    return s;
}

// Says that it lives, every 5 s until `until`.
void keep_alive(Supervisor& s, std::size_t service, TimePoint from, TimePoint until) {
    for (TimePoint t = from; t <= until; t += 5s) {
        EXPECT_THAT(s.on_deadline(t), IsEmpty());
        s.on_message(service, kAlive, t);
    }
}

std::string words(const Actions& actions) {
    std::string out;
    for (const Action& action : actions) {
        if (const auto* say = std::get_if<Say>(&action)) out += say->text + "\n";
    }
    return out;
}

TEST(Supervisor, StartsAllAtOnceAndSaysWhenAllAreReady) {
    Supervisor s = two();
    EXPECT_THAT(s.start(kBoot), ElementsAre(Start{kRouter}, Start{kManager}));
    EXPECT_THAT(s.on_message(kManager, kReady, kBoot + 1s), IsEmpty());
    EXPECT_THAT(s.on_message(kRouter, kReady, kBoot + 2s), ElementsAre(AllReady{}));
    EXPECT_THAT(s.on_message(kRouter, kReady, kBoot + 3s), IsEmpty());  // a reload: said once
    EXPECT_TRUE(s.healthy(kBoot + 3s));
}

TEST(Supervisor, KillsWhatIsNotReadyInTimeAndStartsItAgain) {
    Supervisor s = two();
    s.start(kBoot);
    s.on_message(kManager, kReady, kBoot + 59s);
    EXPECT_THAT(s.on_deadline(kBoot + 60s - 1ms), IsEmpty());
    const Actions actions = s.on_deadline(kBoot + 60s);
    EXPECT_THAT(actions, Contains(Action{Kill{kRouter}}));
    EXPECT_THAT(words(actions), HasSubstr("ulagate: not ready after 1 min"));
    EXPECT_THAT(words(s.on_exit(kRouter, "killed by signal 9", kBoot + 60s)),
                HasSubstr("restarting it in 200 ms"));
    EXPECT_THAT(s.on_deadline(kBoot + 60s + 199ms), IsEmpty());
    EXPECT_THAT(s.on_deadline(kBoot + 60s + 200ms), ElementsAre(Start{kRouter}));
}

TEST(Supervisor, KillsWhatHangsAndFeedsTheWatchdogMeanwhile) {
    Supervisor s = both_ready();
    keep_alive(s, kRouter, kBoot, kBoot + 15s);
    s.on_message(kManager, kAlive, kBoot + 10s);
    const Actions actions = s.on_deadline(kBoot + 30s);
    EXPECT_THAT(actions, Contains(Action{Kill{kManager}}));
    EXPECT_THAT(actions, Not(Contains(Action{Kill{kRouter}})));
    EXPECT_THAT(words(actions), HasSubstr("appliance: no watchdog message for 20.0"));
    EXPECT_TRUE(s.healthy(kBoot + 31s));
    s.on_message(kManager, kAlive, kBoot + 31s);  // too late
    s.on_exit(kManager, "killed by signal 9", kBoot + 31s);
    EXPECT_EQ(s.deadline(), kBoot + 31s + 200ms);
}

TEST(Supervisor, StopsFeedingTheWatchdogWhenAServiceDoesNotComeBack) {
    Supervisor s = both_ready();
    s.on_exit(kRouter, "exit code 1", kBoot + 10s);
    TimePoint now = kBoot + 10s;
    int starts = 0;
    while (s.healthy(now)) {
        s.on_message(kManager, kAlive, now);
        for (const Action& action : s.on_deadline(now)) {
            if (action != Action{Start{kRouter}}) continue;
            ++starts;
            s.on_exit(kRouter, "exit code 1", now);
        }
        now += 100ms;
    }
    EXPECT_EQ(now, kBoot + 10s + 180s);
    // 0.2 + 0.4 + … + 6.4 s, then every 10 s.
    EXPECT_THAT(starts, testing::AllOf(testing::Ge(20), testing::Le(24)));
    // It comes back at last: the machine lives on.
    s.on_deadline(now + 10s);
    s.on_message(kRouter, kReady, now + 10s);
    EXPECT_TRUE(s.healthy(now + 10s));
}

TEST(Supervisor, AServiceThatHangsInTheKernelEndsInAResetToo) {
    Supervisor s = both_ready();
    s.on_deadline(kBoot + 20s);
    EXPECT_THAT(words(s.on_deadline(kBoot + 22s)), HasSubstr("cannot be killed"));
    EXPECT_TRUE(s.healthy(kBoot + 199s));
    EXPECT_FALSE(s.healthy(kBoot + 200s));
    EXPECT_EQ(s.deadline(), std::nullopt);
}

TEST(Supervisor, TheFirstPauseIsShortAgainAfterCalmTimes) {
    Supervisor s = both_ready();
    TimePoint now = kBoot + 1s;
    for (int i = 0; i < 5; ++i) {
        s.on_exit(kRouter, "exit code 1", now);
        now = s.deadline().value();
        s.on_deadline(now);
        s.on_message(kRouter, kReady, now);
        s.on_message(kManager, kAlive, now);
    }
    EXPECT_THAT(words(s.on_exit(kRouter, "x", now + 1s)), HasSubstr("restarting it in 6.4 s"));
    now = s.deadline().value();
    s.on_deadline(now);
    s.on_message(kRouter, kReady, now);
    keep_alive(s, kRouter, now, now);
    EXPECT_THAT(words(s.on_exit(kRouter, "x", now + 60s)), HasSubstr("restarting it in 200 ms"));
}

TEST(Supervisor, OneThatStopsByItselfIsGivenTimeAndStartedAgain) {
    Supervisor s = both_ready();
    s.on_message(kRouter, kStopping, kBoot + 5s);
    s.on_message(kManager, kAlive, kBoot + 14s);
    EXPECT_THAT(s.on_deadline(kBoot + 15s - 1ms), IsEmpty());
    EXPECT_THAT(s.on_deadline(kBoot + 15s), Contains(Action{Kill{kRouter}}));
    s.on_exit(kRouter, "killed by signal 9", kBoot + 15s);
    EXPECT_THAT(s.on_deadline(kBoot + 16s), ElementsAre(Start{kRouter}));
}

TEST(Supervisor, StopsTheRouterAndThenTheManager) {
    Supervisor s = both_ready();
    EXPECT_THAT(s.shut_down(End::reboot, kBoot + 1s), ElementsAre(Terminate{kRouter}));
    EXPECT_THAT(s.shut_down(End::halt, kBoot + 1s), IsEmpty());  // the first word counts
    s.on_message(kRouter, kStopping, kBoot + 1s);
    keep_alive(s, kManager, kBoot + 1s, kBoot + 6s);
    EXPECT_THAT(s.on_exit(kRouter, "exit code 0", kBoot + 7s), ElementsAre(Terminate{kManager}));
    EXPECT_TRUE(s.healthy(kBoot + 8s));
    EXPECT_THAT(s.on_exit(kManager, "exit code 0", kBoot + 8s), ElementsAre(Finish{End::reboot}));
    EXPECT_FALSE(s.healthy(kBoot + 8s));  // from here on the watchdog is what helps
}

TEST(Supervisor, TheEndHasALimitForEach) {
    Supervisor s = both_ready();
    s.shut_down(End::power_off, kBoot);
    s.on_message(kManager, kAlive, kBoot + 9s);
    EXPECT_THAT(s.on_deadline(kBoot + 10s - 1ms), IsEmpty());
    EXPECT_THAT(s.on_deadline(kBoot + 10s), Contains(Action{Kill{kRouter}}));
    EXPECT_THAT(s.on_deadline(kBoot + 12s), Contains(Action{Terminate{kManager}}));  // "cannot be killed"
    EXPECT_THAT(s.on_deadline(kBoot + 22s), Contains(Action{Kill{kManager}}));
    EXPECT_THAT(s.on_deadline(kBoot + 24s), Contains(Action{Finish{End::power_off}}));
    EXPECT_EQ(s.deadline(), std::nullopt);
}

TEST(Supervisor, TheEndPassesOverWhatIsNotThere) {
    Supervisor s = both_ready();
    s.on_exit(kRouter, "exit code 1", kBoot + 1s);  // waits to be started
    EXPECT_THAT(s.shut_down(End::reboot, kBoot + 1s), ElementsAre(Terminate{kManager}));
    EXPECT_THAT(s.on_deadline(kBoot + 9s), IsEmpty());
    EXPECT_THAT(s.on_exit(kManager, "exit code 0", kBoot + 9s), ElementsAre(Finish{End::reboot}));

    Supervisor none = two();
    EXPECT_THAT(none.shut_down(End::reboot, kBoot), ElementsAre(Finish{End::reboot}));

    Supervisor out_of_turn = both_ready();
    out_of_turn.shut_down(End::reboot, kBoot);
    EXPECT_THAT(out_of_turn.on_exit(kManager, "killed by signal 11", kBoot + 1s), IsEmpty());
    EXPECT_THAT(out_of_turn.on_exit(kRouter, "exit code 0", kBoot + 2s), ElementsAre(Finish{End::reboot}));
}

TEST(Supervisor, WaitsForOneThatIsBeingKilledWhenTheEndComes) {
    Supervisor s = both_ready();
    s.on_message(kManager, kAlive, kBoot + 19s);
    s.on_deadline(kBoot + 20s);  // kills the router
    EXPECT_THAT(s.shut_down(End::reboot, kBoot + 21s), IsEmpty());
    EXPECT_THAT(s.on_exit(kRouter, "killed by signal 9", kBoot + 21s), ElementsAre(Terminate{kManager}));
}

TEST(Message, ReadsWhatServicesSay) {
    EXPECT_EQ(parse_message("READY=1\nSTATUS=routing"), kReady);
    EXPECT_EQ(parse_message("WATCHDOG=1"), kAlive);
    EXPECT_EQ(parse_message("STOPPING=1\n"), kStopping);
    EXPECT_EQ(parse_message("READY=1\nWATCHDOG=1"), (Message{true, true, false}));
    for (const char* text : {"", "\n", "READY=0", "READY=11", "XREADY=1", "STATUS=READY=1", "RELOADING=1"}) {
        EXPECT_EQ(parse_message(text), Message{}) << text;
    }
}

}  // namespace
}  // namespace ulagate::init::supervisor_test
