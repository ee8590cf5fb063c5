// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "tests/unit/text_values.h"
#include "wg/voices.h"

namespace ulagate::wg::control::voices_test {
namespace {

TEST(WgVoices, F05_APeerSpeaksThroughItsOwnInterfaceOnly) {
    const Voices voices{{{address("fd99::1"), "ulg-r1"}, {address("fd99::2"), "ulg-r2"}}};
    EXPECT_TRUE(voices.may_speak(address("fd99::1"), "ulg-r1"));
    for (const char* interface : {"ulg-r2", "ulg-v51", "ulg-r11", "ulg-r", "eth0", "lo", ""})
        EXPECT_FALSE(voices.may_speak(address("fd99::1"), interface)) << interface;
    EXPECT_FALSE(voices.may_speak(address("fd99::2"), "ulg-r1")) << "one relay is not the other";
}

TEST(WgVoices, F05_StrangersAreHeardFromTunnelsOnly) {
    const Voices voices{{{address("fd99::1"), "ulg-r1"}}};
    EXPECT_TRUE(voices.may_speak(address("fd99::bad"), "ulg-r1")) << "to be told that they are strangers";
    for (const char* interface : {"ulg-v51", "ulg-v1", "eth0", "lo", ""})
        EXPECT_FALSE(voices.may_speak(address("fd99::bad"), interface)) << interface;
    EXPECT_TRUE(Voices{}.may_speak(address("fd99::1"), "ulg-s1"));
    EXPECT_FALSE(Voices{}.may_speak(address("fd99::1"), "ulg-v255"));
}

}  // namespace
}  // namespace ulagate::wg::control::voices_test
