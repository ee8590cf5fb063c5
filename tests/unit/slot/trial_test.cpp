// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/trial.h"

#include <gmock/gmock.h>

#include "image/boot/slot/bootloader.h"
#include "tests/unit/slot/card_story.h"

namespace ulagate::slot::trial_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Stage = UpdateRecord::Stage;

constexpr TimePoint kBoot{};
const Facts kGood{true, {"eth0"}, true};

class SlotTrialTest : public SlotCard {
protected:
    void arm() {
        UpdateRecord record;
        record.from_version = "0.1.0";
        record.to_version = "0.2.0";
        record.slot = Slot::b;
        record.before = kGood;
        ASSERT_TRUE(save_record(card(), record));
    }
    Trial begin() {
        said_.clear();
        return Trial::begin(root_, [this](const std::string& line) { said_.push_back(line); });
    }
    [[nodiscard]] UpdateRecord kept() const { return load_record(card()).value_or(UpdateRecord{}); }
    [[nodiscard]] Slot usual() const { return usual_slot(card()).value_or(Slot::a); }

    std::vector<std::string> said_;
};

TEST_F(SlotTrialTest, AnUsualBootWithoutUpdatesIsQuiet) {
    Trial trial = begin();
    EXPECT_FALSE(trial.running());
    EXPECT_EQ(trial.step(Facts{}, kBoot + 1h), Trial::Want::nothing);
    EXPECT_EQ(trial.status(), "");
    EXPECT_TRUE(said_.empty());
}

TEST_F(SlotTrialTest, AGoodVersionBecomesTheUsualOne) {
    arm();
    boots(Slot::b, true);
    Trial trial = begin();
    EXPECT_TRUE(trial.running());
    EXPECT_EQ(kept().stage, Stage::trying);
    EXPECT_EQ(trial.step({true, {}, false}, kBoot + 10s), Trial::Want::nothing);
    EXPECT_EQ(trial.status(), "update: 0.1.0 -> 0.2.0 in slot B: trying: eth0 has no link; 4 min 50 s left");
    EXPECT_EQ(trial.step(kGood, kBoot + 15s), Trial::Want::nothing);
    EXPECT_EQ(trial.step(kGood, kBoot + 30s), Trial::Want::nothing);
    EXPECT_EQ(usual(), Slot::a);
    EXPECT_EQ(trial.step(kGood, kBoot + 35s), Trial::Want::nothing);
    EXPECT_FALSE(trial.running());
    EXPECT_EQ(usual(), Slot::b);
    EXPECT_EQ(kept().stage, Stage::committed);
    EXPECT_EQ(trial.status(), "update: 0.1.0 -> 0.2.0 in slot B: committed");
    EXPECT_EQ(trial.step(Facts{}, kBoot + 1h), Trial::Want::nothing) << "it is decided";
    EXPECT_THAT(said_, ElementsAre("update: 0.1.0 -> 0.2.0 in slot B: trying",
                                   "update: 0.1.0 -> 0.2.0 in slot B: committed"));

    Trial restarted = begin();
    EXPECT_FALSE(restarted.running()) << "the manager came again in the same boot";
    boots(Slot::b, false);
    EXPECT_FALSE(begin().running()) << "and the boot after it";
    EXPECT_EQ(kept().stage, Stage::committed);
}

TEST_F(SlotTrialTest, AVersionThatDoesNotProveItselfWantsTheReboot) {
    arm();
    boots(Slot::b, true);
    Trial trial = begin();
    const std::string before = rest_of_card();
    for (auto t = kBoot + 10s; t < kBoot + 5min; t += 5s)
        ASSERT_EQ(trial.step({true, {"eth0"}, false}, t), Trial::Want::nothing);
    EXPECT_EQ(trial.step({true, {"eth0"}, false}, kBoot + 5min), Trial::Want::reboot);
    EXPECT_EQ(trial.step(kGood, kBoot + 5min + 5s), Trial::Want::reboot) << "until somebody does it";
    EXPECT_TRUE(rest_of_card() == before) << "no commit";
    EXPECT_EQ(kept().stage, Stage::returned);
    EXPECT_EQ(kept().reason, "no relay is reachable");
    EXPECT_EQ(said_.size(), 2U);

    boots(Slot::a, false);
    Trial old = begin();
    EXPECT_FALSE(old.running());
    EXPECT_EQ(old.status(), "update: 0.1.0 -> 0.2.0 in slot B: returned: no relay is reachable");
    EXPECT_EQ(usual(), Slot::a);
}

