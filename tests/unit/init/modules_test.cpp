// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/boot/init/log_lines.h"

namespace ulagate::init::modules_test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Uevent, NamesTheDeviceThatHasCome) {
    EXPECT_EQ(added_modalias(
                  "add@/devices/usb1/1-1\0ACTION=add\0SUBSYSTEM=usb\0MODALIAS=usb:v0BDAp8153\0SEQNUM=7\0"s),
              "usb:v0BDAp8153");
    EXPECT_EQ(added_modalias("add@/devices/x\0MODALIAS=of:NspiT(null)"s), "of:NspiT(null)");
}

TEST(Uevent, SaysNothingForOtherMessages) {
    EXPECT_THAT(added_modalias("remove@/devices/usb1\0ACTION=remove\0MODALIAS=usb:v0\0"s), IsEmpty());
    EXPECT_THAT(added_modalias("add@/devices/virtual/x\0ACTION=add\0"s), IsEmpty());
    EXPECT_THAT(added_modalias("add@/x\0XMODALIAS=a\0"s), IsEmpty());
    EXPECT_THAT(added_modalias("add@"s), IsEmpty());
    EXPECT_THAT(added_modalias("add@\0\0\0MODALIAS="s), IsEmpty());
    EXPECT_THAT(added_modalias("libudev\0MODALIAS=usb:v0\0"s), IsEmpty());
    EXPECT_THAT(added_modalias(""), IsEmpty());
}

TEST(ModuleQueue, AsksOnceForEachKindOfDevice) {
    ModuleQueue queue;
    EXPECT_TRUE(queue.add("virtio:d00000001v00001AF4\n"));
    EXPECT_FALSE(queue.add("virtio:d00000001v00001AF4"));
    EXPECT_TRUE(queue.add("of:NmmcT(null)Cbrcm,bcm2835-sdhci"));
    EXPECT_THAT(queue.take(), ElementsAre("virtio:d00000001v00001AF4", "of:NmmcT(null)Cbrcm,bcm2835-sdhci"));
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.add("virtio:d00000001v00001AF4"));  // plugged in again: the module is there
    EXPECT_TRUE(queue.empty());
}

TEST(ModuleQueue, TakesNothingThatIsNoNameOfADevice) {
    ModuleQueue queue;
    for (const std::string& name :
         {""s, "\n"s, "-r"s, "--remove"s, "usb:\x01"s, "a\nb"s, std::string(513, 'a')}) {
        EXPECT_FALSE(queue.add(name)) << name;
    }
    EXPECT_TRUE(queue.empty());
}

TEST(ModuleQueue, CutsWhatIsTooMuchForOneCommandLine) {
    ModuleQueue queue;
    for (int i = 0; i < 300; ++i) queue.add("usb:" + std::to_string(i));
    EXPECT_EQ(queue.take().size(), 256U);
    EXPECT_EQ(queue.take().size(), 44U);
    EXPECT_TRUE(queue.empty());
    // Whoever makes devices up for ever does not fill our memory.
    for (int i = 0; i < 100'000; ++i) {
        queue.add("usb:" + std::to_string(i));
        while (!queue.empty()) queue.take();
    }
}

TEST(LineCutter, KnowsLevelsAndLastWords) {
    LineCutter cutter;
    EXPECT_THAT(cutter.feed("<6>lan0: up\n<3>a"), ElementsAre(LogLine{6, "lan0: up"}));
    EXPECT_THAT(cutter.feed("larm\nterminate called\n"),
                ElementsAre(LogLine{3, "alarm"}, LogLine{5, "terminate called"}));
    EXPECT_THAT(cutter.feed("\n\n<9>x\n<6\n"), ElementsAre(LogLine{5, "<9>x"}, LogLine{5, "<6"}));
    EXPECT_THAT(cutter.feed("a\x1b[2Jb\r\n"), ElementsAre(LogLine{5, "a [2Jb "}));
}

TEST(LineCutter, CutsALineWithoutAnEnd) {
    const std::string full(LineCutter::kMaxLine, 'x');
    LineCutter cutter;
    EXPECT_THAT(cutter.feed(full + "yz"), ElementsAre(LogLine{5, full}));
    EXPECT_THAT(cutter.feed("\n"), ElementsAre(LogLine{5, "yz"}));
    EXPECT_THAT(cutter.feed(full + "\nnext\n"), ElementsAre(LogLine{5, full}, LogLine{5, "next"}));
    // The same in single bytes.
    std::vector<LogLine> lines;
    for (const char c : full + "yz\nlast\n") {
        for (LogLine& line : cutter.feed({&c, 1})) lines.push_back(line);
    }
    EXPECT_THAT(lines, ElementsAre(LogLine{5, full}, LogLine{5, "yz"}, LogLine{5, "last"}));
}

TEST(LogAllowance, ABurstAndThenFiveASecond) {
    LogAllowance allowance;
    const LogAllowance::TimePoint start{};
    unsigned skipped = 0;
    for (unsigned i = 0; i < LogAllowance::kBurst; ++i) EXPECT_TRUE(allowance.take(start, skipped));
    for (int i = 0; i < 7; ++i) EXPECT_FALSE(allowance.take(start + 100ms, skipped));
    EXPECT_TRUE(allowance.take(start + 200ms, skipped));
    EXPECT_EQ(skipped, 7U);
    EXPECT_FALSE(allowance.take(start + 399ms, skipped));
    EXPECT_TRUE(allowance.take(start + 400ms, skipped));
    EXPECT_EQ(skipped, 1U);
    // However long it was quiet, a burst is a burst.
    unsigned taken = 0;
    while (allowance.take(start + 24h, skipped)) ++taken;
    EXPECT_EQ(taken, LogAllowance::kBurst);
}

}  // namespace
}  // namespace ulagate::init::modules_test
