// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "daemon/endpoint_race.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using TimePoint = EndpointRace::TimePoint;

constexpr TimePoint kStart{1000s};

net::IpAddress ip(std::string_view text) { return net::parse_ip(text).value(); }

const net::IpAddress kSix = ip("2001:db8::1");
const net::IpAddress kSixToo = ip("2001:db8::2");
const net::IpAddress kFour = ip("192.0.2.1");
const net::IpAddress kFourToo = ip("192.0.2.2");
const Uplink kSpare{"wan1", ip("198.51.100.1")};

// A relay with some addresses of which some answer, and the tunnel to it, in virtual time.
class Story {
public:
    EndpointRace race;
    TimePoint now = kStart;
    std::vector<net::IpAddress> addresses{kSix, kFour};
    std::set<IpFamily> ways{IpFamily::ipv6, IpFamily::ipv4};
    std::vector<Uplink> spares;
    std::set<std::string> answering;  // "2001:db8::1", "192.0.2.1 wan1"
    milliseconds round_trip = 40ms;
    bool may_send = true;
    bool traffic = false;
    bool answers_probes = true;
    bool daemon_runs = true;  // else only WireGuard answers
    bool has_peer = true;
    bool alive = false;

    struct Tried {
        milliseconds when;  // since kStart
        std::string what;
        bool operator==(const Tried&) const = default;
        friend std::ostream& operator<<(std::ostream& out, const Tried& one) {
            return out << one.when.count() << " ms " << one.what;
        }
    };
    std::vector<Tried> tried;

    [[nodiscard]] std::string choice() const {
        if (!race.choice()) return "none";
        return net::to_string(race.choice()->address) +
               (race.choice()->via ? " " + race.choice()->via->link : "");
    }
    // In steps of 10 ms, or larger ones while all is well; what is heard is heard at once.
    void run(milliseconds time) {
        const TimePoint end = now + time;
        while (now < end) {
            step();
            const bool calm = alive && !race.on_trial();
            now = std::min(calm ? std::max(now + 10ms, race.deadline().value_or(end)) : now + 10ms, end);
        }
    }
    // How long until the tunnel works.
    milliseconds until_alive() {
        const TimePoint begin = now;
        while (!alive && now < begin + 1h) {
            step();
            now += 10ms;
        }
        return std::chrono::duration_cast<milliseconds>(now - begin);
    }
    void lose() {
        alive = false;
        answered_at_.reset();
    }

private:
    void step() {
        const bool answers = answering.contains(choice());
        if (answers && sent_at_ && now >= *sent_at_ + round_trip && !answered_at_) answered_at_ = now;
        if (answered_at_ && !answers) lose();
        if (answered_at_ && daemon_runs && now >= *answered_at_ + (answers_probes ? round_trip : 0ms))
            alive = true;
        EndpointRace::View view;
        view.addresses = addresses;
        view.has_way = [this](const net::IpAddress& address) { return ways.contains(family_of(address)); };
        view.other_ways = [this](IpFamily) { return spares; };
        if (has_peer && race.choice()) view.in_use = race.choice()->address;
        view.may_send = may_send;
        view.alive = alive;
        view.answered = answered_at_.has_value();
        view.traffic = traffic;
        view.answers_probes = answers_probes;
        view.round_trip = round_trip;
        const auto before = choice();
        const auto attempt = race.update(view, now);
        if (before != choice() || attempt) {
            sent_at_ = now;
            answered_at_.reset();
            if (attempt && attempt->renew) alive = false;
        }
        if (!attempt) return;
        tried.push_back({std::chrono::duration_cast<milliseconds>(now - kStart),
                         choice() + (attempt->renew ? "" : " kept")});
    }
    std::optional<TimePoint> sent_at_;
    std::optional<TimePoint> answered_at_;
};

TEST(EndpointRace, TheFirstThatAnswersIsKept) {
    Story story;
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.run(1h);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{0ms, "2001:db8::1"}));
    EXPECT_EQ(story.race.winner(), kSix);
    EXPECT_EQ(story.race.deadline(), std::nullopt);
}