TEST_F(SlotTrialTest, ACrashOfTheTrialIsNoticedByTheOldVersion) {
    arm();
    boots(Slot::b, true);
    EXPECT_TRUE(begin().running());
    boots(Slot::a, false);
    EXPECT_FALSE(begin().running());
    EXPECT_EQ(kept().stage, Stage::returned);
    EXPECT_THAT(kept().reason, HasSubstr("without a verdict"));
    EXPECT_THAT(said_, ElementsAre("update: " + for_people(kept())));
    begin();
    EXPECT_TRUE(said_.empty()) << "it is said once";
}

TEST_F(SlotTrialTest, AManagerThatCrashesAgainAndAgainGetsNoNewTime) {
    arm();
    boots(Slot::b, true);
    begin();
    Trial later = begin();
    EXPECT_EQ(later.step(kGood, kBoot + 5min), Trial::Want::reboot);
}

TEST_F(SlotTrialTest, ACommitThatFailsIsTriedAgain) {
    arm();
    boots(Slot::b, true);
    Trial trial = begin();
    const std::string card_before = get("/dev/disk");
    trial.step(kGood, kBoot + 10s);
    std::filesystem::rename(disk(), disk() + ".pulled");
    EXPECT_EQ(trial.step(kGood, kBoot + 30s), Trial::Want::nothing);
    EXPECT_TRUE(trial.running());
    EXPECT_THAT(said_.back(), HasSubstr("no commit yet"));
    std::filesystem::rename(disk() + ".pulled", disk());
    EXPECT_TRUE(get("/dev/disk") == card_before);
    EXPECT_EQ(trial.step(kGood, kBoot + 35s), Trial::Want::nothing);
    EXPECT_FALSE(trial.running());
    EXPECT_EQ(usual(), Slot::b);
}

TEST_F(SlotTrialTest, WithoutItsCardATriedVersionGoesBack) {
    std::filesystem::remove(root_ + "/run/appliance/card");
    boots(Slot::b, true);
    Trial trial = begin();
    EXPECT_TRUE(trial.running()) << "the bootloader says so";
    EXPECT_EQ(trial.step({true, {}, false}, kBoot + 1min), Trial::Want::nothing);
    EXPECT_EQ(trial.step({true, {}, false}, kBoot + 2min), Trial::Want::nothing) << "cannot commit";
    EXPECT_EQ(trial.step({true, {}, false}, kBoot + 5min + 1s), Trial::Want::reboot);
    boots(Slot::a, false);
    EXPECT_FALSE(begin().running());
}

TEST_F(SlotTrialTest, OtherFilesOfTheStateAreKept) {
    auto state = card().open_state();
    ASSERT_TRUE(state);
    ASSERT_TRUE(state->save({{"key", "secret"}}));
    arm();
    boots(Slot::b, true);
    begin();
    EXPECT_EQ(card().open_state()->files().at("key"), "secret");
}

TEST_F(SlotTrialTest, WhatTheBootloaderSays) {
    EXPECT_EQ(read_boot(root_), (Boot{Slot::a, false, {}}));
    put("/proc/device-tree/chosen/bootloader/build-timestamp", std::string{"\x63\xb7\x25\x80", 4});
    boots(Slot::b, true);
    EXPECT_EQ(read_boot(root_), (Boot{Slot::b, true, 0x63b72580}));
    put("/proc/device-tree/chosen/bootloader/partition", std::string{"\0\0\0\1", 4});
    EXPECT_FALSE(read_boot(root_).slot);
    put("/proc/device-tree/chosen/bootloader/partition", "2");
    EXPECT_FALSE(read_boot(root_).slot);
    std::filesystem::remove_all(root_ + "/proc/device-tree/chosen");
    EXPECT_EQ(read_boot(root_), Boot{});
}

TEST_F(SlotTrialTest, WhatTheReleaseSays) {
    const auto machine = read_machine(root_);
    ASSERT_TRUE(machine) << machine.error().text();
    EXPECT_EQ(machine->version, "0.1.0");
    EXPECT_EQ(machine->build_time, 1'900'000'000);
    EXPECT_THAT(machine->compatibles, ElementsAre("raspberrypi,3-model-b", "brcm,bcm2837"));
    for (const char* text : {"", "VERSION=1\nBOARD=rpi\n", "VERSION=1\nBOARD=rpi\nBUILD_TIME=x\n",
                             "VERSION=1\nBOARD=rpi\nBUILD_TIME=-1\n"}) {
        put("/etc/ulagate-release", text);
        EXPECT_FALSE(read_machine(root_)) << text;
        EXPECT_FALSE(read_update_key(root_)) << text;
    }
}

}  // namespace
}  // namespace ulagate::slot::trial_test
