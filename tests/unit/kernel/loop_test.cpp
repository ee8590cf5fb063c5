// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/fd.h"
#include "tests/unit/virtual_loop.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The real loop and the virtual one keep the same promises.
struct RealTime {
    boost::asio::io_context io{1};
    AsioLoop loop{io};
    void run() { io.run(); }
};
struct VirtualTime {
    fake::VirtualLoop loop;
    void run() { loop.run_for(24h); }
};

template <class T>
class LoopTest : public ::testing::Test {
protected:
    T world;
    std::vector<std::string> seen;
    std::function<void()> see(const std::string& what) {
        return [this, what] { seen.push_back(what); };
    }
};
using Worlds = ::testing::Types<RealTime, VirtualTime>;
TYPED_TEST_SUITE(LoopTest, Worlds);

TYPED_TEST(LoopTest, AlarmsCallInTheOrderOfTheirTimesAndNeverEarly) {
    Loop& loop = this->world.loop;
    const auto start = loop.now();
    Loop::TimePoint called;
    Alarm late{loop, [&] {
                   called = loop.now();
                   this->seen.push_back("late");
               }};
    Alarm early{loop, this->see("early")};
    late.set(start + 30ms);
    early.set(start + 5ms);
    EXPECT_TRUE(late.is_set());
    this->world.run();
    EXPECT_THAT(this->seen, ElementsAre("early", "late"));
    EXPECT_GE(called, start + 30ms);
    EXPECT_FALSE(late.is_set());
}

TYPED_TEST(LoopTest, AnAlarmThatIsMovedOrTakenBackDoesNotCallAtItsFormerTime) {
    Loop& loop = this->world.loop;
    const auto start = loop.now();
    Alarm moved{loop, this->see("moved")};
    Alarm taken_back{loop, this->see("taken back")};
    Alarm between{loop, this->see("between")};
    moved.set(start + 1ms);
    moved.set(start + 40ms);
    taken_back.set(start + 1ms);
    taken_back.set(std::nullopt);
    between.set(start + 20ms);
    this->world.run();
    EXPECT_THAT(this->seen, ElementsAre("between", "moved"));
}

TYPED_TEST(LoopTest, AnAlarmThatIsDestroyedCallsNoMoreAlsoByItself) {
    Loop& loop = this->world.loop;
    auto never = std::make_unique<Alarm>(loop, this->see("never"));
    never->set(loop.now() + 10ms);
    std::unique_ptr<Alarm> itself;
    itself = std::make_unique<Alarm>(loop, [&] {
        this->seen.push_back("once");
        never.reset();
        itself.reset();
    });
    itself->set(loop.now() + 1ms);
    this->world.run();
    EXPECT_THAT(this->seen, ElementsAre("once"));
}

TYPED_TEST(LoopTest, PostedWorkComesInALaterTurnInTheOrderOfTheCalls) {
    Loop& loop = this->world.loop;
    loop.post([&] {
        loop.post(this->see("third"));
        this->seen.push_back("first");
    });
    loop.post(this->see("second"));
    EXPECT_THAT(this->seen, IsEmpty());
    this->world.run();
    EXPECT_THAT(this->seen, ElementsAre("first", "second", "third"));
}

TYPED_TEST(LoopTest, ADescriptorIsReportedUntilItIsReadAndItsWatchGone) {
    Loop& loop = this->world.loop;
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const UniqueFd in{pipe[0]};
    const UniqueFd out{pipe[1]};
    ASSERT_EQ(::write(out.get(), "ab", 2), 2);
    std::unique_ptr<Readable> readable;
    auto watched = Readable::watch(loop, in.get(), [&] {
        char byte = 0;
        ASSERT_EQ(::read(in.get(), &byte, 1), 1);
        this->seen.emplace_back(1, byte);
        if (byte == 'b') readable.reset();
    });
    ASSERT_TRUE(watched) << watched.error().text();
    readable = std::move(*watched);
    this->world.run();
    EXPECT_THAT(this->seen, ElementsAre("a", "b"));
}

TEST(VirtualLoop, ADayPassesAtOnceAndBothClocksAgreeUntilOneIsStepped) {
    fake::VirtualLoop loop;
    const auto start = loop.now();
    int ticks = 0;
    Alarm tick{loop, [&] {
                   ++ticks;
                   tick.set(loop.now() + 1s);
               }};
    tick.set(start + 1s);
    loop.run_for(24h);
    EXPECT_EQ(ticks, 24 * 3600);
    EXPECT_EQ(loop.now(), start + 24h);
    EXPECT_EQ(loop.wall_clock(), fake::VirtualLoop::kEpoch + 24h);
    loop.step_wall_clock(-1h);
    EXPECT_EQ(loop.wall_clock(), fake::VirtualLoop::kEpoch + 23h);
    EXPECT_EQ(loop.now(), start + 24h);
}

}  // namespace
}  // namespace ulagate