TEST(EndpointRace, ADeadFamilyCostsOneShortTry) {
    Story story;
    story.answering = {"192.0.2.1"};
    EXPECT_LE(story.until_alive(), 300ms + 2 * 40ms + 20ms);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{0ms, "2001:db8::1"}, Story::Tried{300ms, "192.0.2.1"}));
    EXPECT_EQ(story.race.winner(), kFour);
}

TEST(EndpointRace, EachRoundIsTwiceAsPatientUpToFiveSeconds) {
    Story story;
    story.addresses = {kSix};
    story.run(25s);
    std::vector<milliseconds> when;
    for (const auto& tried : story.tried) when.push_back(tried.when);
    EXPECT_THAT(when, ElementsAre(0ms, 300ms, 900ms, 2100ms, 4500ms, 9300ms, 14300ms, 19300ms, 24300ms));
}

TEST(EndpointRace, ASlowRelayIsFoundInALaterRound) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.round_trip = 700ms;
    story.until_alive();
    EXPECT_EQ(story.choice(), "192.0.2.1");
    EXPECT_EQ(story.tried.size(), 6U);  // 300 ms and 600 ms are too short for it, 1200 ms are not
}

TEST(EndpointRace, AfterALossTheLastWinnerIsTheFirst) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.run(10s);
    story.tried.clear();
    story.lose();
    story.run(5s);
    ASSERT_FALSE(story.tried.empty());
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{10000ms, "192.0.2.1 kept"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointRace, ALostSessionIsGivenARoundTripBeforeThePeerIsMadeAnew) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.ways = {IpFamily::ipv4};
    story.run(10s);
    story.tried.clear();
    story.lose();
    story.answering.clear();
    story.run(1s);
    EXPECT_THAT(story.tried,
                ElementsAre(Story::Tried{10000ms, "192.0.2.1 kept"}, Story::Tried{10130ms, "192.0.2.1"},
                            Story::Tried{10430ms, "192.0.2.1"}));
}

TEST(EndpointRace, ADaemonThatRestartsCostsTheSessionNothing) {
    Story story;
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.run(10s);
    story.tried.clear();
    story.lose();
    story.daemon_runs = false;
    story.run(4s);
    story.daemon_runs = true;
    story.run(1min);
    EXPECT_TRUE(story.alive);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{10000ms, "2001:db8::1 kept"}));
}

TEST(EndpointRace, APeerThatIsGoneHasNoSessionToSpare) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.run(10s);
    story.tried.clear();
    story.lose();
    story.has_peer = false;
    story.run(10ms);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{10000ms, "2001:db8::1"}));
}

TEST(EndpointRace, WithoutADaemonForLongWireGuardIsDisturbedOnceAMinute) {
    Story story;
    story.ways = {IpFamily::ipv4};
    story.answering = {"192.0.2.1"};
    story.run(10s);
    story.tried.clear();
    story.lose();
    story.daemon_runs = false;
    story.run(10min);
    EXPECT_LE(story.tried.size(), 12U);
}

TEST(EndpointRace, AWinnerFromDiskIsTheFirst) {
    Story story;
    story.race.remember(kFour, {kSix, kFour});
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{0ms, "192.0.2.1"}));
}

TEST(EndpointRace, WhatWorkedBeforeARestartIsKept) {
    EndpointRace race;
    EndpointRace::View view;
    view.addresses = {kSix, kFour};
    view.has_way = [](const net::IpAddress&) { return true; };
    view.other_ways = [](IpFamily) { return std::vector<Uplink>{}; };
    view.in_use = kFour;
    view.alive = true;
    EXPECT_EQ(race.update(view, kStart), std::nullopt);
    EXPECT_EQ(race.choice(), (Candidate{kFour, std::nullopt}));
}

TEST(EndpointRace, AFamilyWithoutAWayIsNotTried) {
    Story story;
    story.ways = {IpFamily::ipv4};
    story.answering = {"192.0.2.1"};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{0ms, "192.0.2.1"}));
}

