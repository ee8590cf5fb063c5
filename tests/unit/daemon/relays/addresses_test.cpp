// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::relay_addresses_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using TimePoint = RelayAddresses::TimePoint;

constexpr TimePoint kStart{1000s};
constexpr IpFamily kSix = IpFamily::ipv6;
constexpr IpFamily kFour = IpFamily::ipv4;

Result<std::vector<net::IpAddress>> answer(std::initializer_list<std::string_view> texts) {
    std::vector<net::IpAddress> out;
    for (const auto text : texts) out.push_back(net::parse_ip(text).value());
    return out;
}
Result<std::vector<net::IpAddress>> no_answer() { return fail("resolve relay.example.net: server failed"); }

std::vector<std::string> all(const RelayAddresses& addresses) {
    std::vector<std::string> out;
    for (const auto& address : addresses.all()) out.push_back(net::to_string(address));
    return out;
}

// Answered at kStart with a time to live of 10 minutes each.
RelayAddresses resolved(seconds ttl = 10min) {
    RelayAddresses addresses{"relay.example.net"};
    for (const IpFamily family : kIpFamilies) EXPECT_TRUE(addresses.ask(family, kStart));
    addresses.on_answer(kSix, answer({"2001:db8::1"}), ttl, kStart);
    addresses.on_answer(kFour, answer({"192.0.2.1"}), ttl, kStart);
    return addresses;
}

// When the question for IPv6 goes out within `time` of kStart, while each answer has this time to live.
std::vector<seconds> questions(RelayAddresses& addresses, seconds time, seconds ttl) {
    std::vector<seconds> out;
    for (TimePoint now = kStart; now <= kStart + time; now += 1s) {
        if (!addresses.ask(kSix, now)) continue;
        out.push_back(std::chrono::duration_cast<seconds>(now - kStart));
        addresses.on_answer(kSix, answer({"2001:db8::1"}), ttl, now);
    }
    return out;
}

TEST(RelayAddresses, ALiteralAddressIsNeverAskedFor) {
    for (const char* host : {"192.0.2.1", "2001:db8::1"}) {
        RelayAddresses addresses{host};
        EXPECT_FALSE(addresses.is_name());
        addresses.ask_again();
        addresses.set_alive(false, kStart);
        for (const IpFamily family : kIpFamilies) EXPECT_FALSE(addresses.ask(family, kStart + 24h));
        EXPECT_EQ(addresses.deadline(), std::nullopt);
        EXPECT_EQ(addresses.problem(), "");
        EXPECT_THAT(all(addresses), ElementsAre(host));
    }
}

TEST(RelayAddresses, ANameIsAskedForOnceForEachFamily) {
    RelayAddresses addresses{"relay.example.net"};
    EXPECT_EQ(addresses.problem(), "relay.example.net is not resolved yet");
    for (const IpFamily family : kIpFamilies) {
        EXPECT_TRUE(addresses.ask(family, kStart));
        EXPECT_FALSE(addresses.ask(family, kStart + 1h));
    }
    EXPECT_EQ(addresses.deadline(), std::nullopt);
}

TEST(RelayAddresses, OneFamilyIsEnoughToBegin) {
    RelayAddresses addresses{"relay.example.net"};
    for (const IpFamily family : kIpFamilies) EXPECT_TRUE(addresses.ask(family, kStart));
    addresses.on_answer(kFour, answer({"192.0.2.1"}), 60s, kStart);
    EXPECT_THAT(all(addresses), ElementsAre("192.0.2.1"));
    EXPECT_EQ(addresses.problem(), "");
    addresses.on_answer(kSix, no_answer(), 0s, kStart + 14s);
    EXPECT_EQ(addresses.problem(), "");
}

