// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/advertised_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/text_values.h"

namespace ulagate::advertised_memory_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ra::TimePoint kNow{1000s};
constexpr AdvertisedMemory::WallTime kWall{1'795'255'000s};

const ra::Option kLan = ra::PrefixInformation{prefix("fd12:3456:789a:a::/64")};
const ra::Option kOverlay = ra::RouteInformation{prefix("fd12:3456:789a::/48"), ra::Preference::high};
const ra::Option kDns = ra::RecursiveDnsServers{{net::parse_ipv6("fd00::53").value()}, ra::Seconds{180}};
const std::string kLanHex = "030440c0000151800000384000000000fd123456789a000a0000000000000000";
const std::string kOverlayHex = "1802300800000708fd123456789a0000";

AdvertisedMemory::Entries some() {
    return {{"eth0", memory_of({kLan}, {{kOverlay, kNow + 267s}}, kWall, kNow)}};
}

TEST(AdvertisedMemory, R36_IsOneLineAnOption) {
    AdvertisedMemory memory;
    EXPECT_EQ(memory.take_write(some()), "eth0 - " + kLanHex + "\neth0 1795255267 " + kOverlayHex + "\n");
    EXPECT_EQ(memory.take_write(some()), std::nullopt) << "nothing has changed";
    memory.not_written();
    EXPECT_NE(memory.take_write(some()), std::nullopt);
}

TEST(AdvertisedMemory, R36_WhatWasAdvertisedMayBeBelievedForItsLifetime) {
    AdvertisedMemory memory;
    ASSERT_EQ(memory.load(*AdvertisedMemory{}.take_write(some())), 0U);
    const ra::TimePoint later = kNow + 5000h;  // another boot: this clock means nothing
    EXPECT_THAT(memory.recall("eth0", kWall + 200s, later),
                ElementsAre(ra::Stale{kLan, later + 24h}, ra::Stale{kOverlay, later + 67s}));
    EXPECT_THAT(memory.recall("eth0", kWall + 267s, later), ElementsAre(ra::Stale{kLan, later + 24h}));
    EXPECT_THAT(memory.recall("eth1", kWall, later), IsEmpty());
    // The clock has been set back by years: no longer than its lifetime.
    EXPECT_EQ(memory.recall("eth0", AdvertisedMemory::WallTime{}, later).at(1).until, later + 30min);
    EXPECT_EQ(memory.take_write(some()), std::nullopt) << "it is on disk already";
}

// A virtual address that was changed while the daemon stood still is taken back too.
TEST(AdvertisedMemory, F11_KnowsFromWhereHostsWereTold) {
    const net::Ipv6Address from = address("fe80::5eed");
    AdvertisedMemory memory;
    const auto text = memory.take_write(some(), {{"eth0", {from}}});
    EXPECT_EQ(text, "eth0 - " + kLanHex + "\neth0 1795255267 " + kOverlayHex + "\neth0 from fe80::5eed\n");
    AdvertisedMemory again;
    ASSERT_EQ(again.load(*text), 0U);
    EXPECT_THAT(again.sources("eth0"), ElementsAre(from));
    EXPECT_THAT(again.sources("eth1"), IsEmpty());
    EXPECT_THAT(again.recall("eth0", kWall, kNow), SizeIs(2));
    EXPECT_EQ(again.take_write(some(), {{"eth0", {from}}}), std::nullopt);
    for (std::size_t size = 0; size < text->size(); ++size)
        EXPECT_LE(AdvertisedMemory{}.load(text->substr(0, size)), 1U);
    for (const char* line : {"eth0 from", "eth0 from fd00::1", "eth0 from x", " from fe80::1"})
        EXPECT_EQ(AdvertisedMemory{}.load(line), 1U) << line;
}

// The LAN has another interface name now, and the same hosts.
TEST(AdvertisedMemory, F11_FindsTheLanThatWasCalledSomethingElse) {
    AdvertisedMemory memory;
    ASSERT_EQ(memory.load(*AdvertisedMemory{}.take_write(some())), 0U);
    const auto all = [](const std::string&) { return true; };
    const auto none = [](const std::string&) { return false; };
    EXPECT_EQ(memory.behind(prefix("fd12:3456:789a:a::/64"), all), "eth0");
    EXPECT_EQ(memory.behind(prefix("fd12:3456:789a:a::/64"), none), std::nullopt) << "it is a LAN still";
    EXPECT_EQ(memory.behind(prefix("fd12:3456:789a:b::/64"), all), std::nullopt);
}

TEST(AdvertisedMemory, EveryKindIsReadAgain) {
    const std::vector<ra::Option> all{kLan,
                                      kOverlay,
                                      kDns,
                                      ra::DnsSearchList{{"example.net"}, ra::Seconds{180}},
                                      ra::Pref64{prefix("64:ff9b::/96"), ra::Seconds{184}},
                                      ra::CaptivePortal{"https://portal.example.net"}};
    AdvertisedMemory memory;
    ASSERT_EQ(memory.load(*AdvertisedMemory{}.take_write({{"br-lan.10", memory_of(all, {}, kWall, kNow)}})),
              0U);
    std::vector<ra::Option> read;
    for (const ra::Stale& stale : memory.recall("br-lan.10", kWall, kNow)) read.push_back(stale.option);
    EXPECT_EQ(read, all);
}

// Two clocks: their difference is never the same twice.
TEST(AdvertisedMemory, IsNotWrittenBecauseClocksDiffer) {
    AdvertisedMemory memory;
    memory.take_write(some());
    const ra::TimePoint later = kNow + 100s;
    const auto again = memory_of({kLan}, {{kOverlay, kNow + 267s}}, kWall + 101s, later);
    EXPECT_EQ(memory.take_write({{"eth0", again}}), std::nullopt);
    const auto other = memory_of({kLan}, {{kOverlay, kNow + 1000s}}, kWall + 101s, later);
    EXPECT_NE(memory.take_write({{"eth0", other}}), std::nullopt);
}

TEST(AdvertisedMemory, WhatHostsHaveForgottenIsForgotten) {
    AdvertisedMemory memory;
    memory.take_write(some());
    EXPECT_EQ(memory.take_write({{"eth0", memory_of({kLan}, {{kOverlay, kNow}}, kWall, kNow)}}),
              "eth0 - " + kLanHex + "\n");
    EXPECT_EQ(memory.take_write({}), "");
}

TEST(AdvertisedMemory, WhatMakesNoSenseIsLeftOut) {
    AdvertisedMemory memory;
    EXPECT_EQ(memory.load(
                  "eth0 - " + kLanHex + "\n" + "eth0\n\neth0 -\neth0 x " + kLanHex + "\neth0 -1 " + kLanHex +
                  "\neth0 99999999999999999999 " + kLanHex + "\neth0 - " + kLanHex + "00\neth0 - 0\n" +
                  "eth0 - zz\neth0 - 0101020000000000\neth0 - fe01000000000000\n - " + kLanHex + "\n"),
              12U);
    EXPECT_THAT(memory.recall("eth0", kWall, kNow), SizeIs(1));
    std::string many;
    for (std::size_t i = 0; i < AdvertisedMemory::kMost + 10; ++i) many += "eth1 - " + kLanHex + "\n";
    EXPECT_EQ(memory.load(many), 0U);
    EXPECT_THAT(memory.recall("eth1", kWall, kNow), SizeIs(AdvertisedMemory::kMost));
}

}  // namespace
}  // namespace ulagate::advertised_memory_test
