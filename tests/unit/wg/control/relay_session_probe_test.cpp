// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/wg/control/relay_session_story.h"
#include "wg/control/relay_session.h"

// Whether the relay answers, how fast, and how often not.
namespace ulagate::wg::control::relay_session_probe_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(RelaySessionStory, ProbesEverySecondAndMeasuresTheRoundTrip) {
    start();
    EXPECT_FALSE(session_.alive());
    EXPECT_FALSE(session_.has_answered());
    run_until(40ms);
    relay_echoes();
    EXPECT_TRUE(session_.alive());
    EXPECT_EQ(session_.round_trip(), 40ms);
    EXPECT_THAT(events(), ElementsAre(ReachabilityChanged{true, false}));
    run_until(3500ms);
    EXPECT_THAT(probes_, ElementsAre(Sent{0ms, Probe{7000}}, Sent{1000ms, Probe{7001}},
                                     Sent{2000ms, Probe{7002}}, Sent{3000ms, Probe{7003}}));
    relay_says(ProbeAck{6999});
    relay_says(ProbeAck{7000});
    EXPECT_EQ(session_.round_trip(), 40ms) << "neither of a former life nor twice";
}

TEST_F(RelaySessionStory, ThreeProbesWithoutAnAnswerAreTheEnd) {
    start();
    relay_echoes();
    events();
    run_until(3999ms);  // those of 1 s and 2 s are missed, that of 3 s not yet
    EXPECT_TRUE(session_.alive());
    run_until(4s);
    EXPECT_FALSE(session_.alive());
    EXPECT_TRUE(session_.has_answered());
    EXPECT_THAT(events(), ElementsAre(ReachabilityChanged{false, false}));
    EXPECT_EQ(session_.loss(now().steady), (RelaySession::Loss{4, 3}));
    run_until(10'100ms);
    relay_echoes();
    EXPECT_TRUE(session_.alive());
    EXPECT_EQ(session_.round_trip(), 100ms);
}

TEST_F(RelaySessionStory, ProbesAtOnceWhenTheEgressHasChanged) {
    start();
    relay_echoes();
    run_until(300ms);
    record(session_.probe_now(now()));
    EXPECT_EQ(probes_.back().at, 300ms);
    run_until(1299ms);
    EXPECT_EQ(probes_.size(), 2U) << "and the next one after the usual time";
    session_.stop(now());
    EXPECT_THAT(session_.probe_now(now()).send, IsEmpty());
}

TEST_F(RelaySessionStory, ARelayThatIsBackHearsTheClaimAtOnce) {
    start();
    active();
    relay_answers(owned_by(kUs, 42));
    relay_echoes();
    run_until(8600ms);
    EXPECT_FALSE(session_.alive());
    sent();
    relay_echoes();
    EXPECT_THAT(sent(), ElementsAre(claim(8600ms, 42)));
    run_until(9400ms);
    relay_echoes();
    EXPECT_THAT(sent(), IsEmpty()) << "once, and a second later as ever";
    run_until(9600ms);
    EXPECT_THAT(sent(), ElementsAre(claim(9600ms, 42)));
}

TEST_F(RelaySessionStory, UnderTrafficTheEndIsSeenWithin1200Milliseconds) {
    start();
    relay_echoes();
    run_until(500ms);
    record(session_.set_traffic(true, now()));
    run_answered(2s, owned_by(kUs, 1));  // probes at 800 ms, 1.1 s, 1.4 s, 1.7 s, 2 s
    EXPECT_EQ(probes_.back().at, 2000ms);
    run_until(3199ms);  // silence
    EXPECT_TRUE(session_.alive());
    run_until(3200ms);
    EXPECT_FALSE(session_.alive());
    record(session_.set_traffic(false, now()));
    const std::size_t before = probes_.size();
    run_until(6200ms);
    EXPECT_LE(probes_.size() - before, 3U);
}

TEST_F(RelaySessionStory, ASlowWayIsNotADeadOne) {
    record(session_.set_traffic(true, now()));
    start();
    // Each answer takes 2 s, longer than three intervals.
    for (int i = 0; i < 40; ++i) {
        run_until(2s + i * 300ms);
        relay_says(ProbeAck{7000U + static_cast<unsigned>(i)});
        EXPECT_TRUE(session_.alive());
        EXPECT_EQ(session_.round_trip(), 2s);
    }
    EXPECT_THAT(events(), ElementsAre(ReachabilityChanged{true, false}));
}

TEST_F(RelaySessionStory, ARelayThatNeverAnswersIsNeverAliveAndNoNews) {
    active();
    start();
    run_until(60s);
    EXPECT_FALSE(session_.alive());
    EXPECT_FALSE(session_.has_answered());
    EXPECT_THAT(events(), IsEmpty());
    EXPECT_EQ(session_.loss(now().steady), (RelaySession::Loss{31, 31})) << "the last one is too young";
}

TEST_F(RelaySessionStory, ARelayThatSpokeAndNeverEchoedIsDown) {
    active();
    start();
    relay_answers(owned_by(kUs, 42));
    run_until(2999ms);
    EXPECT_FALSE(session_.has_answered()) << "the first echoes may still come";
    run_until(3s);
    EXPECT_TRUE(session_.has_answered());
    EXPECT_FALSE(session_.alive());
    run_until(10s);
    EXPECT_THAT(events(), ::testing::Contains(ReachabilityChanged{false, false}).Times(1));
    relay_echoes();
    EXPECT_TRUE(session_.alive());
}

TEST_F(RelaySessionStory, GoodbyeFromTheRelayIsTheEndAtOnce) {
    start();
    relay_echoes();
    events();
    const auto late_echo = relay_sequence_ + 1;
    run_until(1s);
    relay_sequence_ += 1;
    relay_says(Goodbye{});
    EXPECT_FALSE(session_.alive());
    EXPECT_THAT(events(), ElementsAre(ReachabilityChanged{false, true}));
    record(session_.on_packet({late_echo, ProbeAck{7001}}, now()));
    EXPECT_FALSE(session_.alive()) << "sent before it";
    run_until(2s);
    relay_sequence_ = 3'000'000'000;  // the new relay's start
    relay_echoes();
    EXPECT_TRUE(session_.alive());
}

}  // namespace
}  // namespace ulagate::wg::control::relay_session_probe_test
