// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/turn_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ulagate::turn_record_test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

TurnRecord::Reading at(std::chrono::microseconds wall, std::chrono::microseconds processor = 0us,
                       std::uint64_t waits = 0) {
    return {wall, processor, waits};
}

TEST(TurnRecord, F07_ALongTurnIsNamedWithItsLongestPart) {
    TurnRecord record;
    record.begin("tick", at(1s));
    record.begin("plan", at(1s + 5ms));
    record.begin("kernel: links", at(1s + 6ms));
    EXPECT_FALSE(record.end(at(1s + 136ms)));
    EXPECT_FALSE(record.end(at(1s + 140ms)));
    EXPECT_TRUE(record.end(at(1s + 143ms, 12ms, 3)));
    EXPECT_EQ(record.longest().wall, 143ms);
    EXPECT_EQ(record.longest().processor, 12ms);
    EXPECT_EQ(record.longest().what, "tick");
    EXPECT_EQ(record.longest().part, "kernel: links");
    EXPECT_EQ(record.longest().alone, 130ms);
    EXPECT_THAT(record.take_line(2s).value(),
                AllOf(HasSubstr("143 ms"), HasSubstr("12 ms of processor time, waited 3 times"),
                      HasSubstr("in tick, of that 130 ms in kernel: links")));
}

TEST(TurnRecord, AShortTurnIsNobodysBusiness) {
    TurnRecord record;
    record.begin("tick", at(1s));
    EXPECT_FALSE(record.end(at(1s + 20ms)));
    EXPECT_EQ(record.too_long(), 0U);
    EXPECT_FALSE(record.take_line(2s));
    EXPECT_EQ(record.longest().wall, 20ms);
    EXPECT_FALSE(record.end(at(3s)));  // of nothing
}

TEST(TurnRecord, F07_LinesAreBoundedAndSayTheWorst) {
    TurnRecord record;
    unsigned lines = 0;
    std::string last;
    for (auto time = 0ms; time < 180s; time += 100ms) {
        record.begin("event", at(time));
        const auto length = time == 5s ? 90ms : 30ms;
        EXPECT_TRUE(record.end(at(time + length)));
        const auto line = record.take_line(time + length);
        if (line) ++lines;
        if (line && lines == 2) last = *line;
    }
    EXPECT_LE(lines, 4U);
    EXPECT_EQ(record.too_long(), 1800U);
    EXPECT_THAT(last, AllOf(HasSubstr("90 ms"), HasSubstr("more turns were over 20 ms")));
}

TEST(TurnRecord, TheWorstOfLatelyIsForgottenAfterAWhile) {
    TurnRecord record;
    const auto turn = [&record](std::chrono::microseconds when, std::chrono::microseconds length) {
        record.begin("event", at(when));
        record.end(at(when + length));
    };
    turn(10s, 500ms);
    turn(65s, 1ms);
    EXPECT_EQ(record.longest_lately().wall, 500ms);
    turn(200s, 2ms);
    EXPECT_EQ(record.longest_lately().wall, 2ms);
    EXPECT_EQ(record.longest().wall, 500ms);
}

TEST(TurnPart, MeasuresTheThreadThatRunsIt) {
    turns() = TurnRecord{};  // what other tests have measured
    {
        const TurnPart turn{"outer"};
        const TurnPart part{"inner"};
        volatile unsigned sum = 0;
        // Past a tick of the clock that some kernels count processor time by.
        const auto begun = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() < begun + 30ms) sum = sum + 1;
    }
    EXPECT_GT(turns().longest().wall, 0us);
    EXPECT_GT(turns().longest().processor, 0us);
    EXPECT_EQ(turns().longest().what, "outer");
}

}  // namespace
}  // namespace ulagate::turn_record_test