TEST(RelayAddresses, FamiliesTakeTurnsAndIpv6Begins) {
    RelayAddresses addresses{"relay.example.net"};
    addresses.on_answer(kFour, answer({"192.0.2.1", "192.0.2.2", "192.0.2.3"}), 60s, kStart);
    addresses.on_answer(kSix, answer({"2001:db8::1", "2001:db8::2"}), 60s, kStart);
    EXPECT_THAT(all(addresses),
                ElementsAre("2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"));
}

TEST(RelayAddresses, IsAskedAgainWhenItsTimeToLiveIsOver) {
    RelayAddresses addresses = resolved(90s);
    addresses.set_alive(true, kStart);
    EXPECT_EQ(addresses.deadline(), kStart + 90s);
    EXPECT_THAT(questions(addresses, 5min, 90s), ElementsAre(90s, 180s, 270s));
}

TEST(RelayAddresses, NotMoreOftenThanEachHalfMinuteNorLessThanHourly) {
    RelayAddresses often = resolved(0s);
    often.set_alive(true, kStart);
    EXPECT_THAT(questions(often, 100s, 0s), ElementsAre(30s, 60s, 90s));
    RelayAddresses seldom = resolved(24h);
    seldom.set_alive(true, kStart);
    EXPECT_THAT(questions(seldom, 3h, 24h), ElementsAre(1h, 2h, 3h));
}

TEST(RelayAddresses, WhenTheTunnelDiesTheNameIsAskedAtOnceAndThenByItsTimeToLive) {
    RelayAddresses addresses = resolved();
    addresses.set_alive(true, kStart);
    addresses.set_alive(false, kStart + 100s);
    addresses.set_alive(false, kStart + 101s);
    // A name server that counts down: 7 s are left, then there is a fresh one.
    ASSERT_TRUE(addresses.ask(kSix, kStart + 100s));
    addresses.on_answer(kSix, answer({"2001:db8::1"}), 7s, kStart + 100s);
    EXPECT_FALSE(addresses.ask(kSix, kStart + 106s));
    ASSERT_TRUE(addresses.ask(kSix, kStart + 107s));
    addresses.on_answer(kSix, answer({"2001:db8::7"}), 60s, kStart + 107s);
    EXPECT_THAT(all(addresses), ElementsAre("2001:db8::7", "192.0.2.1"));
}

TEST(RelayAddresses, ADeadRelayThatMayMoveAtAnyTimeIsAskedForLessAndLessOften) {
    RelayAddresses addresses = resolved();
    addresses.set_alive(true, kStart);
    addresses.set_alive(false, kStart + 1s);
    const auto when = questions(addresses, 20min, 0s);
    EXPECT_EQ(when.at(0), 1s);
    EXPECT_EQ(when.at(1), 3s);
    EXPECT_EQ(when.at(2), 5s);
    EXPECT_EQ(when.back() - when.at(when.size() - 2), 30s);
}

TEST(RelayAddresses, ANewNetworkIsAskedAtOnceButNotInAStorm) {
    RelayAddresses addresses = resolved();
    unsigned asked = 0;
    for (TimePoint now = kStart + 10s; now < kStart + 20s; now += 10ms) {
        addresses.ask_again();
        if (!addresses.ask(kSix, now)) continue;
        ++asked;
        addresses.on_answer(kSix, answer({"64:ff9b::c000:201"}), 60s, now);
    }
    EXPECT_EQ(asked, 10U);
    EXPECT_THAT(all(addresses), ElementsAre("64:ff9b::c000:201", "192.0.2.1"));
}

