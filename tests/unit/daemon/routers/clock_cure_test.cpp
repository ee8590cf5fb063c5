// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/clock_cure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/kernel/fake_kernel.h"

namespace ulagate::clock_cure_test {
namespace {

using namespace std::chrono_literals;
using fake::key;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const net::Endpoint kHome = endpoint("198.51.100.10:51820");

// A relay, and what it sees; time passes by itself only in knock().
class ClockCureStory : public testing::Test {
protected:
    // A router that was connected and is gone.
    static ClockCure::Peer gone(std::uint8_t n, const net::Endpoint& last) {
        ClockCure::Peer peer;
        peer.key = key(n);
        peer.endpoint = last;
        peer.last_handshake = kBefore;
        peer.known = true;
        return peer;
    }
    // As WireGuard does: every 5 s, for so many times.
    void knock(const net::Endpoint& from, int times, std::size_t slot = 0) {
        for (int i = 0; i < times; ++i) {
            cure_.on_initiation(from, slot, now_);
            pass(5s);
        }
    }
    void pass(std::chrono::seconds time) {
        now_.steady += time;
        now_.wall += time;
    }
    std::vector<wg::PublicKey> judge() { return cure_.judge(peers_, now_); }

    static constexpr ClockCure::WallTime kBefore{1'795'000'000s};
    ClockCure cure_;
    ClockCure::Now now_{ClockCure::TimePoint{1000s}, ClockCure::WallTime{1'795'262'400s}};
    std::vector<ClockCure::Peer> peers_{gone(1, kHome), gone(2, endpoint("198.51.100.11:51820"))};
};

TEST_F(ClockCureStory, OneInitiationIsNothing) {
    knock(kHome, 1);
    EXPECT_FALSE(cure_.is_due(now_.steady));
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(ClockCureStory, TwoWithinFourSecondsAreNothing) {
    cure_.on_initiation(kHome, 0, now_);
    pass(3s);
    cure_.on_initiation(kHome, 0, now_);
    EXPECT_FALSE(cure_.is_due(now_.steady));
    pass(1s);
    cure_.on_initiation(kHome, 0, now_);
    EXPECT_TRUE(cure_.is_due(now_.steady));
}

TEST_F(ClockCureStory, WhoKnocksInVainIsMadeAnew) {
    knock(kHome, 2);
    EXPECT_TRUE(cure_.is_due(now_.steady));
    EXPECT_THAT(judge(), ElementsAre(key(1)));
    EXPECT_FALSE(cure_.is_due(now_.steady));
}

TEST_F(ClockCureStory, WhoGotItsHandshakeIsNot) {
    knock(kHome, 2);
    peers_[0].last_handshake = now_.wall - 4s;
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(ClockCureStory, AHandshakeInTheFutureIsAnOldOne) {
    peers_[0].last_handshake = now_.wall + 24h;  // the relay's own clock went back since
    knock(kHome, 2);
    EXPECT_THAT(judge(), ElementsAre(key(1)));
}

// Behind one address of a carrier's NAT there are many: another's handshake is none of this one.
TEST_F(ClockCureStory, AnothersHandshakeDoesNotCount) {
    peers_.push_back(gone(3, endpoint("198.51.100.10:40000")));
    peers_[2].last_handshake = now_.wall;
    peers_[2].live = true;
    knock(kHome, 2);
    EXPECT_THAT(judge(), ElementsAre(key(1)));
}

TEST_F(ClockCureStory, ALivePeerIsNeverDisturbed) {
    peers_[0].live = true;
    peers_[1].live = true;
    knock(kHome, 2);
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(ClockCureStory, OnlyPeersOfTheSlotThatWasAskedFor) {
    peers_[1] = gone(2, kHome);
    peers_[1].slot = 1;
    knock(kHome, 2, 1);
    EXPECT_THAT(judge(), ElementsAre(key(2)));
}

TEST_F(ClockCureStory, FromAnotherPortOfItsAddress) {
    knock(endpoint("198.51.100.10:1234"), 2);
    EXPECT_THAT(judge(), ElementsAre(key(1)));
}

TEST_F(ClockCureStory, FromAnAddressThatNobodyHadAnyThatWasConnectedBeforeMayBeMeant) {
    peers_.push_back(gone(3, kHome));
    peers_[2].known = false;
    peers_[2].endpoint.reset();
    knock(endpoint("[2001:db8::5]:51820"), 2);
    EXPECT_THAT(judge(), UnorderedElementsAre(key(1), key(2)));
}

// The site moved to an address where another site was, which is dead.
TEST_F(ClockCureStory, WhenTheNearOneDidNotHelpTheOthersAreTried) {
    knock(kHome, 2);
    EXPECT_THAT(judge(), ElementsAre(key(1)));
    knock(kHome, 2);
    EXPECT_THAT(judge(), ElementsAre(key(2)));
}

TEST_F(ClockCureStory, EightAtMost) {
    peers_.clear();
    for (std::uint8_t n = 1; n <= 20; ++n) peers_.push_back(gone(n, kHome));
    knock(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(8));
    knock(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(8));
    knock(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(4));
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(ClockCureStory, EachTimeAfterTwiceAsLongUpToTenMinutes) {
    peers_.resize(1);
    std::vector<int> after;  // seconds
    auto last = now_.steady;
    for (const auto end = now_.steady + 1h; now_.steady < end;) {
        knock(kHome, 1);
        if (!cure_.is_due(now_.steady) || judge().empty()) continue;
        peers_[0].last_handshake = {};  // as the device says of a new peer
        after.push_back(static_cast<int>((now_.steady - last) / 1s));
        last = now_.steady;
    }
    ASSERT_THAT(after, SizeIs(testing::Ge(8U)));
    for (std::size_t i = 1; i < after.size(); ++i) {
        const int wanted = std::min(30 << (i - 1), 600);
        EXPECT_GE(after[i], wanted) << i;
        EXPECT_LE(after[i], wanted + 10) << i;
    }
}

TEST_F(ClockCureStory, WhatHelpedStartsAgainAtThirtySeconds) {
    peers_.resize(1);
    knock(kHome, 2);
    ASSERT_THAT(judge(), SizeIs(1));
    pass(30s);
    knock(kHome, 2);
    ASSERT_THAT(judge(), SizeIs(1));
    peers_[0].last_handshake = now_.wall + 1s;
    pass(10s);
    EXPECT_THAT(judge(), IsEmpty());  // sees that it helped
    pass(1min);
    knock(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(1));
    pass(20s);
    knock(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(1));
}

TEST_F(ClockCureStory, ALongPauseMakesItANewStory) {
    knock(kHome, 1);
    pass(30s);
    knock(kHome, 1);
    EXPECT_FALSE(cure_.is_due(now_.steady));
}

TEST_F(ClockCureStory, AFloodOfStrangersIsForgottenOldestFirst) {
    const auto stranger = [](std::uint16_t n) { return net::Endpoint{kHome.address, n, 0}; };
    cure_.on_initiation(kHome, 0, now_);
    for (std::uint16_t n = 0; n < 64; ++n) {
        pass(1s);
        cure_.on_initiation(stranger(n), 0, now_);
    }
    // The first of all is forgotten: its second try is a first one. The last is not.
    cure_.on_initiation(kHome, 0, now_);
    EXPECT_FALSE(cure_.is_due(now_.steady));
    pass(5s);
    cure_.on_initiation(stranger(63), 0, now_);
    EXPECT_TRUE(cure_.is_due(now_.steady));
}

TEST_F(ClockCureStory, JudgesNotMoreOftenThanEveryFourSeconds) {
    knock(kHome, 2);
    judge();
    const net::Endpoint other = endpoint("203.0.113.9:1");
    cure_.on_initiation(other, 0, {now_.steady - 5s, now_.wall - 5s});
    cure_.on_initiation(other, 0, now_);
    EXPECT_FALSE(cure_.is_due(now_.steady + 3s));
    EXPECT_TRUE(cure_.is_due(now_.steady + 4s));
}

}  // namespace
}  // namespace ulagate::clock_cure_test
