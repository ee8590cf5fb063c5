// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/appliance/clock/policy.h"
#include "image/appliance/clock/sntp_client.h"
#include "tests/unit/text_values.h"

namespace ulagate::appliance::sntp_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const WallTime kWall{std::chrono::sys_days{std::chrono::year{2026} / 11 / 27} + 13h};
constexpr std::chrono::steady_clock::time_point kStart{100s};

TEST(SntpPacket, QuestionByHand) {
    const auto packet = sntp_question({0x01020304, 0x05060708});
    ASSERT_THAT(packet, SizeIs(48));
    EXPECT_EQ(packet[0], std::byte{0x23}) << "no warning, version 4, client";
    for (std::size_t i = 1; i < 40; ++i) EXPECT_EQ(packet[i], std::byte{0}) << i;
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(packet[40 + i], static_cast<std::byte>(i + 1));
}

TEST(SntpPacket, TimesAndBack) {
    EXPECT_EQ(to_ntp(WallTime{0s}), (NtpTime{2'208'988'800U, 0}));
    EXPECT_EQ(to_ntp(WallTime{500ms}).fraction, 0x80000000U);
    for (const auto offset : {0ns, 1ns, 999'999'999ns, std::chrono::nanoseconds{12h}}) {
        const auto back = from_ntp(to_ntp(kWall + offset), kWall);
        EXPECT_LE(kWall + offset - back, 1ns);
        EXPECT_GE(kWall + offset - back, 0ns);
    }
}

TEST(SntpPacket, TheEraOf2036) {
    const WallTime after{std::chrono::sys_days{std::chrono::year{2040} / 1 / 1}};
    EXPECT_EQ(from_ntp(to_ntp(after), kWall), after) << "nearest to now is the next era";
    EXPECT_EQ(from_ntp(to_ntp(kWall), after), kWall);
}

SntpReply good_reply(NtpTime cookie) {
    SntpReply out;
    out.stratum = 2;
    out.origin = cookie;
    out.receive = out.transmit = to_ntp(kWall);
    return out;
}

TEST(SntpPacket, RoundTripAndTruncation) {
    const auto bytes = build_sntp(good_reply({1, 2}));
    EXPECT_EQ(parse_sntp(bytes).value(), good_reply({1, 2}));
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(parse_sntp(std::span{bytes}.first(size))) << size;
    auto longer = bytes;
    longer.resize(68);
    EXPECT_TRUE(parse_sntp(longer)) << "extensions are ignored";
}

TEST(SntpPacket, WhatIsNotBelieved) {  // RFC 4330 section 5
    const auto why = [](auto change) {
        auto reply = good_reply({1, 2});
        change(reply);
        const auto checked = check_sntp(reply, {1, 2});
        return checked ? std::string{} : checked.error().text();
    };
    EXPECT_EQ(why([](auto&) {}), "");
    EXPECT_EQ(why([](auto& reply) { reply.mode = 5; }), "mode 5 is not a server's");
    EXPECT_EQ(why([](auto& reply) { reply.origin = {1, 3}; }), "not an answer to our question");
    EXPECT_EQ(why([](auto& reply) { reply.stratum = 16; }), "stratum 16");
    EXPECT_EQ(why([](auto& reply) { reply.leap = 3; }), "the server's own clock is not set");
    EXPECT_EQ(why([](auto& reply) { reply.transmit = {}; }), "the server says no time");
    EXPECT_EQ(why([](auto& reply) { reply.version = 2; }), "version 2");
    EXPECT_EQ(why([](auto& reply) {
                  reply.stratum = 0;
                  reply.kiss = "DENY";
              }),
              "the server refuses: \"DENY\"");
}

// A client and the servers that it asks.
class Story {
public:
    Story() : client([this] { return ++random; }) {}

    [[nodiscard]] SntpClient::Now now() const { return {steady, kWall + (steady - kStart)}; }
    std::vector<SntpClient::Question> due() {
        auto turn = client.on_deadline(now());
        if (turn.sample) sample = turn.sample;
        return turn.questions;
    }
    // Advances to the next deadline and does what is due.
    std::vector<SntpClient::Question> next() {
        EXPECT_TRUE(client.deadline());
        steady = std::max(steady, client.deadline().value_or(steady));
        return due();
    }
    // A server that is `ahead` of us answers, after a way of that long in each direction.
    std::string answer(const SntpClient::Question& question, std::chrono::nanoseconds ahead,
                       std::chrono::milliseconds way = 10ms, std::function<void(SntpReply&)> change = {}) {
        SntpReply reply;
        reply.stratum = 2;
        reply.origin = parse_sntp(question.packet)->transmit;
        reply.receive = reply.transmit = to_ntp(now().wall + way + ahead);
        if (change) change(reply);
        SntpClient::Now later = now();
        later.steady += 2 * way;
        later.wall += 2 * way;
        auto turn = client.on_packet(question.server, build_sntp(reply), later);
        if (turn && turn->sample) sample = turn->sample;
        return turn ? std::string{} : turn.error().text();
    }

    std::uint64_t random = 0;
    SntpClient client;
    std::chrono::steady_clock::time_point steady = kStart;
    std::optional<ClockSample> sample;
};

TEST(SntpClient, AsksAtOnceAndTakesTheAnswer) {
    Story story;
    EXPECT_EQ(story.client.deadline(), std::nullopt);
    story.client.set_servers({ip("192.0.2.1")}, kStart);
    const auto questions = story.due();
    ASSERT_THAT(questions, SizeIs(1));
    EXPECT_EQ(story.answer(questions[0], 5s), "");
    ASSERT_TRUE(story.sample);
    EXPECT_NEAR(static_cast<double>((story.sample->offset - 5s).count()), 0, 10);
    EXPECT_NEAR(static_cast<double>((story.sample->delay - 20ms).count()), 0, 10);
    EXPECT_EQ(story.client.deadline(), story.steady + 64s + 20ms);
}

TEST(SntpClient, OneLiarAmongThreeDoesNotMoveIt) {
    for (const auto lie : {-1000h, 1000h}) {
        Story story;
        story.client.set_servers({ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")}, kStart);
        const auto questions = story.due();
        ASSERT_THAT(questions, SizeIs(3));
        story.answer(questions[0], lie);
        story.answer(questions[1], 5s);
        story.answer(questions[2], 5s);
        ASSERT_TRUE(story.sample);
        EXPECT_NEAR(static_cast<double>((story.sample->offset - 5s).count()), 0, 10);
        EXPECT_EQ(story.sample->answers, 3U);
    }
}

TEST(SntpClient, AForgedAnswerDoesNotEndTheQuestion) {
    Story story;
    story.client.set_servers({ip("192.0.2.1")}, kStart);
    const auto questions = story.due();
    EXPECT_EQ(story.answer(questions[0], 9000s, 10ms, [](auto& reply) { reply.origin.fraction ^= 1U; }),
              "not an answer to our question");
    EXPECT_FALSE(story.client.on_packet(ip("192.0.2.9"), questions[0].packet, story.now())) << "not asked";
    EXPECT_FALSE(story.sample);
    EXPECT_EQ(story.answer(questions[0], 5s), "");
    EXPECT_TRUE(story.sample);
    story.sample.reset();
    EXPECT_EQ(story.answer(questions[0], 9000s), "not asked") << "a second answer counts for nothing";
}

TEST(SntpClient, NobodyAnswersThenTheNextOnesAreAskedEverMoreSeldom) {
    Story story;
    std::vector<net::IpAddress> servers;
    for (int i = 1; i <= 6; ++i) servers.push_back(ip("192.0.2." + std::to_string(i)));
    story.client.set_servers(servers, kStart);
    EXPECT_THAT(story.due(), SizeIs(4));
    EXPECT_THAT(story.next(), IsEmpty()) << "the round ends";
    const auto second = story.next();
    ASSERT_THAT(second, SizeIs(4));
    EXPECT_EQ(second[0].server, ip("192.0.2.5"));
    std::chrono::nanoseconds longest{0};
    for (int i = 0; i < 20; ++i) {
        const auto before = story.steady;
        story.next();
        longest = std::max<std::chrono::nanoseconds>(longest, story.steady - before);
    }
    EXPECT_EQ(longest, 64s);
    story.client.on_network_change(story.steady);
    EXPECT_EQ(story.client.deadline(), story.steady) << "another cable may be the one that works";
}

TEST(SntpClient, WhoSendsAKissIsNotAskedAgain) {
    Story story;
    story.client.set_servers({ip("192.0.2.1"), ip("192.0.2.2")}, kStart);
    for (const auto& question : story.due()) {
        if (question.server == ip("192.0.2.1")) {
            EXPECT_THAT(story.answer(question, 0s, 10ms,
                                     [](auto& reply) {
                                         reply.stratum = 0;
                                         reply.kiss = "RATE";
                                     }),
                        HasSubstr("refuses"));
        } else {
            story.answer(question, 5s);
        }
    }
    ASSERT_TRUE(story.sample) << "the other one's answer is used";
    const auto again = story.next();
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(again[0].server, ip("192.0.2.2"));
}

TEST(SntpClient, AnAnswerThatTookTooLongSaysNothing) {
    Story story;
    story.client.set_servers({ip("192.0.2.1")}, kStart);
    story.answer(story.due().at(0), 5s, 2000ms);
    EXPECT_FALSE(story.sample);
}

TEST(ClockPolicy, ForwardAtOnce) { EXPECT_EQ(clock_action(kWall, 5s, kWall), ClockAction{StepClock{5s}}); }

TEST(ClockPolicy, F12_MoreThanAYearAheadNeedsASecondVoice) {
    const std::chrono::nanoseconds years{24h * 365 * 4};
    const auto alone = clock_action(kWall, years, kWall);
    ASSERT_TRUE(std::holds_alternative<KeepClock>(alone));
    EXPECT_THAT(std::get<KeepClock>(alone).reason, HasSubstr("more than a year"));
    EXPECT_EQ(clock_action(kWall, years, kWall, {2, std::nullopt}), ClockAction{StepClock{years}});
    EXPECT_EQ(clock_action(kWall, years, kWall, {1, kWall + years - 10min}), ClockAction{StepClock{years}});
    EXPECT_TRUE(std::holds_alternative<KeepClock>(clock_action(kWall, years, kWall, {1, kWall})));
    EXPECT_EQ(clock_action(kWall, 24h * 364, kWall), ClockAction{StepClock{24h * 364}});
}

TEST(ClockPolicy, F12_AFloorThatTheRelaysSayWasWrongIsNone) {
    const std::chrono::nanoseconds years{24h * 365 * 19};
    const WallTime wrong = kWall + years;
    EXPECT_TRUE(std::holds_alternative<KeepClock>(clock_action(wrong, -years, wrong)));
    EXPECT_TRUE(std::holds_alternative<KeepClock>(clock_action(wrong, -years, wrong, {4, std::nullopt})));
    EXPECT_EQ(clock_action(wrong, -years, wrong, {1, kWall - 10min}), ClockAction{StepClock{-years}});
    EXPECT_TRUE(std::holds_alternative<KeepClock>(clock_action(wrong, -years, wrong, {1, kWall - 48h})))
        << "it says something else";
    EXPECT_TRUE(std::holds_alternative<KeepClock>(clock_action(kWall, -48h, kWall - 47h, {1, kWall - 49h})))
        << "and a floor of the same day is not wrong";
}

TEST(SntpClient, F12_CountsWhoAgrees) {
    Story story;
    story.client.set_servers({ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3")}, kStart);
    const auto questions = story.due();
    ASSERT_THAT(questions, SizeIs(3));
    story.answer(questions.at(0), 5s, 20ms);
    story.answer(questions.at(1), std::chrono::seconds{24h * 365 * 19}, 20ms);
    story.answer(questions.at(2), 6s, 20ms);
    ASSERT_TRUE(story.sample);
    EXPECT_EQ(story.sample->answers, 3U);
    EXPECT_EQ(story.sample->agreeing, 2U);
}

TEST(ClockPolicy, LittleIsSlewed) {
    EXPECT_EQ(clock_action(kWall, 400ms, kWall), ClockAction{SlewClock{400ms}});
    EXPECT_EQ(clock_action(kWall, -400ms, kWall), ClockAction{SlewClock{-400ms}});
}

TEST(ClockPolicy, BackOnlySlowly) {
    EXPECT_EQ(clock_action(kWall, -10min, kWall), ClockAction{SlowClock{10min}})
        << "the lease of the last start";
    EXPECT_EQ(clock_action(kWall, -2h, kWall - 100 * 24h), ClockAction{SlowClock{2h}});
}

TEST(ClockPolicy, AClockThatIsFarAheadGoesBackButNeverBelowTheFloor) {
    EXPECT_EQ(clock_action(kWall, -48h, kWall - 49h), ClockAction{StepClock{-48h}});
    const auto kept = clock_action(kWall, -48h, kWall - 47h);
    ASSERT_TRUE(std::holds_alternative<KeepClock>(kept));
    EXPECT_THAT(std::get<KeepClock>(kept).reason,
                HasSubstr("2026-11-25 13:00:00 UTC, but it has been 2026-11-25 14:00:00 UTC"));
}

TEST(ClockPolicy, AFarFutureIsALie) {
    EXPECT_TRUE(std::holds_alternative<KeepClock>(clock_action(kWall, 24h * 366 * 25, kWall)));
}

}  // namespace
}  // namespace ulagate::appliance::sntp_test