TEST(RelayAddresses, AFailureKeepsTheLastGoodAddressesAndIsRetriedLaterAndLater) {
    RelayAddresses addresses = resolved(30s);
    std::vector<seconds> when;
    for (TimePoint now = kStart; now <= kStart + 4min; now += 1s) {
        if (!addresses.ask(kSix, now)) continue;
        when.push_back(std::chrono::duration_cast<seconds>(now - kStart));
        addresses.on_answer(kSix, no_answer(), 0s, now);
    }
    EXPECT_THAT(when, ElementsAre(30s, 31s, 33s, 37s, 45s, 61s, 93s, 153s, 213s));
    EXPECT_THAT(all(addresses), ElementsAre("2001:db8::1", "192.0.2.1"));
    EXPECT_EQ(addresses.problem(), "");  // IPv4 is fresh
    ASSERT_TRUE(addresses.ask(kFour, kStart + 4min));
    addresses.on_answer(kFour, no_answer(), 0s, kStart + 4min);
    EXPECT_EQ(addresses.problem(), "resolve relay.example.net: server failed");
    // The network changed: at once again, and impatiently.
    addresses.ask_again();
    EXPECT_TRUE(addresses.ask(kFour, kStart + 4min + 1s));
}

TEST(RelayAddresses, AFamilyThatTheNameHasLostIsForgotten) {
    RelayAddresses addresses = resolved();
    addresses.on_answer(kSix, answer({}), 0s, kStart + 10min);
    EXPECT_THAT(all(addresses), ElementsAre("192.0.2.1"));
    // But not the last one.
    addresses.on_answer(kFour, answer({}), 0s, kStart + 10min);
    EXPECT_THAT(all(addresses), ElementsAre("192.0.2.1"));
}

TEST(RelayAddresses, WithoutAnyAddressThatIsTheProblem) {
    RelayAddresses addresses{"relay.example.net"};
    addresses.on_answer(kSix, answer({}), 0s, kStart);
    addresses.on_answer(kFour, answer({}), 0s, kStart);
    EXPECT_THAT(all(addresses), IsEmpty());
    EXPECT_EQ(addresses.problem(), "resolve relay.example.net: no addresses");
}

TEST(RelayAddresses, WhatWasRememberedServesUntilThereIsAnAnswer) {
    RelayAddresses addresses{"relay.example.net"};
    addresses.remember(*answer({"2001:db8::9", "192.0.2.9"}));
    EXPECT_EQ(addresses.problem(), "");
    EXPECT_THAT(all(addresses), ElementsAre("2001:db8::9", "192.0.2.9"));
    ASSERT_TRUE(addresses.ask(kSix, kStart));
    addresses.on_answer(kSix, no_answer(), 0s, kStart);
    EXPECT_THAT(all(addresses), ElementsAre("2001:db8::9", "192.0.2.9"));
    addresses.on_answer(kSix, answer({"2001:db8::1"}), 60s, kStart);
    addresses.remember(*answer({"2001:db8::9"}));
    EXPECT_THAT(all(addresses), testing::Contains("2001:db8::1"));
}

TEST(RelayAddresses, F12_WhatWorkedStaysBehindANewAnswer) {
    RelayAddresses addresses = resolved();
    addresses.worked(net::parse_ip("192.0.2.1").value());
    EXPECT_THAT(all(addresses), ElementsAre("2001:db8::1", "192.0.2.1"));
    addresses.on_answer(kFour, answer({"203.0.113.9"}), 10min, kStart + 1h);
    EXPECT_THAT(all(addresses), ElementsAre("2001:db8::1", "203.0.113.9", "192.0.2.1"));
    addresses.worked(net::parse_ip("203.0.113.9").value());
    EXPECT_THAT(all(addresses), ElementsAre("2001:db8::1", "203.0.113.9"));
}

TEST(RelayAddresses, F12_WhatWorkedBeforeARestartStays) {
    RelayAddresses addresses{"relay.example.net"};
    addresses.remember({net::parse_ip("192.0.2.1").value()});
    addresses.worked(net::parse_ip("192.0.2.1").value());
    EXPECT_THAT(all(addresses), ElementsAre("192.0.2.1"));
    EXPECT_TRUE(addresses.ask(kFour, kStart));
    addresses.on_answer(kFour, answer({"203.0.113.9"}), 10min, kStart);
    EXPECT_THAT(all(addresses), ElementsAre("203.0.113.9", "192.0.2.1"));
}

}  // namespace
}  // namespace ulagate::relay_addresses_test