TEST(EndpointRace, LeavesAtOnceWhatHasNoWayAnyMore) {
    Story story;
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.run(10s);
    story.tried.clear();
    story.ways = {IpFamily::ipv4};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{10000ms, "192.0.2.1"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointRace, WithoutAnyWayNothingIsTriedAndTheChoiceStays) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.run(10s);
    story.tried.clear();
    story.ways.clear();
    story.lose();
    story.run(10s);
    EXPECT_THAT(story.tried, IsEmpty());
    EXPECT_EQ(story.choice(), "192.0.2.1");
    EXPECT_EQ(story.race.deadline(), std::nullopt);
    // Back again, at once.
    story.ways = {IpFamily::ipv4};
    EXPECT_LE(story.until_alive(), 100ms);
}

TEST(EndpointRace, WithoutAWayTheFirstAddressIsTheEndpoint) {
    Story story;
    story.ways.clear();
    story.run(1s);
    EXPECT_EQ(story.choice(), "2001:db8::1");
}

TEST(EndpointRace, AWorkingAddressIsKeptThoughTheNameHasOthersNow) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.run(1s);
    story.addresses = {kSixToo};
    story.run(1h);
    EXPECT_EQ(story.choice(), "2001:db8::1");
    EXPECT_EQ(story.tried.size(), 1U);
}

TEST(EndpointRace, ADeadAddressThatTheNameHasLostIsLeftAtOnce) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.run(1s);
    story.addresses = {kSixToo};
    story.tried.clear();
    story.lose();
    story.answering = {"2001:db8::2"};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{1000ms, "2001:db8::2"}));
}

TEST(EndpointRace, ANewAddressIsTriedAsSoonAsItIsKnown) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.run(1s);
    story.lose();
    story.answering.clear();
    story.run(20s);  // tries of several seconds each
    story.tried.clear();
    story.addresses = {kSix, kFour, kSixToo};  // the old ones are still listed
    story.answering = {"2001:db8::2"};
    story.run(1s);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{21000ms, "2001:db8::2"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointRace, ANewAddressComesBeforeTheLastWinner) {
    Story story;
    story.answering = {"2001:db8::1"};
    story.run(1s);
    story.addresses = {kSix, kFour, kFourToo};
    story.run(1s);
    story.lose();
    story.answering.clear();
    story.tried.clear();
    story.run(500ms);
    ASSERT_FALSE(story.tried.empty());
    EXPECT_EQ(story.tried.front().what, "192.0.2.2");
}

TEST(EndpointRace, AHandshakeThatNoRoundTripFollowsIsNoVictory) {
    Story story;
    story.answering = {"2001:db8::1", "192.0.2.1"};
    story.round_trip = 100ms;
    story.run(150ms);  // answered, and then the path swallows what is larger
    story.answering = {"192.0.2.1"};
    story.until_alive();
    EXPECT_EQ(story.choice(), "192.0.2.1");
}

