// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/voices.h"

#include <gtest/gtest.h>

#include "tests/unit/text_values.h"

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

TEST(WgVoices, F06_ListsAreReadAsOftenAsAWholeOneNeeds) {
    using namespace std::chrono_literals;
    const net::Ipv6Address relay = address("fd99::1");
    Voices voices{{{relay, "ulg-r1"}, {address("fd99::2"), "ulg-r2"}}};
    const TimePoint start{1000s};
    for (int i = 0; i < 96; ++i) EXPECT_TRUE(voices.may_list(relay, start));
    unsigned read = 0;
    for (int i = 0; i < 10'000; ++i) read += voices.may_list(relay, start + i * 100us) ? 1U : 0U;
    EXPECT_LE(read, 67U) << "a second at line rate";
    EXPECT_TRUE(voices.may_list(address("fd99::2"), start)) << "what one says costs the other nothing";
    EXPECT_FALSE(voices.may_list(address("fd99::bad"), start)) << "nobody has a list";
}

TEST(WgVoices, F06_AListIsKnownByItsHeader) {
    const Sites sites{prefix("fd12:3456:789a::/48"), 0, 1, 0, 1, {}, {}};
    EXPECT_TRUE(names_sites(build({1, sites})));
    for (const Message& other : {Message{Goodbye{}}, Message{Probe{9}}, Message{Hello{{}, 9}}})
        EXPECT_FALSE(names_sites(build({9, other})));
    EXPECT_FALSE(names_sites({}));
}

}  // namespace
}  // namespace ulagate::wg::control::voices_test
