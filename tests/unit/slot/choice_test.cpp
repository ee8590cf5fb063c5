// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/boot/slot/admission.h"
#include "image/boot/slot/boot_choice.h"
#include "image/boot/slot/update_record.h"

namespace ulagate::slot::choice_test {
namespace {

using testing::HasSubstr;

Machine machine() {
    return {"0.1.0", "rpi", 1'700'000'000, {"raspberrypi,4-model-b", "brcm,bcm2711"}, 1'673'000'000};
}

Manifest update() {
    Manifest out;
    out.version = "0.2.0";
    out.build_time = 1'700'000'001;
    out.board = "rpi";
    out.compatibles = {"raspberrypi,3-model-b", "raspberrypi,4-model-b"};
    out.raw_bytes = 64U << 20U;
    return out;
}

std::string verdict(const Manifest& manifest, const Machine& on, bool downgrade = false,
                    std::uint64_t room = 64U << 20U) {
    const auto admitted = admit(manifest, on, room, downgrade);
    return admitted ? "admitted" : admitted.error().text();
}

TEST(SlotAdmission, WhatFitsIsAdmitted) { EXPECT_EQ(verdict(update(), machine()), "admitted"); }

TEST(SlotAdmission, NothingOlderUnlessAPersonSaysSo) {
    auto old = update();
    old.build_time = machine().build_time;
    EXPECT_EQ(verdict(old, machine()), "admitted") << "the same once more";
    old.build_time = machine().build_time - 1;
    EXPECT_EQ(verdict(old, machine()),
              "0.2.0 of 2023-11-14 22:13 UTC is older than the running 0.1.0 of 2023-11-14 22:13 UTC; old "
              "versions may have known vulnerabilities. To install it anyway, use --allow-downgrade");
    EXPECT_EQ(verdict(old, machine(), true), "admitted");
}

TEST(SlotAdmission, OnlyThisBoardAndItsFirmware) {
    auto other = update();
    other.board = "rpi5";
    EXPECT_EQ(verdict(other, machine(), true), "the update is for rpi5, this is the firmware for rpi");
    auto board = machine();
    board.compatibles = {"raspberrypi,5-model-b", "brcm,bcm2712"};
    EXPECT_EQ(verdict(update(), board, true),
              "the update does not know this board (\"raspberrypi,5-model-b\")");
    board.compatibles.clear();
    EXPECT_EQ(verdict(update(), board, true), "the update does not know this board (nameless)");
}

TEST(SlotAdmission, ItHasToFitIntoTheSlot) {
    EXPECT_EQ(verdict(update(), machine(), true, (64U << 20U) - 512),
              "the update needs 67108864 bytes, a slot of this card has 67108352");
}

TEST(SlotAdmission, AnOldBootloaderCannotTryASlot) {
    auto board = machine();
    board.eeprom_time = kOldestEeprom;
    EXPECT_EQ(verdict(update(), board), "admitted");
    board.eeprom_time = kOldestEeprom - 1;
    EXPECT_THAT(
        verdict(update(), board, true),
        HasSubstr(
            "the bootloader EEPROM of this board is of 2021-04-30 23:59 UTC, and trying a slot needs one of "
            "2021-05-01 00:00 UTC or later"));
    board.eeprom_time.reset();
    EXPECT_EQ(verdict(update(), board), "admitted") << "a Pi 3 has none";
    auto demanding = update();
    demanding.eeprom_time = *machine().eeprom_time + 1;
    EXPECT_THAT(verdict(demanding, machine()), HasSubstr("needs one of 2023-01-06"));
    EXPECT_EQ(verdict(demanding, board), "admitted");
}

TEST(SlotChoice, AutobootIsOneSector) {
    const std::string a = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n";
    EXPECT_EQ(autoboot_text(Slot::a), a + std::string(512 - a.size(), '\n'));
    const std::string b = "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n";
    EXPECT_EQ(autoboot_text(Slot::b), b + std::string(512 - b.size(), '\n'));
    EXPECT_EQ(parse_autoboot(autoboot_text(Slot::a)).value_or(Slot::b), Slot::a);
    EXPECT_EQ(parse_autoboot(autoboot_text(Slot::b)).value_or(Slot::a), Slot::b);
    EXPECT_EQ(parse_autoboot("[all]\r\ntryboot_a_b=1\r\nboot_partition=3  \r\n[tryboot]\r\nboot_partition=2")
                  .value_or(Slot::a),
              Slot::b);
}

TEST(SlotChoice, AnAutobootThatChoosesSomethingElseIsRefused) {
    for (const std::string text :
         {"", "boot_partition=2\n", "[all]\nboot_partition=2\n",
          "[all]\nboot_partition=2\n[tryboot]\nboot_partition=2\n",
          "[all]\nboot_partition=1\n[tryboot]\nboot_partition=3\n",
          "[all]\nboot_partition=22\n[tryboot]\nboot_partition=3\n",
          "[all]\nboot_partition=2\n[tryboot]\nboot_partition=3\n[pi4]\nboot_partition=1\n",
          "[all]\nboot_partition=\n[tryboot]\nboot_partition=3\n"})
        EXPECT_FALSE(parse_autoboot(text)) << text;
}

TEST(SlotChoice, ATrialIsWhatTheNextBootWouldNotStart) {
    EXPECT_FALSE(is_trial({Slot::a, false, {}}, Slot::a));
    EXPECT_TRUE(is_trial({Slot::b, true, {}}, Slot::a));
    EXPECT_TRUE(is_trial({Slot::b, false, {}}, Slot::a));
    EXPECT_FALSE(is_trial({Slot::b, true, {}}, Slot::b)) << "committed meanwhile";
    EXPECT_TRUE(is_trial({Slot::b, true, {}}, std::nullopt)) << "the card cannot be read";
    EXPECT_FALSE(is_trial({Slot::b, false, {}}, std::nullopt));
    EXPECT_FALSE(is_trial({std::nullopt, true, {}}, Slot::a)) << "not started by the bootloader";
}

TEST(SlotRecord, RoundTrip) {
    UpdateRecord record;
    record.stage = UpdateRecord::Stage::returned;
    record.from_version = "0.1.0";
    record.to_version = "0.2.0";
    record.slot = Slot::a;
    record.trial_minutes = 7;
    record.before = {true, {"eth0", "wlan0"}, true};
    record.reason = "eth0 has no link";
    const std::string text = to_text(record);
    EXPECT_EQ(text,
              "stage=returned\nfrom=0.1.0\nto=0.2.0\nslot=2\ntrial_minutes=7\nconfiguration_good=1\nlinks_up="
              "eth0 wlan0\n"
              "relay_reachable=1\nreason=eth0 has no link\n");
    const auto again = parse_update_record(text);
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(*again, record);
    EXPECT_EQ(for_people(record), "0.1.0 -> 0.2.0 in slot A: returned: eth0 has no link");
    EXPECT_EQ(parse_update_record(text + "something=new\n").value_or(UpdateRecord{}), record)
        << "a later version may have written it";
    const auto none = parse_update_record(to_text(UpdateRecord{}));
    ASSERT_TRUE(none);
    EXPECT_EQ(*none, UpdateRecord{});
}

TEST(SlotRecord, AReasonIsOneLine) {
    UpdateRecord record;
    record.reason = "a\nstage=committed";
    EXPECT_EQ(parse_update_record(to_text(record)).value_or(UpdateRecord{}).reason, "a stage=committed");
}

TEST(SlotRecord, WhatIsNotUnderstoodIsRefused) {
    EXPECT_FALSE(parse_update_record(""));
    EXPECT_FALSE(parse_update_record("stage=armed\nslot=4\ntrial_minutes=5\n"));
    EXPECT_FALSE(parse_update_record("stage=armed\nslot=2\ntrial_minutes=0\n"));
    EXPECT_FALSE(parse_update_record("stage=armed\nslot=2\ntrial_minutes=61\n"));
    EXPECT_FALSE(parse_update_record("stage=strange\nslot=2\ntrial_minutes=5\n"));
    EXPECT_TRUE(parse_update_record("stage=armed\nslot=2\ntrial_minutes=5\n"));
    EXPECT_FALSE(parse_update_record("stage=armed\nslot=2\ntrial_minutes=5\n" + std::string(8192, 'x')));
}

}  // namespace
}  // namespace ulagate::slot::choice_test