TEST(EndpointRace, ThePreferredFamilyIsTriedEveryTenMinutesWithoutTraffic) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.until_alive();
    story.tried.clear();
    story.run(31min);
    EXPECT_THAT(
        story.tried,
        ElementsAre(Story::Tried{600380ms, "2001:db8::1 kept"}, Story::Tried{601380ms, "192.0.2.1 kept"},
                    Story::Tried{1201380ms, "2001:db8::1 kept"}, Story::Tried{1202380ms, "192.0.2.1 kept"},
                    Story::Tried{1802380ms, "2001:db8::1 kept"}, Story::Tried{1803380ms, "192.0.2.1 kept"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointRace, ATrialThatIsAnsweredWins) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.until_alive();
    story.answering = {"192.0.2.1", "2001:db8::1"};
    story.tried.clear();
    story.run(1h);
    EXPECT_EQ(story.tried.size(), 1U);
    EXPECT_EQ(story.choice(), "2001:db8::1");
    EXPECT_EQ(story.race.winner(), kSix);
    EXPECT_TRUE(story.alive);
}

TEST(EndpointRace, TrafficPutsATrialOff) {
    Story story;
    story.answering = {"192.0.2.1"};
    story.until_alive();
    story.tried.clear();
    story.traffic = true;
    story.run(30min);
    EXPECT_THAT(story.tried, IsEmpty());
    story.traffic = false;
    story.run(1s);
    EXPECT_EQ(story.tried.size(), 1U);
}

TEST(EndpointRace, AStockRelayNeedsAHandshakeForATrialAndForTheWayBack) {
    Story story;
    story.answers_probes = false;
    story.answering = {"192.0.2.1"};
    story.until_alive();
    story.tried.clear();
    story.run(11min);
    EXPECT_THAT(story.tried,
                ElementsAre(Story::Tried{600340ms, "2001:db8::1"}, Story::Tried{601340ms, "192.0.2.1"}));
    EXPECT_TRUE(story.alive);
}

TEST(EndpointRace, AnAddressThatCameLateGetsItsChanceSoon) {
    Story story;
    story.addresses = {kFour};
    story.answering = {"192.0.2.1", "2001:db8::1"};
    story.until_alive();
    story.addresses = {kSix, kFour};  // the answer to AAAA
    story.tried.clear();
    story.run(3s);
    ASSERT_EQ(story.tried.size(), 1U);
    EXPECT_EQ(story.choice(), "2001:db8::1");
}

TEST(EndpointRace, AnotherNetworkGivesThePreferredFamilyAChance) {
    Story story;
    story.ways = {IpFamily::ipv4};
    story.answering = {"192.0.2.1", "2001:db8::1"};
    story.run(10s);
    story.tried.clear();
    story.ways = {IpFamily::ipv4, IpFamily::ipv6};
    story.race.network_changed(story.now);
    story.run(1min);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{12000ms, "2001:db8::1 kept"}));
    EXPECT_EQ(story.choice(), "2001:db8::1");
}

TEST(EndpointRace, AnotherNetworkStartsTheTriesAgain) {
    Story story;
    story.addresses = {kSix};
    story.run(20s);
    story.tried.clear();
    story.race.network_changed(story.now);
    story.run(1s);
    EXPECT_THAT(story.tried,
                ElementsAre(Story::Tried{20000ms, "2001:db8::1"}, Story::Tried{20300ms, "2001:db8::1"},
                            Story::Tried{20900ms, "2001:db8::1"}));
}

TEST(EndpointRace, WhileNothingMayBeSentNothingIsTried) {
    Story story;
    story.may_send = false;
    story.run(1min);
    EXPECT_THAT(story.tried, IsEmpty());
    EXPECT_EQ(story.choice(), "2001:db8::1");
    // The peer comes with its endpoint, and its handshake begins by itself.
    story.may_send = true;
    story.run(310ms);
    EXPECT_THAT(story.tried, ElementsAre(Story::Tried{60300ms, "192.0.2.1"}));
}

TEST(EndpointRace, AnotherUplinkComesAfterAllAddresses) {
    Story story;
    story.spares = {kSpare};
    story.answering = {"192.0.2.1 wan1"};
    story.until_alive();
    std::vector<std::string> what;
    for (const auto& tried : story.tried) what.push_back(tried.what);
    EXPECT_THAT(what, ElementsAre("2001:db8::1", "192.0.2.1", "2001:db8::1 wan1", "192.0.2.1 wan1"));
    // And is left for the routing table's own when that answers again.
    story.answering = {"2001:db8::1", "192.0.2.1 wan1"};
    story.run(11min);
    EXPECT_EQ(story.choice(), "2001:db8::1");
}

TEST(EndpointRace, AnUplinkThatIsGoneIsLeftAtOnce) {
    Story story;
    story.spares = {kSpare};
    story.answering = {"2001:db8::1 wan1"};
    story.until_alive();
    story.spares.clear();
    story.answering = {"2001:db8::1"};
    EXPECT_EQ(story.choice(), "2001:db8::1 wan1");
    story.run(500ms);
    EXPECT_EQ(story.choice(), "2001:db8::1");
    EXPECT_TRUE(story.alive);
}

}  // namespace
}  // namespace ulagate
