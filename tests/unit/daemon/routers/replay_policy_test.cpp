// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/replay_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/kernel/fake_kernel.h"

namespace ulagate::replay_policy_test {
namespace {

using namespace std::chrono_literals;
using fake::key;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const net::Endpoint kHome = endpoint("198.51.100.10:51820");

// A relay, and what it sees; time passes by itself only in initiate().
class ReplayPolicyStory : public testing::Test {
protected:
    // A router that was connected and is gone.
    static ReplayPolicy::Peer gone(std::uint8_t n, const net::Endpoint& last) {
        ReplayPolicy::Peer peer;
        peer.key = key(n);
        peer.endpoint = last;
        peer.last_handshake = kBefore;
        peer.known = true;
        return peer;
    }
    // As WireGuard does: every 5 s, for so many times.
    void initiate(const net::Endpoint& from, int times, std::size_t router_index = 0) {
        for (int i = 0; i < times; ++i) {
            policy_.on_initiation(from, router_index, now_);
            pass(5s);
        }
    }
    void pass(std::chrono::seconds time) {
        now_.steady += time;
        now_.wall += time;
    }
    std::vector<wg::PublicKey> judge() { return policy_.judge(peers_, now_); }

    static constexpr ReplayPolicy::WallTime kBefore{1'795'000'000s};
    ReplayPolicy policy_;
    ReplayPolicy::Now now_{ReplayPolicy::TimePoint{1000s}, ReplayPolicy::WallTime{1'795'262'400s}};
    std::vector<ReplayPolicy::Peer> peers_{gone(1, kHome), gone(2, endpoint("198.51.100.11:51820"))};
};

TEST_F(ReplayPolicyStory, OneInitiationIsNothing) {
    initiate(kHome, 1);
    EXPECT_FALSE(policy_.is_due(now_.steady));
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(ReplayPolicyStory, TwoWithinFourSecondsAreNothing) {
    policy_.on_initiation(kHome, 0, now_);
    pass(3s);
    policy_.on_initiation(kHome, 0, now_);
    EXPECT_FALSE(policy_.is_due(now_.steady));
    pass(1s);
    policy_.on_initiation(kHome, 0, now_);
    EXPECT_TRUE(policy_.is_due(now_.steady));
}

TEST_F(ReplayPolicyStory, APeerWhoseInitiationsAreIgnoredIsAddedAgain) {
    initiate(kHome, 2);
    EXPECT_TRUE(policy_.is_due(now_.steady));
    EXPECT_THAT(judge(), ElementsAre(key(1)));
    EXPECT_FALSE(policy_.is_due(now_.steady));
}

TEST_F(ReplayPolicyStory, WhoGotItsHandshakeIsNot) {
    initiate(kHome, 2);
    peers_[0].last_handshake = now_.wall - 4s;
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(ReplayPolicyStory, AHandshakeInTheFutureIsAnOldOne) {
    peers_[0].last_handshake = now_.wall + 24h;  // the relay's own clock went back since
    initiate(kHome, 2);
    EXPECT_THAT(judge(), ElementsAre(key(1)));
}

// Behind one address of a carrier's NAT there are many: another's handshake is none of this one.
TEST_F(ReplayPolicyStory, AnothersHandshakeDoesNotCount) {
    peers_.push_back(gone(3, endpoint("198.51.100.10:40000")));
    peers_[2].last_handshake = now_.wall;
    peers_[2].live = true;
    initiate(kHome, 2);
    EXPECT_THAT(judge(), ElementsAre(key(1)));
}

TEST_F(ReplayPolicyStory, ALivePeerIsNeverDisturbed) {
    peers_[0].live = true;
    peers_[1].live = true;
    initiate(kHome, 2);
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(ReplayPolicyStory, OnlyPeersOfTheInterfaceThatWasAskedFor) {
    peers_[1] = gone(2, kHome);
    peers_[1].router_index = 1;
    initiate(kHome, 2, 1);
    EXPECT_THAT(judge(), ElementsAre(key(2)));
}

TEST_F(ReplayPolicyStory, FromAnotherPortOfItsAddress) {
    initiate(endpoint("198.51.100.10:1234"), 2);
    EXPECT_THAT(judge(), ElementsAre(key(1)));
}

TEST_F(ReplayPolicyStory, FromAnAddressThatNobodyHadAnyThatWasConnectedBeforeMayBeMeant) {
    peers_.push_back(gone(3, kHome));
    peers_[2].known = false;
    peers_[2].endpoint.reset();
    initiate(endpoint("[2001:db8::5]:51820"), 2);
    EXPECT_THAT(judge(), UnorderedElementsAre(key(1), key(2)));
}

// The site moved to an address where another site was, which is dead.
TEST_F(ReplayPolicyStory, WhenTheNearOneDidNotHelpTheOthersAreTried) {
    initiate(kHome, 2);
    EXPECT_THAT(judge(), ElementsAre(key(1)));
    initiate(kHome, 2);
    EXPECT_THAT(judge(), ElementsAre(key(2)));
}

TEST_F(ReplayPolicyStory, EightAtMost) {
    peers_.clear();
    for (std::uint8_t n = 1; n <= 20; ++n) peers_.push_back(gone(n, kHome));
    initiate(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(8));
    initiate(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(8));
    initiate(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(4));
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(ReplayPolicyStory, EachTimeAfterTwiceAsLongUpToTenMinutes) {
    peers_.resize(1);
    std::vector<int> after;  // seconds
    auto last = now_.steady;
    for (const auto end = now_.steady + 1h; now_.steady < end;) {
        initiate(kHome, 1);
        if (!policy_.is_due(now_.steady) || judge().empty()) continue;
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

TEST_F(ReplayPolicyStory, WhatHelpedStartsAgainAtThirtySeconds) {
    peers_.resize(1);
    initiate(kHome, 2);
    ASSERT_THAT(judge(), SizeIs(1));
    pass(30s);
    initiate(kHome, 2);
    ASSERT_THAT(judge(), SizeIs(1));
    peers_[0].last_handshake = now_.wall + 1s;
    pass(10s);
    EXPECT_THAT(judge(), IsEmpty());  // sees that it helped
    pass(1min);
    initiate(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(1));
    pass(20s);
    initiate(kHome, 2);
    EXPECT_THAT(judge(), SizeIs(1));
}

TEST_F(ReplayPolicyStory, ALongPauseMakesItANewStory) {
    initiate(kHome, 1);
    pass(30s);
    initiate(kHome, 1);
    EXPECT_FALSE(policy_.is_due(now_.steady));
}

TEST_F(ReplayPolicyStory, AFloodOfStrangersIsForgottenOldestFirst) {
    const auto stranger = [](std::uint16_t n) { return net::Endpoint{kHome.address, n, 0}; };
    policy_.on_initiation(kHome, 0, now_);
    for (std::uint16_t n = 0; n < 64; ++n) {
        pass(1s);
        policy_.on_initiation(stranger(n), 0, now_);
    }
    // The first of all is forgotten: its second try is a first one. The last is not.
    policy_.on_initiation(kHome, 0, now_);
    EXPECT_FALSE(policy_.is_due(now_.steady));
    pass(5s);
    policy_.on_initiation(stranger(63), 0, now_);
    EXPECT_TRUE(policy_.is_due(now_.steady));
}

TEST_F(ReplayPolicyStory, JudgesNotMoreOftenThanEveryFourSeconds) {
    initiate(kHome, 2);
    judge();
    const net::Endpoint other = endpoint("203.0.113.9:1");
    policy_.on_initiation(other, 0, {now_.steady - 5s, now_.wall - 5s});
    policy_.on_initiation(other, 0, now_);
    EXPECT_FALSE(policy_.is_due(now_.steady + 3s));
    EXPECT_TRUE(policy_.is_due(now_.steady + 4s));
}

}  // namespace
}  // namespace ulagate::replay_policy_test
