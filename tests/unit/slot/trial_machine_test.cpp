// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/trial_machine.h"

#include <gtest/gtest.h>

namespace ulagate::slot::trial_machine_test {
namespace {

using namespace std::chrono_literals;
using Stage = UpdateRecord::Stage;
using Verdict = TrialMachine::Verdict;

constexpr TimePoint kBoot{};
const Boot kTriedB{Slot::b, true, {}};
const Boot kUsualA{Slot::a, false, {}};

UpdateRecord record(Stage stage = Stage::armed) {
    UpdateRecord out;
    out.stage = stage;
    out.from_version = "0.1.0";
    out.to_version = "0.2.0";
    out.slot = Slot::b;
    out.before = {true, {"eth0", "eth1"}, true};
    return out;
}

const Facts kGood{true, {"eth0", "eth1"}, true};

Facts without_relay() {
    Facts out = kGood;
    out.relay_reachable = false;
    return out;
}

TEST(SlotTrial, HealthyForAWhileIsCommitted) {
    TrialMachine trial{record(), kBoot};
    EXPECT_EQ(trial.deadline(), kBoot + 5min);
    EXPECT_EQ(trial.step(Facts{}, kBoot + 10s), Verdict::wait);
    EXPECT_EQ(trial.reason(), "the configuration can no longer be read; 4 min 50 s left");
    EXPECT_EQ(trial.step(without_relay(), kBoot + 12s), Verdict::wait);
    EXPECT_EQ(trial.reason(), "no relay is reachable; 4 min 48 s left");
    EXPECT_EQ(trial.step(kGood, kBoot + 15s), Verdict::wait);
    EXPECT_EQ(trial.step(kGood, kBoot + 34s), Verdict::wait);
    EXPECT_EQ(trial.reason(), "healthy so far; 4 min 26 s left");
    EXPECT_EQ(trial.step(kGood, kBoot + 35s), Verdict::commit);
    EXPECT_EQ(trial.step(kGood, kBoot + 36s), Verdict::commit) << "the card did not take it yet";
    EXPECT_EQ(trial.reason(), "");
}

TEST(SlotTrial, ABreakBeginsAnew) {
    TrialMachine trial{record(), kBoot};
    EXPECT_EQ(trial.step(kGood, kBoot + 10s), Verdict::wait);
    EXPECT_EQ(trial.step(without_relay(), kBoot + 29s), Verdict::wait);
    EXPECT_EQ(trial.step(kGood, kBoot + 31s), Verdict::wait);
    EXPECT_EQ(trial.step(kGood, kBoot + 50s), Verdict::wait);
    EXPECT_EQ(trial.step(kGood, kBoot + 51s), Verdict::commit);
}

TEST(SlotTrial, NotInTimeGoesBack) {
    TrialMachine trial{record(), kBoot};
    EXPECT_EQ(trial.step(without_relay(), kBoot + 5min - 1ms), Verdict::wait);
    EXPECT_EQ(trial.step(without_relay(), kBoot + 5min), Verdict::give_up);
    EXPECT_EQ(trial.reason(), "no relay is reachable");
    EXPECT_EQ(trial.step(kGood, kBoot + 5min + 20s), Verdict::give_up) << "what is decided is decided";
    EXPECT_EQ(trial.reason(), "no relay is reachable");
}

TEST(SlotTrial, HealthyTooLateGoesBackToo) {
    TrialMachine trial{record(), kBoot};
    EXPECT_EQ(trial.step(kGood, kBoot + 5min - 19s), Verdict::wait);
    EXPECT_EQ(trial.step(kGood, kBoot + 5min), Verdict::give_up);
    EXPECT_EQ(trial.reason(), "it was not healthy for long enough during the trial");
    TrialMachine just{record(), kBoot};
    EXPECT_EQ(just.step(kGood, kBoot + 5min - 20s), Verdict::wait);
    EXPECT_EQ(just.step(kGood, kBoot + 5min), Verdict::commit);
}

TEST(SlotTrial, ACardThatTakesNoCommitGoesBack) {
    TrialMachine trial{record(), kBoot};
    EXPECT_EQ(trial.step(kGood, kBoot + 10s), Verdict::wait);
    for (auto t = kBoot + 30s; t <= kBoot + 5min; t += 5s) EXPECT_EQ(trial.step(kGood, t), Verdict::commit);
    EXPECT_EQ(trial.step(kGood, kBoot + 5min + 1s), Verdict::give_up);
}

TEST(SlotTrial, OnlyWhatWasThereBeforeIsMissed) {
    EXPECT_EQ(lacking(Facts{}, Facts{}), "");
    EXPECT_EQ(lacking(Facts{}, kGood), "");
    EXPECT_EQ(lacking(kGood, kGood), "");
    EXPECT_EQ(lacking(kGood, {true, {"eth0", "eth1", "eth2"}, true}), "");
    EXPECT_EQ(lacking(kGood, {true, {"eth1"}, true}), "eth0 has no link");
    EXPECT_EQ(lacking(kGood, {false, {"eth0", "eth1"}, true}), "the configuration can no longer be read");
    EXPECT_EQ(lacking({true, {}, false}, {true, {}, false}), "");
}

TEST(SlotTrial, ATrialBootIsKnownByWhatWasAgreedOn) {
    const auto found = examine_boot(kTriedB, Slot::a, record());
    ASSERT_TRUE(found.trial);
    EXPECT_EQ(*found.trial, record(Stage::trying));
    EXPECT_EQ(found.record, found.trial);
    EXPECT_EQ(examine_boot(kTriedB, Slot::a, record(Stage::trying)).trial, record(Stage::trying))
        << "the manager came again";
    EXPECT_EQ(examine_boot(kTriedB, std::nullopt, record()).trial, record(Stage::trying))
        << "a card that cannot be read";
}

TEST(SlotTrial, ATrialThatNobodyAgreedOnNeedsAConfiguration) {
    for (const auto& before : {std::optional<UpdateRecord>{}, std::optional{record(Stage::committed)}}) {
        const auto found = examine_boot(kTriedB, Slot::a, before);
        ASSERT_TRUE(found.trial);
        EXPECT_EQ(found.trial->slot, Slot::b);
        EXPECT_EQ(found.trial->before, (Facts{true, {}, false}));
    }
}

TEST(SlotTrial, AnUsualBootWithNothingOpenIsNothing) {
    for (const auto& before :
         {std::optional<UpdateRecord>{}, std::optional{record(Stage::committed)},
          std::optional{record(Stage::returned)}, std::optional{record(Stage::failed)}}) {
        const auto found = examine_boot(kUsualA, Slot::a, before);
        EXPECT_FALSE(found.trial);
        EXPECT_FALSE(found.record);
    }
    EXPECT_FALSE(examine_boot(Boot{}, Slot::a, record()).record) << "the bootloader says nothing";
}

TEST(SlotTrial, TheOldVersionAgainMeansReturned) {
    auto found = examine_boot(kUsualA, Slot::a, record(Stage::armed));
    EXPECT_FALSE(found.trial);
    ASSERT_TRUE(found.record);
    EXPECT_EQ(found.record->stage, Stage::returned);
    EXPECT_EQ(found.record->reason,
              "the new version was not started or did not come up, and the bootloader went back");
    found = examine_boot(kUsualA, Slot::a, record(Stage::trying));
    ASSERT_TRUE(found.record);
    EXPECT_EQ(found.record->stage, Stage::returned);
    EXPECT_EQ(found.record->reason, "the trial ended without a verdict: a crash, the watchdog, or the power");
}

TEST(SlotTrial, APowerCutBetweenCommitAndRecordIsACommit) {
    for (const bool tried : {true, false}) {
        const auto found = examine_boot({Slot::b, tried, {}}, Slot::b, record(Stage::trying));
        EXPECT_FALSE(found.trial);
        ASSERT_TRUE(found.record);
        EXPECT_EQ(found.record->stage, Stage::committed);
    }
}

}  // namespace
}  // namespace ulagate::slot::trial_machine_test
